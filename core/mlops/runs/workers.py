"""A process per node: a server process without threads that forks one child for each node, and ends it when it must.

Forking a process that has already imported the plugins costs two milliseconds where a new interpreter costs hundreds. The
server is a process of its own because forking is safe only where no other thread runs. Where the operating system cannot
fork, each node gets a fresh interpreter instead.

Parent and server exchange tuples over a pipe: ("run", key, Order, seconds | None) and ("stop", key) one way, (key,
NodeOutcome) the other. When the parent is gone, whichever way it went, the server kills the children and ends.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from msgspec import Struct

from mlops.errors import RunError
from mlops.nodes import Node, Origin
from mlops.plugins.loading import preload
from mlops.runs.node_run import Order, Stopped, error_info, run_node
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunInfo, State, interrupted

GRACE = 10.0
"""Seconds between asking a node to end (SIGTERM) and killing it."""

Execute = Callable[[Order], NodeOutcome]


class Workers:
    """Runs orders in processes of their own, as many at once as it is given."""

    def __init__(self, prepare: Callable[[], Execute], origins: Iterable[Origin] = (), *, grace: float = GRACE) -> None:
        """``prepare`` is called in the server process before the first node and returns what runs an order there.

        The plugins of ``origins`` are imported there as well, so that children find them imported.
        """
        self._pipe, theirs = get_context("spawn").Pipe()
        self._server = get_context("spawn").Process(
            target=_serve, args=(theirs, prepare, tuple(origins), grace), name="mlops-workers"
        )
        self._server.start()
        theirs.close()

    def start(self, key: str, order: Order, seconds: float | None) -> None:
        """Start a node; after ``seconds`` it is ended and counts as failed."""
        self._send(("run", key, order, seconds))

    def stop(self, key: str) -> None:
        """Ask a node to end, and kill it when it does not."""
        self._send(("stop", key))

    def wait(self, seconds: float | None = None) -> list[tuple[str, NodeOutcome]]:
        """Return the nodes that have ended since the last call, waiting for the first at most ``seconds``.

        Raises:
            RunError: the server process is gone.
        """
        ended: list[tuple[str, NodeOutcome]] = []
        try:
            while self._pipe.poll(0 if ended else seconds):
                ended.append(self._pipe.recv())
        except EOFError:
            self._server.join()
            raise RunError(
                f"the process that runs the nodes ended with code {self._server.exitcode}",
                hint="the machine may be out of memory; mlops run --resume goes on from what is committed",
            ) from None
        return ended

    def close(self) -> None:
        """End the server; nodes that are still running are killed."""
        self._pipe.close()
        self._server.join()
        self._server.close()

    def _send(self, message: tuple[Any, ...]) -> None:  # Any: see the module's docstring
        try:
            self._pipe.send(message)
        except (BrokenPipeError, OSError):
            raise RunError(
                "the process that runs the nodes is gone", hint="mlops run --resume goes on from what is committed"
            ) from None


class _Child(Struct):
    """A node that is being run, and when it must end."""

    key: str
    order: Order
    process: BaseProcess
    answer: Connection
    started: float
    deadline: float | None
    seconds: float | None
    kill_at: float | None = None
    timed_out: bool = False


def _serve(pipe: Connection, prepare: Callable[[], Execute], origins: Iterable[Origin], grace: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides what it means
    _libc()
    preload(origins)
    server = _Server(pipe, prepare(), grace)
    gc.collect()
    gc.freeze()  # a child that looked for garbage among what it shares with the server would copy all of it
    try:
        server.serve()
    finally:
        server.kill_all()


class _Server:
    def __init__(self, pipe: Connection, execute: Execute, grace: float) -> None:
        self._pipe, self._execute, self._grace = pipe, execute, grace
        self._context: Any = get_context(
            "fork" if hasattr(os, "fork") else "spawn"
        )  # Any: the two contexts share no type
        self._children: dict[str, _Child] = {}

    def serve(self) -> None:
        while True:
            waited: list[Any] = [self._pipe]  # Any: pipes and process sentinels
            for child in self._children.values():
                waited += [child.answer, child.process.sentinel]
            ready = connection.wait(waited, self._patience())
            if self._pipe in ready:
                try:
                    message = self._pipe.recv()
                except (EOFError, OSError):
                    return
                if message[0] == "run":
                    self._start(*message[1:])
                elif message[1] in self._children:
                    self._end(self._children[message[1]])
            for child in list(self._children.values()):
                if child.answer in ready or child.process.sentinel in ready:
                    self._collect(child)
            self._enforce()

    def kill_all(self) -> None:
        for child in self._children.values():
            _signal(child.process, getattr(signal, "SIGKILL", signal.SIGTERM))

    def _patience(self) -> float | None:
        moments = [
            moment
            for child in self._children.values()
            for moment in (child.deadline, child.kill_at)
            if moment is not None
        ]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _start(self, key: str, order: Order, seconds: float | None) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_child, args=(theirs, self._execute, order, os.getpid()))
        process.start()
        if hasattr(os, "setpgid") and process.pid is not None:
            with suppress(ProcessLookupError, PermissionError):  # the child does so, too: whoever comes first
                os.setpgid(process.pid, process.pid)
        theirs.close()
        deadline = None if seconds is None else time.monotonic() + seconds
        self._children[key] = _Child(key, order, process, ours, time.time(), deadline, seconds)

    def _end(self, child: _Child) -> None:
        if child.kill_at is None:
            child.deadline, child.kill_at = None, time.monotonic() + self._grace
            _signal(child.process, signal.SIGTERM)

    def _enforce(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if child.deadline is not None and now >= child.deadline:
                child.timed_out = True
                self._end(child)
            elif child.kill_at is not None and now >= child.kill_at:
                child.kill_at = now + self._grace
                _signal(child.process, getattr(signal, "SIGKILL", signal.SIGTERM))

    def _collect(self, child: _Child) -> None:
        outcome: NodeOutcome | None = None
        if child.answer.poll():
            try:
                outcome = child.answer.recv()
            except Exception:  # the child was killed while it wrote its answer
                outcome = None
        elif child.process.is_alive():
            return
        _signal(child.process, getattr(signal, "SIGKILL", signal.SIGTERM))  # what the node has started and left behind
        child.process.join()
        code = child.process.exitcode or 0
        child.answer.close()
        child.process.close()
        del self._children[child.key]
        succeeded = outcome is not None and outcome.state is State.SUCCEEDED
        if outcome is None or (child.timed_out and not succeeded):
            outcome = _lost(child, code)
        self._pipe.send((child.key, outcome))


def _lost(child: _Child, code: int) -> NodeOutcome:
    """Return the outcome of a node whose process could not tell it itself."""
    if child.timed_out:
        error = ErrorInfo(
            type="TimeoutError",
            message=f"it did not end within {child.seconds:g} s and was ended",
            hint="give it longer, @node(timeout=…), or make it faster",
            kind="timeout",
        )
    elif child.kill_at is not None:
        return interrupted(child.order.node.full_name, child.order.attempt, child.started)
    elif code < 0:
        name = signal.Signals(-code).name
        memory = " (often: out of memory)" if name == "SIGKILL" else ""
        error = ErrorInfo("ProcessDied", f"its process was ended by {name}{memory}", kind="killed")
    else:
        error = ErrorInfo("ProcessDied", f"its process ended with exit code {code} and no answer", kind="killed",
                          hint="a node returns; it does not call os._exit")  # fmt: skip
    return NodeOutcome(
        child.order.node.full_name, State.FAILED, child.order.attempt, child.started, time.time(), error=error
    )


def _child(answer: Connection, execute: Execute, order: Order, server: int) -> None:
    """Run one order and answer with its outcome; runs in the forked process."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    _die_with(server)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _raise_stopped)
    started = time.time()
    try:
        outcome = execute(order)
    except Stopped:
        outcome = NodeOutcome(
            order.node.full_name,
            State.STOPPED,
            order.attempt,
            ended=time.time(),
            reason="the run was stopped",
        )
    except BaseException as cause:  # SystemExit of a node, or a fault of ours: both must be told
        outcome = NodeOutcome(
            order.node.full_name,
            State.FAILED,
            order.attempt,
            started=started,
            ended=time.time(),
            error=error_info(cause),
        )
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answer.send(outcome)
    answer.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # exit handlers belong to the server that was forked


