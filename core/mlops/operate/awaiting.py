"""Waiting until a node starts in a run that goes on, so that its log can be followed from its first line."""

from __future__ import annotations

import time
from collections.abc import Callable

from mlops.errors import RunError
from mlops.operate.deployed import DeployedPipeline, DeployedTask
from mlops.operate.following import follow
from mlops.operate.graph_runs import find_run, runs_of
from mlops.operate.logs import task_run_of
from mlops.operate.operations import Operations, TaskRun
from mlops.runs.outcome import RunOutcome, State

_EARLIER = 3600.0
"""Seconds before a run's first task from which its rows are asked for: clocks differ."""


def awaited_task_run(
    operations: Operations,
    pipeline: DeployedPipeline,
    task: DeployedTask,
    run: str | None,
    *,
    node: str,
    target: str,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> TaskRun:
    """Return the last attempt at a task in a run, once it has started; without a run, in the newest one.

    A newest run that has ended without the node is passed over for the newest in which it has started. ``node`` is the
    full name; ``tell`` is told, each time that this changes, what is waited for.

    Raises:
        UnknownNameError, RunError: no such run, or the run has ended, or passed over the node, before it started.
    """
    name = pipeline.short(node)
    rows = runs_of(operations.task_runs(root_id=pipeline.root.id))
    newest = sorted(rows, key=lambda one: min(map(_moment, rows[one])), reverse=True)
    if run is None and not newest:
        return task_run_of(operations, pipeline, task, run, node=name)
    chosen = find_run(run or "latest", newest)
    since = min(map(_moment, rows[chosen])) - _EARLIER
    said = ""
    for outcome in follow(operations, pipeline, chosen, target=target, since=since, sleep=sleep):
        found = outcome.node(node)
        state = State.PENDING if found is None else found.state
        if state is State.PENDING and outcome.state is State.RUNNING:
            if (now := _waiting(pipeline, outcome)) != said:
                tell(f"waiting for {name} to start in run {chosen}{now}")
            said = now
        elif state in (State.PENDING, State.SKIPPED) and (run is not None or said):
            why = (found.reason if found is not None else "") or f"the run {outcome.state.value}"
            raise RunError(
                f"node {name!r} did not start in run {chosen}: {why}",
                hint=f"see mlops runs show {chosen} --target {target}",
            )
        else:
            break
    return task_run_of(operations, pipeline, task, chosen if run is not None or said else None, node=name)


def _waiting(pipeline: DeployedPipeline, outcome: RunOutcome) -> str:
    running = [pipeline.short(one.node) for one in outcome.nodes if one.state is State.RUNNING]
    if not running:
        return ""
    return f": {', '.join(running)} {'is' if len(running) == 1 else 'are'} running"


def _moment(row: TaskRun) -> float:
    return row.scheduled or row.started or 0.0
