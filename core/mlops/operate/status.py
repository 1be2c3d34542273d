"""The status of a deployed pipeline: whether it is started, its last run and the next one."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from mlops.operate.deployed import DeployedPipeline
from mlops.operate.graph_runs import as_ended, next_run, outcome_of, runs_of
from mlops.operate.operations import Job, Operations, TaskRun
from mlops.runs.outcome import RunOutcome, State


class PipelineStatus(Struct, frozen=True):
    """How a deployed pipeline stands. ``last`` is the newest run of the last seven days, also one that goes on.

    ``services`` are its long-running ones that were asked for.
    """

    pipeline: DeployedPipeline
    last: RunOutcome | None = None
    next: float | None = None
    services: tuple[Job, ...] = ()

    @property
    def state(self) -> str:
        """``started``, ``partly suspended`` or ``suspended``."""
        if not self.pipeline.root.started:
            return "suspended"
        return "partly suspended" if self.pipeline.suspended else "started"


def status_of(operations: Operations, pipelines: Sequence[DeployedPipeline], *, target: str) -> list[PipelineStatus]:
    """Return how pipelines stand, with one question for all of them.

    Raises:
        AccountError: Snowflake is out of reach, or the role may not see the history.
    """
    rows = operations.task_runs() if pipelines else []
    found = []
    for pipeline in pipelines:
        runs = recent_runs(operations, pipeline, rows, target=target, limit=1)
        found.append(PipelineStatus(pipeline, runs[0] if runs else None, next_run(pipeline, rows)))
    return found


def recent_runs(
    operations: Operations,
    pipeline: DeployedPipeline,
    rows: Sequence[TaskRun],
    *,
    target: str,
    limit: int | None = None,
) -> list[RunOutcome]:
    """Return what the runs of a pipeline came to, the newest first; ``rows`` are task runs, of other graphs too."""
    runs = list(runs_of(row for row in rows if row.root_id == pipeline.root.id).values())
    runs.sort(key=lambda run: run[0].scheduled or run[0].started or 0.0, reverse=True)
    outcomes = [outcome_of(pipeline, run, target=target) for run in runs[:limit]]
    if any(_unclear(one) for one in outcomes):
        going_on = operations.runs_going_on(pipeline.root.name)
        outcomes = [as_ended(one) if _unclear(one) and one.run.run_id not in going_on else one for one in outcomes]
    return outcomes


def newest_runs(operations: Operations, pipelines: Sequence[DeployedPipeline], *, target: str) -> list[RunOutcome]:
    """Return the runs of several pipelines of the last seven days, the newest first."""
    rows = operations.task_runs() if pipelines else []
    found = [run for pipeline in pipelines for run in recent_runs(operations, pipeline, rows, target=target)]
    return sorted(found, key=lambda one: one.run.started, reverse=True)


def _unclear(outcome: RunOutcome) -> bool:
    """Whether a run seems to go on though nothing of it runs: it waits for its next task, or has ended otherwise."""
    return outcome.state is State.RUNNING and all(one.state is not State.RUNNING for one in outcome.nodes)