def _raise_stopped(number: int, frame: object) -> None:
    raise Stopped


def _signal(process: BaseProcess, number: int) -> None:
    """Send a signal to a node's process and to all it has started."""
    pid = process.pid
    if pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(pid, number)
        else:
            process.terminate()


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies, even when that is killed itself; Linux only."""
    if sys.platform == "linux":
        _libc().prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


@cache
def _libc() -> Any:  # Any: a foreign library
    import ctypes

    return ctypes.CDLL(None)


def execute_with(prepare: Callable[[], dict[str, Any]]) -> Execute:  # Any: keyword arguments of run_node
    """Return what runs an order with the stores, services and hooks that ``prepare`` makes, made once a process."""
    keywords = prepare()
    _rehearse()

    def execute(order: Order) -> NodeOutcome:
        try:
            return run_node(order, **keywords)
        finally:
            keywords["services"].close()

    return execute


def _rehearse() -> None:
    """Run a node that does nothing, so that every module which that takes is imported before the first fork."""
    from tempfile import TemporaryDirectory

    from mlops.runs.services import NoServices
    from mlops.runs.stores import Stores

    nothing = Node("rehearsal", Origin("mlops", "", ""), outputs=("nothing",))
    with TemporaryDirectory() as folder:
        run = RunInfo("rehearsal", "rehearsal", folder, time.time())
        run_node(Order(nothing, run, {}), stores=Stores(folder), services=NoServices(), function=lambda: 0)
