"""Looking at plugins from a safe distance: in a process that may be lost, with a time limit for each distribution."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO

import msgspec

from mlops.plugins.distributions import Distribution, digest, state
from mlops.plugins.knowledge import Failure, Knowledge, Reason


def look(
    distributions: Iterable[Distribution],
    *,
    seconds: float,
    progress: Callable[[Distribution], None] = lambda distribution: None,
) -> Iterator[Knowledge]:
    """Yield what is to know of each distribution; one that hangs longer than ``seconds`` or ends the process is a failure.

    Distributions share one process, so that what several of them import is imported once; a process that is lost is
    replaced, and the others do not notice.
    """
    probe: _Probe | None = None
    try:
        for distribution in distributions:
            progress(distribution)
            probe = probe or _Probe()
            answer = probe.ask(distribution, seconds)
            if isinstance(answer, Knowledge):
                yield answer
                continue
            probe.end()
            probe = None
            yield _lost(distribution, *answer)
    finally:
        if probe is not None:
            probe.end()


class _Probe:
    """A running probe process and the thread that reads its answers."""

    def __init__(self) -> None:
        # `-P` would be wanted, but Python 3.10 lacks it: the probe must not find modules in the current folder
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; sys.path.pop(0); from mlops.plugins.probe import main; main()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        )
        self._answers: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def ask(self, distribution: Distribution, seconds: float) -> Knowledge | tuple[Reason, str]:
        """Return what the probe answers, or how it was lost."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(distribution) + b"\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            return "hangs", f"it is not imported after {seconds:g} s"
        except BrokenPipeError:
            line = b""
        if line:
            return msgspec.json.decode(line, type=Knowledge)
        code = self._process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return "exits", f"it ends the process when it is imported ({how})"

    def end(self) -> None:
        """End the process and whatever it has started."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self, stream: IO[bytes]) -> None:
        try:
            for line in stream:
                self._answers.put(line)
        except ValueError:  # the stream was closed while we were reading
            pass
        self._answers.put(b"")


def _lost(distribution: Distribution, reason: Reason, problem: str) -> Knowledge:
    hint = (
        "import heavy things inside the node, do no network calls at import"
        if reason == "hangs"
        else "remove what ends the process from the top of the module"
    )
    return Knowledge(
        distribution=distribution.name,
        version=distribution.version,
        state=state(distribution.metadata, distribution.folders),
        digest=digest(distribution.metadata, distribution.folders),
        entry_points=distribution.entry_points,
        failures=(
            Failure(
                distribution=distribution.name,
                version=distribution.version,
                entry_point="",
                reason=reason,
                problem=problem,
                hint=f"{hint}; or switch it off with MLOPS_DISABLE_PLUGINS={distribution.name}",
            ),
        ),
        folders=distribution.folders,
    )
