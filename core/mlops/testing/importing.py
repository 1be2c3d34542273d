"""What importing a plugin does, seen from a fresh interpreter: how long it takes, what it loads, prints and reaches for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from msgspec import DecodeError, Struct, json

_WITNESS = """
import sys
sys.path.pop(0)
from mlops.testing.importing import _watch
_watch(sys.argv[1:])
"""
_REACHING = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request")
_STARTING = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork")


class Imported(Struct, frozen=True):
    """What happened while modules were imported.

    ``seconds`` is processor time beyond that of mlops itself; ``slowest`` are the packages it went into, with their
    seconds. ``reached`` and ``started`` are network calls and processes; ``error`` is what was raised, if anything.
    """

    seconds: float = 0.0
    slowest: tuple[tuple[str, float], ...] = ()
    packages: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    printed: str = ""
    error: str = ""


def imported(modules: Sequence[str], *, seconds: float) -> Imported:
    """Return what importing modules does, each in the same new interpreter; it is ended after ``seconds``."""
    try:
        ended = subprocess.run(
            [sys.executable, "-c", _WITNESS, *modules],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Imported(seconds=seconds, error=f"it is not imported after {seconds:g} s")
    try:
        return json.decode(ended.stdout.rpartition(b"\0")[2], type=Imported)
    except DecodeError:
        return Imported(error=f"it ends the process when it is imported (exit code {ended.returncode})")


def _watch(modules: Sequence[str]) -> None:
    """Import modules and write what happened, as JSON after a zero byte, to standard output."""
    import tempfile
    import time
    from contextlib import redirect_stderr, redirect_stdout
    from importlib import import_module

    import mlops

    for name in (
        "node",
        "Resources",
        "Pipeline",
        "hookimpl",
        "Context",
        "Serializer",
    ):  # every plugin may ask for these
        getattr(mlops, name)
    reached: list[str] = []
    started: list[str] = []
    watching = True

    def see(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in _REACHING:
            reached.append(f"{event} {arguments[1] if event == 'socket.connect' else arguments[0]!r}"[:200])
        elif watching and event in _STARTING:
            started.append(f"{event} {arguments[1] if event == 'subprocess.Popen' else ''!r}"[:200])

    sys.addaudithook(see)
    before = set(sys.modules)
    costs = _costs()
    error = ""
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as caught, tempfile.TemporaryFile("w+") as texts:
        os.dup2(caught.fileno(), 1)
        os.dup2(caught.fileno(), 2)
        begun = time.process_time()
        with redirect_stdout(texts), redirect_stderr(texts):
            try:
                for module in modules:
                    import_module(module)
            except BaseException as cause:  # a plugin may raise anything while it is imported
                error = f"{type(cause).__name__}: {cause}"
        took = time.process_time() - begun
        watching = False
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        caught.seek(0)
        texts.seek(0)
        printed = texts.read() + caught.read().decode(errors="replace")
    packages = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
    slowest = sorted(costs.items(), key=lambda cost: -cost[1])[:5]
    answer = Imported(took, tuple(slowest), tuple(packages), tuple(reached), tuple(started), printed, error)
    os.write(1, b"\0" + json.encode(answer))
    os._exit(0)


def _costs() -> dict[str, float]:
    """Return a mapping that fills with the seconds that the import of each top-level package takes."""
    import builtins
    import time

    costs: dict[str, float] = {}
    plain = builtins.__import__
    running: list[str] = []

    def timed(name: str, *arguments: object, **keywords: object) -> object:
        top = name.partition(".")[0]
        if not top or top in running or name in sys.modules:
            return plain(name, *arguments, **keywords)  # type: ignore[arg-type]  # handed on as it came
        running.append(top)
        begun = time.process_time()
        try:
            return plain(name, *arguments, **keywords)  # type: ignore[arg-type]  # handed on as it came
        finally:
            running.pop()
            if not running or top not in running:
                costs[top] = costs.get(top, 0.0) + time.process_time() - begun

    builtins.__import__ = timed  # type: ignore[assignment]  # typeshed names each argument
    return costs
