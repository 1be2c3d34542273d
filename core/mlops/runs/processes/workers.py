"""A process per node, seen from the run: orders go to a server process that forks a child for each, outcomes come back.

Forking a process that has already imported the plugins costs a few milliseconds where a new interpreter costs hundreds.
The server is a process of its own because forking is safe only where no other thread runs; see ``forking``. Where the
operating system cannot fork, each node gets a fresh interpreter instead; see ``interpreters``.

Run and server exchange frames over a socket: ORDER and its content one way, ANSWER and its content the other. The server
opens neither: an order is unpickled by the child that runs it, an outcome by the run.
"""

from __future__ import annotations

import os
import pickle
import select
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Protocol

from mlops.errors import RunError
from mlops.nodes import Origin
from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome
from mlops.runs.preparation import Preparation
from mlops.runs.processes.frames import ANSWER, NO_LIMIT, ORDER, RUN, STOP

GRACE = 10.0
"""Seconds between asking a node to end (SIGTERM) and killing it."""


class Workers(Protocol):
    """Runs orders in processes of their own, as many at once as it is given."""

    def start(self, order: Order, seconds: float | None) -> None:
        """Start an attempt; after ``seconds`` it is ended and counts as failed."""

    def stop(self) -> None:
        """Ask every running node to end, and kill those that do not."""

    def wait(self, seconds: float | None = None) -> Sequence[NodeOutcome]:
        """Return what has ended since the last call, waiting for the first at most ``seconds``."""

    def close(self) -> None:
        """Kill the nodes that are still running, and end."""


def workers(preparation: Preparation, origins: Iterable[Origin] = (), *, grace: float = GRACE) -> Workers:
    """Return what runs each order in a process of its own on this operating system.

    ``preparation`` is made where nodes run. The plugins of ``origins`` are imported before the first node.
    """
    if hasattr(os, "fork"):
        return ForkingWorkers(preparation, origins, grace=grace)
    from mlops.runs.processes.interpreters import FreshInterpreters

    return FreshInterpreters(preparation, grace=grace)


class ForkingWorkers:
    """The run's end of the server that forks."""

    def __init__(self, preparation: Preparation, origins: Iterable[Origin], *, grace: float) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            # a session of its own: Ctrl-C reaches the whole terminal, and only the run decides what it means
            self._server = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(theirs.fileno()), *sys.path],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._received = bytearray()
        self._running: set[int] = set()
        self._number = 0
        setup = pickle.dumps((sys.argv, preparation, tuple(origins), grace))
        self._send(ORDER.pack(RUN, 0, NO_LIMIT, len(setup)) + setup)

    def start(self, order: Order, seconds: float | None) -> None:
        """Start an attempt.

        Raises:
            RunError: the server process is gone.
        """
        self._number += 1
        self._running.add(self._number)
        content = pickle.dumps(order, pickle.HIGHEST_PROTOCOL)
        self._send(ORDER.pack(RUN, self._number, NO_LIMIT if seconds is None else seconds, len(content)) + content)

    def stop(self) -> None:
        """Ask every running node to end."""
        self._send(b"".join(ORDER.pack(STOP, number, NO_LIMIT, 0) for number in sorted(self._running)))

    def wait(self, seconds: float | None = None) -> Sequence[NodeOutcome]:
        """Return what has ended since the last call.

        Raises:
            RunError: the server process is gone.
        """
        ended = self._taken()
        if not ended and self._poll.poll(None if seconds is None else seconds * 1000):
            self._receive()
            ended = self._taken()
        return ended

    def close(self) -> None:
        """End the server, and with it what still runs."""
        self._socket.close()
        self._server.wait()

    def _taken(self) -> list[NodeOutcome]:
        """Return the outcomes that have arrived whole."""
        outcomes: list[NodeOutcome] = []
        received, start = self._received, 0
        while len(received) >= start + ANSWER.size:
            number, size = ANSWER.unpack_from(received, start)
            end = start + ANSWER.size + size
            if len(received) < end:
                break
            outcomes.append(pickle.loads(received[start + ANSWER.size : end]))
            self._running.discard(number)
            start = end
        del received[:start]
        return outcomes

    def _receive(self) -> None:
        try:
            piece = self._socket.recv(1 << 18)
        except ConnectionError:
            piece = b""
        if not piece:
            raise self._gone()
        self._received += piece

    def _send(self, message: bytes) -> None:
        """Send a message, taking in answers while there is no room: the server may wait for room just as we do."""
        rest = memoryview(message)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                self._poll.modify(self._socket, select.POLLIN | select.POLLOUT)
                if any(event & select.POLLIN for _, event in self._poll.poll()):
                    self._receive()
                self._poll.modify(self._socket, select.POLLIN)
            except ConnectionError:
                raise self._gone() from None

    def _gone(self) -> RunError:
        code = self._server.wait()
        return RunError(
            f"the process that runs the nodes ended with code {code}",
            hint="the machine may be out of memory; mlops run --resume goes on from what is committed",
        )


_SERVE = "import sys; number, sys.path[:] = int(sys.argv[1]), sys.argv[2:]; from mlops.runs.processes.forking import serve; serve(number)"
