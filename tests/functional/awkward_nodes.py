"""Functions of nodes that make life hard for who runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def answer() -> int:
    return 42


def large(text: str) -> dict[str, int]:
    print(len(text))
    return {"length": len(text)}


def raise_at_length() -> None:
    raise ValueError("x" * 1_000_000)


def leave() -> None:
    sys.exit(7)


def vanish() -> None:
    os._exit(9)


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(ready: str, ended: str) -> None:
    Path(ready).write_text(str(os.getpid()))
    try:
        time.sleep(60)
    finally:
        Path(ended).write_text("ended")


def ignore(ready: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(ready).write_text(str(os.getpid()))
    time.sleep(60)


def leave_a_process(pid_file: str) -> None:
    """Start a process that ignores SIGTERM and would live for a minute."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    Path(pid_file).write_text(str(subprocess.Popen([sys.executable, "-c", code]).pid))


def die_and_leave_the_pipe_open(pid_file: str) -> None:
    """Fork a process that leaves the group with all that is open, and die."""
    process = os.fork()
    if not process:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    Path(pid_file).write_text(str(process))
    os.kill(os.getpid(), signal.SIGKILL)
