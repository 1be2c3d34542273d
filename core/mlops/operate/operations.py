"""What operating asks of Snowflake: one protocol, and the plain values that it answers with.

Names are stored names, without quotes, of objects in one database and schema. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from mlops.compile.objects import Scalar
from mlops.operate.log_lines import LogLine


class LiveTask(Struct, frozen=True):
    """A task as Snowflake holds it now. ``finalizes`` is the root's name in a finalizer; ``schedule`` is for people."""

    name: str
    id: str
    started: bool
    comment: str = ""
    definition: str = ""
    predecessors: tuple[str, ...] = ()
    finalizes: str | None = None
    schedule: str | None = None
    condition: str | None = None
    config: Mapping[str, Scalar] = field(default_factory=dict)
    owner: str = ""
    auto_retry_attempts: int = 0
    created: float | None = None
    committed: float | None = None

    @property
    def is_root(self) -> bool:
        """Whether a run of a graph starts with it."""
        return not self.predecessors and self.finalizes is None


class TaskRun(Struct, frozen=True):
    """One task in one attempt at a run of its graph: a row of TASK_HISTORY.

    ``run`` is the graph run group, which the attempts of one run share; it is None for a run that is only scheduled.

    Source: Snowflake documentation, "TASK_HISTORY".
    """

    name: str
    root_id: str
    state: str
    run: str | None = None
    attempt: int = 1
    scheduled: float | None = None
    started: float | None = None
    ended: float | None = None
    query_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    return_value: str | None = None
    graph_version: int = 0
    scheduled_from: str = ""
    config: str | None = None
    job_id: str | None = None
    definition: str = ""


class Job(Struct, frozen=True):
    """A job that a task's statement started, or a long-running service. ``instances`` counts its replicas."""

    name: str
    status: str = ""
    message: str = ""
    instances: int = 1
    comment: str = ""


class Operations(Protocol):
    """Snowflake, for those who operate what is deployed in one schema of it. Errors are ``AccountError``."""

    database: str
    schema: str

    def tasks(self) -> list[LiveTask]:
        """Return every task of the schema that the role sees."""

    def task_runs(
        self, *, root_id: str | None = None, run: str | None = None, since: float | None = None
    ) -> list[TaskRun]:
        """Return task runs of the last seven days, the newest first, at most 10,000.

        Of one graph, of one run, since a moment: whatever is given.
        """

    def runs_going_on(self, root: str) -> frozenset[str]:
        """Return the graph run groups of a root that have not ended."""

    def resume(self, tasks: Sequence[str]) -> None:
        """Start these tasks, several at once."""

    def suspend(self, task: str) -> None:
        """Suspend a task."""

    def execute(self, root: str, config: Mapping[str, Scalar]) -> None:
        """Start a run of a graph now, with these values over those of its CONFIG."""

    def retry_last(self, root: str) -> None:
        """Continue the last run of a graph from what failed."""

    def job_of(self, run: TaskRun) -> Job | None:
        """Return the job that a task's statement started, or None if it started none or the role does not see it."""

    def service(self, name: str) -> Job | None:
        """Return a service by name, or None if there is none."""

    def container_log(self, job: str, *, instance: int, container: str, lines: int) -> str | None:
        """Return the last lines that a container wrote, or None when the container is gone."""

    def kept_log(self, job: str, *, since: float, instance: int, container: str) -> Sequence[LogLine] | None:
        """Return what the event table has kept of a container, the first line first; None where it keeps none."""
