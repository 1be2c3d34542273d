"""What a run and its nodes came to: plain values that hooks, records, pictures and the command line read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

if TYPE_CHECKING:
    from mlops.context import Metric
    from mlops.datasets.manifest import DatasetRecord


class State(str, Enum):
    """What a run or a node has come to. A node is REUSED when its outputs were committed before and still fit."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REUSED = "reused"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"

    @property
    def good(self) -> bool:
        """Whether what comes after a node in this state may run."""
        return self in (State.SUCCEEDED, State.REUSED)


class ErrorInfo(Struct, frozen=True):
    """Why a node failed: the exception's type and message, its traceback as text, and how to mend it if we know.

    ``kind`` tells apart what the node raised from what we found: timeout, killed, output, input, authentication.
    """

    type: str
    message: str
    traceback: str = ""
    hint: str | None = None
    kind: str = "raised"


class NodeOutcome(Struct, frozen=True):
    """What one node came to in one run. Times are seconds since the epoch; ``reason`` says why it was skipped or reused.

    ``auth_mode`` is how its session with Snowflake authenticated, where that is not how the run was to.
    """

    node: str
    state: State
    attempt: int = 1
    started: float | None = None
    ended: float | None = None
    reason: str = ""
    error: ErrorInfo | None = None
    metrics: tuple[Metric, ...] = ()
    outputs: tuple[DatasetRecord, ...] = ()
    log: str | None = None
    warnings: tuple[str, ...] = ()
    auth_mode: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took, or None if there was none."""
        return None if self.started is None or self.ended is None else self.ended - self.started


class RunInfo(Struct, frozen=True):
    """A run as it was asked for: ``parameters`` by full name of the node, ``folder`` with its datasets.

    ``given`` are those of the parameters that who started it has chosen. ``resumed`` counts how often it was continued.
    """

    run_id: str
    pipeline: str
    folder: str
    started: float
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # Any: JSON
    versions: Mapping[str, str] = field(default_factory=dict)
    target: str = "local"
    auth_mode: str = "none"
    executor: str = "inline"
    resumed: int = 0
    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # Any: JSON


class RunOutcome(Struct, frozen=True):
    """What a run came to, node by node in the order of its graph."""

    run: RunInfo
    state: State
    nodes: tuple[NodeOutcome, ...]
    ended: float | None = None
    reason: str = ""
    warnings: tuple[str, ...] = ()

    def node(self, full_name: str) -> NodeOutcome | None:
        """Return what became of a node, or None if the run does not know it."""
        return next((outcome for outcome in self.nodes if outcome.node == full_name), None)


class AuthFallback(Struct, frozen=True):
    """A session that could not be made as it was wanted, and was made with other credentials.

    ``wanted`` and ``used`` are how they authenticate; ``problem`` is what was wrong with the first.
    """

    wanted: str
    used: str
    problem: str

    def __str__(self) -> str:
        return f"authentication fell back from {self.wanted} to {self.used}: {self.problem}"


def authenticated(run: RunInfo, nodes: Iterable[NodeOutcome]) -> RunInfo:
    """Return the run with how its sessions really authenticated."""
    modes = [one.auth_mode for one in nodes if one.auth_mode is not None]
    return replace(run, auth_mode=modes[-1]) if modes else run


def interrupted(node: str, attempt: int, started: float) -> NodeOutcome:
    """Return the outcome of an attempt that was stopped from outside."""
    return NodeOutcome(node, State.STOPPED, attempt, started, time.time(), "the run was stopped")


def died(code: int) -> ErrorInfo:
    """Return why an attempt failed whose process ended by itself without an answer; a signal is a negative code."""
    if code < 0:
        import signal

        name = signal.Signals(-code).name
        memory = " (often: out of memory)" if name == "SIGKILL" else ""
        return ErrorInfo("ProcessDied", f"its process was ended by {name}{memory}", kind="killed")
    return ErrorInfo(
        type="ProcessDied",
        message=f"its process ended with exit code {code} and no answer",
        hint="a node returns; it does not call os._exit",
        kind="killed",
    )


def timed_out(seconds: float) -> ErrorInfo:
    """Return why an attempt failed that was ended because its time was up."""
    return ErrorInfo(
        type="TimeoutError",
        message=f"it did not end within {seconds:g} s and was ended",
        hint="give it longer, @node(timeout=…), or make it faster",
        kind="timeout",
    )


def new_run_id(moment: float) -> str:
    """Return an identifier that sorts by time and that no other run has: ``20261123-101500-3f9a1c``."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(moment))}-{os.urandom(3).hex()}"
