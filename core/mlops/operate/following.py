"""Following a run in Snowflake until it ends: what it has come to, each time that something has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from mlops.errors import AccountError
from mlops.operate.deployed import DeployedPipeline
from mlops.operate.graph_runs import as_ended, outcome_of, runs_of
from mlops.operate.operations import Operations
from mlops.runs.outcome import RunOutcome, State

SHORTEST, LONGEST, GROWTH = 0.25, 5.0, 1.3
"""Seconds between two looks: short while things happen, longer the longer nothing does."""

LONGEST_UNSEEN = 600.0
"""Seconds that a run, or an attempt at it, may take until its first row is there."""


def follow(
    operations: Operations,
    pipeline: DeployedPipeline,
    run: str,
    *,
    target: str,
    since: float,
    after_attempt: int = 0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[RunOutcome]:
    """Yield what a run has come to whenever that changes, the last time when it has ended.

    ``since`` is a moment before its first task; ``after_attempt`` waits for the attempt after that one.

    Raises:
        AccountError: Snowflake is out of reach, or it shows nothing of the run, or of the attempt, for ten minutes.
    """
    before: RunOutcome | None = None
    pause, unseen = SHORTEST, 0.0
    while True:
        rows = runs_of(operations.task_runs(root_id=pipeline.root.id, run=run, since=since)).get(run, [])
        if rows and max(row.attempt for row in rows) > after_attempt:
            outcome = outcome_of(pipeline, rows, target=target)
            at_rest = outcome.state is State.RUNNING and not any(one.state is State.RUNNING for one in outcome.nodes)
            if at_rest and outcome == before and run not in operations.runs_going_on(pipeline.root.name):
                outcome = as_ended(outcome)  # what could still run never will: the graph was changed, or cancelled
            if outcome != before:
                yield outcome
                before, pause = outcome, SHORTEST
            if outcome.state is not State.RUNNING:
                return
        elif unseen >= LONGEST_UNSEEN:
            what = f"attempt {after_attempt + 1} at run {run}" if after_attempt else f"run {run}"
            raise AccountError(
                f"{what} of {pipeline.name} has not begun after {LONGEST_UNSEEN / 60:.0f} minutes",
                hint=f"it may begin yet: mlops status {pipeline.name} --target {target}",
            )
        else:
            unseen += pause
        sleep(pause)
        pause = min(pause * GROWTH, LONGEST)
