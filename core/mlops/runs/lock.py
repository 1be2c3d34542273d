"""The lock of a run: held by the process that runs it, and free as soon as that process is gone, however it went.

The operating system's own file locks are used directly: a library would cost every container ten milliseconds of import.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from types import TracebackType

from mlops.errors import RunError

PATIENCE = 0.5
"""Seconds to wait for a lock: another process may look at it for a moment."""


class RunLock:
    """Held while a run is being run, so that no second process runs or resumes it."""

    def __init__(self, data: str | os.PathLike[str], run_id: str) -> None:
        self.run_id = run_id
        self._path = _path(data, run_id)
        self._file: int | None = None

    def __enter__(self) -> RunLock:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        patience = time.monotonic() + PATIENCE
        while (file := _taken(self._path)) is None:
            if time.monotonic() > patience:
                raise RunError(
                    f"run {self.run_id!r} is being run by another process", hint="wait for it, or stop that process"
                )
            time.sleep(0.02)
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def is_alive(data: str | os.PathLike[str], run_id: str) -> bool:
    """Tell whether a process is running this run."""
    path = _path(data, run_id)
    if not os.path.exists(path):
        return False
    file = _taken(path)
    if file is None:
        return True
    os.close(file)
    return False


def remove_lock(data: str | os.PathLike[str], run_id: str) -> None:
    """Remove the file of a lock, which whoever calls this holds: the run is no more."""
    with suppress(OSError):  # on Windows a file that is open stays
        os.unlink(_path(data, run_id))


def _path(data: str | os.PathLike[str], run_id: str) -> str:
    return os.path.join(os.fspath(data), ".mlops", "locks", f"{run_id}.lock")


def _taken(path: str) -> int | None:
    """Return a descriptor that holds the lock of a file, or None while another process has it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
