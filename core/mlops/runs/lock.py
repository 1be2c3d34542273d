"""The lock of a run: held by the process that runs it, and free as soon as that process is gone, however it went."""

from __future__ import annotations

import os
from types import TracebackType

from filelock import FileLock, Timeout

from mlops.errors import RunError


class RunLock:
    """Held while a run is being run, so that no second process runs or resumes it."""

    def __init__(self, data: str | os.PathLike[str], run_id: str) -> None:
        self.run_id = run_id
        self._lock = FileLock(_path(data, run_id))

    def __enter__(self) -> RunLock:
        os.makedirs(os.path.dirname(self._lock.lock_file), exist_ok=True)
        try:
            self._lock.acquire(timeout=0.5)  # is_alive() of another process may hold it for a moment
        except Timeout:
            raise RunError(
                f"run {self.run_id!r} is being run by another process", hint="wait for it, or stop that process"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def is_alive(data: str | os.PathLike[str], run_id: str) -> bool:
    """Tell whether a process is running this run."""
    path = _path(data, run_id)
    if not os.path.exists(path):
        return False
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def _path(data: str | os.PathLike[str], run_id: str) -> str:
    return os.path.join(os.fspath(data), ".mlops", "locks", f"{run_id}.lock")
