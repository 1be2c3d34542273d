"""The process runtime: a container is a process group, ended with SIGTERM and, after a grace, SIGKILL."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from mlops_embedded.errors import invalid_value
from mlops_embedded.jobs.logs import ContainerLog
from mlops_embedded.jobs.runtimes.images import find_image, image_file, image_names
from mlops_embedded.jobs.runtimes.runtime import ContainerPlan, Exit, ImageFacts, TokenFile
from mlops_embedded.jobs.runtimes.sandbox import Sandbox, prepare
from mlops_embedded.jobs.service import ContainerState

NOT_FOUND, NOT_EXECUTABLE = 127, 126
_LOG_SECONDS = 5.0
"""How long a process that outlived its group (it made a session of its own) may hold the log open."""


class ProcessRuntime:
    """Runs what `images.yaml` says an image stands for, as a process of this machine."""

    name: ClassVar[str] = "process"
    shares_disk: ClassVar[bool] = True

    def __init__(self, state: Path) -> None:
        self._state = state

    def prepare(self, plan: ContainerPlan) -> PreparedProcess:
        image = find_image(image_file(self._state), plan.container.image)
        shutil.rmtree(plan.folder / "root", ignore_errors=True)
        sandbox = prepare(plan, image)
        if not sandbox.command:
            raise invalid_value(
                f"container {plan.container.name}: neither its image nor its specification has a command"
            )
        return PreparedProcess(sandbox)

    def end_orphan(self, state: ContainerState) -> bool:
        return state.pid is not None and end_orphan(state.pid, state.mark)

    def images(self) -> list[ImageFacts]:
        return [ImageFacts(name) for name in image_names(image_file(self._state))]


class PreparedProcess:
    """A sandbox whose command can be run."""

    image_digest: str | None = None

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    @property
    def token(self) -> TokenFile | None:
        return self.sandbox.token

    def start(self, log: ContainerLog) -> ContainerProcess:
        return ContainerProcess(self.sandbox, log)


class ContainerProcess:
    """A sandbox's command that runs; one that cannot be run ends like one in a shell does (127, 126)."""

    def __init__(self, sandbox: Sandbox, log: ContainerLog) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._failed_start = NOT_FOUND
        self._pumps: list[threading.Thread] = []
        try:
            self._process = process = subprocess.Popen(
                sandbox.command,
                cwd=sandbox.workdir,
                env=dict(sandbox.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            assert process.stdout is not None
            assert process.stderr is not None
            self._pumps = [log.pump("stdout", process.stdout), log.pump("stderr", process.stderr)]
        except OSError as error:
            log.write("stderr", f"{error}\n".encode())
            self._failed_start = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE

    @property
    def facts(self) -> Mapping[str, Any]:
        if self._process is None:
            return {}
        return {"pid": self._process.pid, "mark": started_at(self._process.pid)}

    def wait(self) -> Exit:
        """Wait for the end and return the exit code; death by signal N is 128 + N, as containers report it."""
        if self._process is None:
            return Exit(self._failed_start)
        code = self._process.wait()
        self._signal(signal.SIGKILL)  # what it left behind in its group goes with it, as in a container
        for pump in self._pumps:
            pump.join(_LOG_SECONDS)
        self._log.end()
        return Exit(code if code >= 0 else 128 - code)

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
