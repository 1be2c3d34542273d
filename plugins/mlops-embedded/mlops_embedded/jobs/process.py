"""A container as a process group: started with a log file, ended with SIGTERM and, after a grace, SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from mlops_embedded.jobs.sandbox import Sandbox

NOT_FOUND, NOT_EXECUTABLE = 127, 126


class ContainerProcess:
    """Runs a sandbox's command; both its streams go to one log file, in the order in which they were written."""

    def __init__(self, sandbox: Sandbox, log: Path) -> None:
        self._sandbox, self._log = sandbox, log
        self._process: subprocess.Popen[bytes] | None = None
        self._failed_start: int | None = None

    def start(self) -> None:
        """Start the process; a command that cannot be run ends like one in a shell does (127, 126)."""
        with self._log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    self._sandbox.command,
                    cwd=self._sandbox.workdir,
                    env=dict(self._sandbox.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                log.write(f"{error}\n".encode())
                self._failed_start = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def wait(self) -> int:
        """Wait for the end and return the exit code; death by signal N is 128 + N, as containers report it."""
        if self._process is None:
            return self._failed_start or NOT_FOUND
        code = self._process.wait()
        self._signal(signal.SIGKILL)  # what it left behind in its group goes with it, as in a container
        return code if code >= 0 else 128 - code

    def terminate(self, grace_seconds: float) -> None:
        """Ask the process to end, and end it after the grace if it has not; returns at once."""
        self._signal(signal.SIGTERM)
        threading.Thread(target=self._kill_after, args=(grace_seconds,), daemon=True).start()

    def _kill_after(self, seconds: float) -> None:
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def started_at(pid: int) -> str | None:
    """Return a mark that tells this process from a later one with the same id; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return stat.rpartition(")")[2].split()[19]
    except FileNotFoundError:
        shown = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )  # fmt: skip
        return shown.stdout.strip() or None


def end_orphan(pid: int, mark: str | None) -> bool:
    """End a process group that an earlier server left behind; False if it is gone, or the id is another's now."""
    if mark is None or started_at(pid) != mark:
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    return True
