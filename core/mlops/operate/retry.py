"""Retrying the last run: what would run again and what is kept, and why it is impossible when it is.

Snowflake continues a run from its failed tasks only if the graph has not been changed since.

Source: Snowflake documentation, "EXECUTE TASK", RETRY LAST.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct

from mlops.errors import RunError
from mlops.operate.deployed import DeployedPipeline
from mlops.operate.graph_runs import STATES, outcome_of, runs_of
from mlops.operate.operations import TaskRun
from mlops.runs.outcome import State

RETRY_WITHIN = 14 * 24 * 3600


class Retry(Struct, frozen=True):
    """What RETRY LAST would do with a run: ``again`` and ``kept`` are full names of nodes, with why for the former."""

    run: str
    pipeline: str
    attempt: int
    started: float
    again: tuple[tuple[str, str], ...]
    kept: tuple[str, ...]


def plan_retry(pipeline: DeployedPipeline, rows: Sequence[TaskRun], *, now: float | None = None) -> Retry:
    """Return what a retry of the pipeline's last run would run again. ``rows`` are task runs of its graph.

    Raises:
        RunError: it is impossible: no run, one that goes on or has succeeded, one too old, a graph changed since.
    """
    runs = runs_of(row for row in rows if row.root_id == pipeline.root.id)
    by_hand = f"start a new run: mlops trigger {pipeline.name}"
    if not runs:
        raise RunError(f"pipeline {pipeline.name!r} has no run of the last seven days to retry", hint=by_hand)
    run, last = max(runs.items(), key=lambda item: item[1][0].scheduled or item[1][0].started or 0.0)
    outcome = outcome_of(pipeline, last, target="")
    failed = {row.name for row in _latest(last) if STATES.get(row.state) in (State.FAILED, State.STOPPED)}
    what = f"the last run of {pipeline.name!r}, {run},"
    if outcome.state is State.RUNNING and not failed:
        raise RunError(f"{what} goes on", hint=f"follow it: mlops runs show {run} --target NAME")
    if not failed:
        raise RunError(f"{what} {outcome.state.value}: there is nothing to retry", hint=by_hand)
    age = (time.time() if now is None else now) - outcome.run.started
    if age > RETRY_WITHIN:
        raise RunError(f"{what} started {age / 86400:.0f} days ago; Snowflake retries for 14 days", hint=by_hand)
    if changed := _changed(pipeline, last):
        raise RunError(f"{what} cannot be retried: the graph was changed since: {changed}", hint=by_hand)
    again, kept = [], []
    for one in outcome.nodes:
        if one.state is State.SUCCEEDED and one.node not in _finalizing(pipeline):
            kept.append(one.node)
        elif one.state in (State.FAILED, State.STOPPED):
            again.append((one.node, one.state.value))
        elif one.node in _finalizing(pipeline):
            again.append((one.node, "runs at the end of every attempt"))
        elif one.reason.endswith((State.FAILED.value, State.STOPPED.value, State.SKIPPED.value)):
            again.append((one.node, "did not run: " + one.reason))
        else:
            kept.append(one.node)
    return Retry(run, pipeline.name, outcome.run.resumed + 1, outcome.run.started, tuple(again), tuple(kept))


def _changed(pipeline: DeployedPipeline, rows: Sequence[TaskRun]) -> str | None:
    """Return what differs between the graph of a run and the graph now, as far as the run's rows show it."""
    now = {task.name: task.live for task in pipeline.tasks}
    for row in _latest(rows):
        if row.name not in now:
            return f"task {row.name} is gone"
        if row.definition and row.definition.strip() != now[row.name].definition.strip():
            return f"task {row.name} has another definition"
    started = min((row.started or row.scheduled or 0.0) for row in rows)
    for task in now.values():
        if task.created is not None and task.created > started:
            return f"task {task.name} is new"
    return None


def _latest(rows: Sequence[TaskRun]) -> list[TaskRun]:
    return list({row.name: row for row in rows}.values())


def _finalizing(pipeline: DeployedPipeline) -> tuple[str, ...]:
    return tuple(node for task in pipeline.tasks if task.live.finalizes is not None for node in task.nodes)
