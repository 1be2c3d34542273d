"""The server of a process per node: it forks a child for each order, ends it when it must, and passes its answer on.

It has no threads, so that forking is safe, and does as little as it can between two forks: every page that it or a child
writes to after a fork is copied by the kernel, and that copying is most of what a node costs. When the run is gone,
whichever way it went, the server kills the children and ends.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import sys
import time
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

from msgspec import Struct

from mlops.plugins.loading import preload
from mlops.runs.node_run import Stopped
from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome, State, died, interrupted, timed_out
from mlops.runs.processes.execution import Execute, rehearsed
from mlops.runs.processes.frames import ANSWER, NO_LIMIT, ORDER, RUN

_LOOK = 1.0
"""Seconds after which children are looked at that have died and left their pipe open in a process of their own."""


def serve(channel: int) -> None:
    """Run the orders that come over the socket with this file descriptor, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, _, _, content = _received(channel)
    sys.argv, preparation, origins, grace = pickle.loads(content)
    _die_with_parent(signal.SIGTERM)  # also while a plugin hangs in its import, when nobody reads the socket
    preload(origins)
    server = _Server(channel, rehearsed(preparation), grace)
    signal.signal(signal.SIGTERM, server.terminated)
    gc.collect()
    gc.freeze()  # a child that looked for garbage among what it shares with the server would copy all of it
    with suppress(EOFError, ConnectionError):  # the run is gone
        try:
            server.serve()
        finally:
            server.kill_all()


class _Child(Struct):
    """A node that is being run, and when it must end. ``pipe`` is where its answer comes from."""

    number: int
    order: bytes
    process: int
    pipe: int
    started: float
    seconds: float
    deadline: float | None = None
    kill_at: float | None = None
    timed_out: bool = False
    received: bytes = b""

    @property
    def answer(self) -> bytes | None:
        """What it has answered; None until that is whole."""
        received = self.received
        whole = len(received) >= ANSWER.size and len(received) == ANSWER.size + ANSWER.unpack_from(received)[1]
        return received if whole else None


class _Server:
    def __init__(self, channel: int, execute: Execute, grace: float) -> None:
        self._channel, self._execute, self._grace = channel, execute, grace
        self._process = os.getpid()
        self._answered = False
        self._children: dict[int, _Child] = {}
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)

    def serve(self) -> None:
        """Serve until the run closes its end.

        Raises:
            EOFError, ConnectionError: it has.
        """
        while True:
            ready = self._poll.poll(self._patience())
            for file, _ in ready:
                if file != self._channel:
                    self._listen(self._children[file])
            for file, _ in ready:
                if file == self._channel:
                    self._obey(*_received(file))
            self._enforce(look=not ready)

    def kill_all(self) -> None:
        """Kill every child and what it has started."""
        for child in self._children.values():
            _signal(child, signal.SIGKILL)

    def terminated(self, number: int, frame: object) -> None:
        """End the server, or in a child its node, on SIGTERM. The handler is there before the fork."""
        if os.getpid() == self._process:
            raise SystemExit(128 + number)
        if not self._answered:
            raise Stopped

    def _patience(self) -> float | None:
        """Return how many milliseconds may pass until the children must be seen to."""
        if not self._children:
            return None
        moments = [
            moment
            for child in self._children.values()
            for moment in (child.deadline, child.kill_at)
            if moment is not None
        ]
        return max(0.0, min(_LOOK, min(moments) - time.monotonic()) if moments else _LOOK) * 1000

    def _obey(self, kind: bytes, number: int, seconds: float, content: bytes) -> None:
        if kind == RUN:
            self._start(number, seconds, content)
        else:
            for child in self._children.values():
                if child.number == number:
                    self._end(child)

    def _start(self, number: int, seconds: float, content: bytes) -> None:
        pipe, theirs = os.pipe()
        process = os.fork()
        if not process:
            self._run(number, content, theirs)
        with suppress(ProcessLookupError, PermissionError):  # the child does so, too: whoever comes first
            os.setpgid(process, process)
        os.close(theirs)
        self._poll.register(pipe, select.POLLIN)
        self._children[pipe] = child = _Child(number, content, process, pipe, time.time(), seconds)
        if seconds != NO_LIMIT:
            child.deadline = time.monotonic() + seconds

    def _run(self, number: int, content: bytes, pipe: int) -> NoReturn:
        """Run one order and answer with its outcome; in the child."""
        code = 1
        try:
            os.setpgid(0, 0)
            _die_with_parent(signal.SIGKILL)
            if os.getppid() == self._process:
                os.close(self._channel)
                outcome = pickle.dumps(_outcome(self._execute, pickle.loads(content)), pickle.HIGHEST_PROTOCOL)
                self._answered = True
                _write(pipe, ANSWER.pack(number, len(outcome)) + outcome)
                sys.stdout.flush()
                sys.stderr.flush()
                code = 0
        except Stopped:  # before or after the node itself: the server knows that it has asked for it
            pass
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)  # exit handlers belong to the server that was forked

    def _listen(self, child: _Child) -> None:
        piece = os.read(child.pipe, 1 << 18)
        child.received += piece
        if not piece or child.answer is not None:
            self._collect(child)

    def _end(self, child: _Child) -> None:
        if child.kill_at is None:
            child.deadline, child.kill_at = None, time.monotonic() + self._grace
            _signal(child, signal.SIGTERM)

    def _enforce(self, *, look: bool) -> None:
        now = time.monotonic()
        for child in list(self._children.values()):
            if child.deadline is not None and now >= child.deadline:
                child.timed_out = True
                self._end(child)
            elif child.kill_at is not None and now >= child.kill_at:
                child.kill_at = now + self._grace
                _signal(child, signal.SIGKILL)
            if look and (ended := os.waitpid(child.process, os.WNOHANG))[0]:
                self._collect(child, ended[1])

    def _collect(self, child: _Child, status: int | None = None) -> None:
        """Answer for a child that has answered, or that has died without; ``status`` where it is known already."""
        _signal(child, signal.SIGKILL)  # what the node has started and left behind
        if status is None:
            _, status = os.waitpid(child.process, 0)
        self._poll.unregister(child.pipe)
        os.close(child.pipe)
        del self._children[child.pipe]
        answer = child.answer
        if answer is None or (child.timed_out and not _succeeded(answer)):
            outcome = pickle.dumps(_lost(child, os.waitstatus_to_exitcode(status)))
            answer = ANSWER.pack(child.number, len(outcome)) + outcome
        _write(self._channel, answer)


