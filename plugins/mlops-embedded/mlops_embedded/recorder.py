"""A proxy on loopback that passes every request on to the server and writes down both sides."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; bodies are parsed JSON."""

    method: str
    path: str
    query: dict[str, str]
    request: Any
    status: int
    response: Any


class Recorder(ThreadingHTTPServer):
    """Listens on a port of its own; `exchanges` has what went through, REST calls only."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = port
        self.exchanges: list[Exchange] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        split = urlsplit(self.path)
        if split.path.startswith("/api/v2/"):
            query = dict(parse_qsl(split.query, keep_blank_values=True))
            exchange = Exchange(self.command, split.path, query, _json(body), answer.status, _json(content))
            self.server.exchanges.append(exchange)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 (the names that http.server asks for)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the exchanges are the log."""


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw


@contextmanager
def recorder(port: int) -> Iterator[Recorder]:
    """A recorder in front of the server on this port."""
    with Recorder(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
