"""Nodes that fail in the ways a node can fail, and pipelines of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from mlops import Pipeline, Retries, node


@node(outputs=["start"])
def start() -> int:
    return 1


@node(outputs=["boom"])
def fail(start: int, *, message: str = "it broke") -> int:
    print("about to fail")
    raise ValueError(message)


@node(outputs=["after_boom"])
def after_failure(boom: int) -> int:
    return boom


@node(outputs=["fine"])
def independent(start: int) -> int:
    return start + 1


@node(outputs=["flaky_value"], retries=Retries(count=3, delay=timedelta(milliseconds=10)))
def flaky(start: int, *, counter: str = "", failures: int = 2) -> int:
    """Fails a number of times and then works; counts its attempts in a file."""
    path = Path(counter)
    attempts = int(path.read_text()) if path.exists() else 0
    path.write_text(str(attempts + 1))
    if attempts < failures:
        raise ConnectionError(f"attempt {attempts + 1}")
    return attempts


@node(outputs=["never"], timeout=0.5)
def too_slow(start: int, *, pid_file: str = "") -> int:
    """Outlives its timeout, ignores SIGTERM, and has a child process that does, too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal,time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]
    )
    if pid_file:
        Path(pid_file).write_text(f"{os.getpid()} {child.pid}")
    while True:
        time.sleep(0.05)


@node(outputs=["dead"])
def die(start: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


@node(outputs=["slept"])
def sleep(start: int, *, seconds: float = 30.0, ready: str = "", ended: str = "") -> float:
    if ready:
        Path(ready).write_text("ready")
    try:
        time.sleep(seconds)
    finally:
        if ended:
            Path(ended).write_text("ended")
    return seconds


@node(outputs=["unstorable"])
def unstorable(start: int):
    return object()


@node(outputs=["one", "two"])
def half(start: int):
    return {"one": 1}


@node(outputs=["final"])
def last() -> str:
    return "done"


@node(outputs=["modules"])
def imported() -> list[str]:
    """Tell which modules its process has imported before it was called."""
    return sorted(sys.modules)


troubled = Pipeline("troubled", nodes=["start", "fail", "after_failure", "independent"], finalizer="last")
flaky_pipeline = Pipeline("flaky_pipeline", nodes=["start", "flaky"])
slow = Pipeline("slow", nodes=["start", "too_slow", "independent"])
deadly = Pipeline("deadly", nodes=["start", "die", "independent"])
sleepy = Pipeline("sleepy", nodes=["start", "sleep", "independent"])
wrong_outputs = Pipeline("wrong_outputs", nodes=["start", "unstorable", "half"])