def _outcome(execute: Execute, order: Order) -> NodeOutcome:
    """Run an order and return what it came to, also where the node ends its process or is ended."""
    started = time.time()
    try:
        return execute(order)
    except Stopped:
        return interrupted(order.node.full_name, order.attempt, started)
    except BaseException as cause:  # SystemExit of a node, or a fault of ours: both must be told
        from mlops.runs.failure import error_info

        error = error_info(cause)
        return NodeOutcome(order.node.full_name, State.FAILED, order.attempt, started, time.time(), error=error)


def _succeeded(answer: bytes) -> bool:
    outcome: NodeOutcome = pickle.loads(answer[ANSWER.size :])
    return outcome.state is State.SUCCEEDED


def _lost(child: _Child, code: int) -> NodeOutcome:
    """Return the outcome of a node whose process could not tell it itself."""
    order: Order = pickle.loads(child.order)
    if child.timed_out:
        error = timed_out(child.seconds)
    elif child.kill_at is not None:
        return interrupted(order.node.full_name, order.attempt, child.started)
    else:
        error = died(code)
    return NodeOutcome(order.node.full_name, State.FAILED, order.attempt, child.started, time.time(), error=error)


def _signal(child: _Child, number: int) -> None:
    """Send a signal to a node's process and to all it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process, number)


def _die_with_parent(number: int) -> None:
    """Let the kernel send this process a signal when its parent dies, even when that is killed itself; Linux only."""
    if sys.platform == "linux":
        _libc().prctl(1, number)  # PR_SET_PDEATHSIG


@cache
def _libc() -> Any:  # Any: a foreign library
    import ctypes

    return ctypes.CDLL(None)


def _received(channel: int) -> tuple[bytes, int, float, bytes]:
    """Read a frame: its kind, number, seconds and content."""
    kind, number, seconds, size = ORDER.unpack(_read(channel, ORDER.size))
    return kind, number, seconds, _read(channel, size)


def _read(channel: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(channel, size - len(data))
        if not piece:
            raise EOFError
        data = data + piece if data else piece
    return data


def _write(file: int, data: bytes) -> None:
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, memoryview(data)[written:])
