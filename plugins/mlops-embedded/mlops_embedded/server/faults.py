"""Faults on demand: what a test asks to go wrong with the n-th call of some kind.

    {"path": "/queries/", "sql": "INSERT", "nth": 2, "times": 1, "do": "drop_answer"}

Actions: `delay` (with `seconds`), `status` (answer with `status` instead of handling: 429, 503, ...), `accept` (answer 202
with a Location, handle the call after `seconds`, and answer there), `error` (refuse with Snowflake's `code`), `drop` (close the connection before the call is handled), `drop_answer` (handle it, then
close the connection instead of answering), `kill` (the server ends as kill -9 would end it).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import uuid
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.requests import MAX_BODY
from mlops_embedded.server.resources import bad_request

ACTIONS = ("delay", "status", "accept", "error", "drop", "drop_answer", "kill")
ADMIN = "/embedded/"
_QUERY = "/queries/v1/query-request"
_RESULTS = "/api/v2/results/"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to go wrong; the calls that match `path`, `method` and `sql` are counted from 1."""

    do: str
    path: str = "/"
    """The beginning of the path."""
    method: str | None = None
    sql: str | None = None
    """Text that the statement has (in any case); only statements match then."""
    nth: int = 1
    times: int = 1
    """How many calls in a row, from the nth on; 0 is all of them."""
    seconds: float = 0.0
    status: int = 503
    code: str = "000603"

    @classmethod
    def parsed(cls, given: Any) -> Fault:
        """Return the fault of a JSON object; 400 if a key or value is not known."""
        try:
            fault = cls(**given)
        except TypeError as error:
            raise bad_request(f"this is no fault: {error}") from error
        if fault.do not in ACTIONS:
            raise bad_request(f"no fault does {fault.do!r}; known are {', '.join(ACTIONS)}")
        return fault


@dataclass(eq=False)
class _Armed:
    fault: Fault
    seen: int = 0


@dataclass(eq=False)
class Faults:
    """The faults that are asked for, and how often each has matched."""

    _armed: list[_Armed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(_Armed(fault))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{**asdict(armed.fault), "seen": armed.seen} for armed in self._armed]

    @property
    def looks_at_sql(self) -> bool:
        return any(armed.fault.sql for armed in self._armed)

    def due(self, method: str, path: str, sql: str | None) -> list[Fault]:
        """Count this call, and return the faults that it shall suffer."""
        due = []
        with self._lock:
            for armed in self._armed:
                fault = armed.fault
                if not path.startswith(fault.path) or (fault.method and fault.method.upper() != method):
                    continue
                if fault.sql and (sql is None or fault.sql.lower() not in sql.lower()):
                    continue
                armed.seen += 1
                if armed.seen >= fault.nth and (fault.times == 0 or armed.seen < fault.nth + fault.times):
                    due.append(fault)
        return due


class Faulty:
    """Lets calls suffer what was asked for; calls to the admin routes never do."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app, self._faults = app, faults
        self._accepted: dict[str, asyncio.Task[list[Message]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self._accepted:
            await self._answer_accepted(scope, receive, send)
            return
        if scope["type"] != "http" or not self._faults._armed or scope["path"].startswith(ADMIN):
            await self._app(scope, receive, send)
            return
        cycle = getattr(receive, "__self__", None)
        sql = None
        if self._faults.looks_at_sql and scope["path"] == _QUERY:
            receive, sql = await _with_sql(scope, receive)
        for fault in self._faults.due(scope["method"], scope["path"], sql):
            match fault.do:
                case "delay":
                    await asyncio.sleep(fault.seconds)
                case "status":
                    await _answer(scope, receive, send, fault)
                    return
                case "accept":
                    await self._accept(scope, receive, send, fault)
                    return
                case "error":
                    scope.setdefault("state", {})["error"] = fault.code
                    await _refuse(scope, receive, send, fault)
                    return
                case "drop":
                    _close(cycle)
                    return
                case "drop_answer":
                    await self._app(scope, receive, _swallow)
                    _close(cycle)
                    return
                case "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
        await self._app(scope, receive, send)

    async def _accept(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        """Handle a call later and aside, and say where its answer will be."""
        body = await _body(receive)
        location = f"{_RESULTS}{uuid.uuid4()}"
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        async def handle() -> list[Message]:
            await asyncio.sleep(fault.seconds)
            await self._app(scope, _given(body), keep)
            return answer

        self._accepted[location] = asyncio.create_task(handle())
        await _in_progress(location)(scope, receive, send)

    async def _answer_accepted(self, scope: Scope, receive: Receive, send: Send) -> None:
        handled = self._accepted[scope["path"]]
        if not handled.done():
            await _in_progress(scope["path"])(scope, receive, send)
            return
        for message in await handled:
            await send(message)


def _in_progress(location: str) -> JSONResponse:
    said = {"code": "392604", "message": "Request execution in progress.", "resultHandler": location}
    return JSONResponse(said, 202, {"Location": location})


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _given(body: bytes) -> Receive:
    """Return a `receive` that gives this body, and says then that the client has gone."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


async def _with_sql(scope: Scope, receive: Receive) -> tuple[Receive, str | None]:
    """Read the body to see its statement, and return a `receive` that gives it again."""
    body = await _body(receive)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    plain = body
    if dict(scope["headers"]).get(b"content-encoding") == b"gzip":
        plain = zlib.decompressobj(wbits=31).decompress(body, MAX_BODY)
    try:
        return again, json.loads(plain).get("sqlText")
    except ValueError:
        return again, None


async def _answer(scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
    said = {"code": str(fault.status), "message": f"asked for: {fault.status}", "success": False, "data": None}
    headers = {"Retry-After": "0"} if fault.status in {429, 503} else {}
    await JSONResponse(said, fault.status, headers)(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
    error = SnowflakeError("asked for by a fault", code=fault.code, sqlstate="XX000")
    data = {"errorCode": error.code, "sqlState": error.sqlstate, "queryId": None}
    said = {"success": False, "code": error.code, "message": error.message, "data": data}
    await JSONResponse(said)(scope, receive, send)


async def _swallow(message: Message) -> None:
    """The answer that nobody gets."""


def _close(cycle: Any) -> None:
    """Close the client's connection without a word: uvicorn's request cycle holds it."""
    cycle.transport.abort()
