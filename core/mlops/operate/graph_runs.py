"""Runs of a deployed pipeline: from the rows that Snowflake keeps of single tasks to what a run and its nodes came to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from mlops.context import Metric
from mlops.datasets.manifest import DatasetRecord
from mlops.errors import RunError, UnknownNameError
from mlops.operate.deployed import DeployedPipeline, DeployedTask
from mlops.operate.operations import TaskRun
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunInfo, RunOutcome, State

STATES = {
    "SCHEDULED": State.PENDING,
    "EXECUTING": State.RUNNING,
    "SUCCEEDED": State.SUCCEEDED,
    "FAILED": State.FAILED,
    "FAILED_AND_AUTO_SUSPENDED": State.FAILED,
    "CANCELLED": State.STOPPED,
    "SKIPPED": State.SKIPPED,
}
"""What each state of TASK_HISTORY is in our words."""

_BAD = (State.FAILED, State.STOPPED, State.SKIPPED)


def runs_of(rows: Iterable[TaskRun]) -> dict[str, list[TaskRun]]:
    """Return the rows of each run, in the order of their start; runs in the order of the rows. What only waits is none."""
    found: dict[str, list[TaskRun]] = {}
    for row in rows:
        if row.run is not None:
            found.setdefault(row.run, []).append(row)
    for each in found.values():
        each.sort(key=lambda row: (row.attempt, row.started or row.scheduled or 0.0))
    return found


def next_run(pipeline: DeployedPipeline, rows: Iterable[TaskRun]) -> float | None:
    """Return when the next run is scheduled, or None."""
    times = [
        row.scheduled
        for row in rows
        if row.run is None
        and row.state == "SCHEDULED"
        and row.root_id == pipeline.root.id
        and row.scheduled is not None
    ]
    return min(times, default=None)


def find_run(name: str, runs: Iterable[str]) -> str:
    """Return the run that a name means: an id, a part of one, or ``latest``, the first.

    Raises:
        UnknownNameError, RunError: no run, or several.
    """
    known = list(runs)
    if name == "latest" and known:
        return known[0]
    matches = [one for one in known if one == name] or [one for one in known if name in one]
    if not matches:
        hint = None if known else "nothing has run there in the last seven days: mlops trigger PIPELINE"
        raise UnknownNameError(kind="run", name=name, known=known, hint=hint)
    if len(matches) > 1:
        raise RunError(f"run {name!r} is {len(matches)} runs", hint=f"say which: {', '.join(matches[:5])}")
    return matches[0]


def outcome_of(pipeline: DeployedPipeline, rows: list[TaskRun], *, target: str, folder: str = "") -> RunOutcome:
    """Return what a run came to. ``rows`` are those of one run, as ``runs_of`` gives them; at least one.

    It is RUNNING as long as a task runs or can still start: between two tasks there may be a moment without rows.
    """
    attempt = max(row.attempt for row in rows)
    latest = {row.name: row for row in rows}
    states = _standing(pipeline, latest, attempt)
    state = _state(pipeline, states, attempt)
    nodes: list[NodeOutcome] = []
    for task in pipeline.tasks:
        row = latest.get(task.name)
        nodes += _node_outcomes(task, row, *states[task.name])
    gone = [row for name, row in latest.items() if name not in states]
    for row in gone:
        nodes.append(_outcome(row.name, row, STATES.get(row.state, State.PENDING), "its task is no longer deployed"))
    first, known = rows[0], [row.ended for row in rows if row.ended is not None]
    started = first.started or first.scheduled or 0.0
    committed = pipeline.root.committed
    return RunOutcome(
        run=RunInfo(
            run_id=first.run or "",
            pipeline=pipeline.name,
            folder=folder,
            started=started,
            parameters=_parameters(pipeline, first.config),
            versions=pipeline.ownership.versions if committed is None or committed <= started + 1 else {},
            target=target,
            auth_mode="inherited",
            executor="tasks",
            resumed=attempt - 1,
        ),
        state=state,
        nodes=tuple(nodes),
        ended=max(known, default=None) if state is not State.RUNNING else None,
        reason=_reason(first, rows),
    )


def as_ended(outcome: RunOutcome) -> RunOutcome:
    """Return a run that Snowflake says has ended: what has not run by now was no part of it, or will not run any more."""
    why = "it did not run: the graph was changed, or the run was cancelled"
    nodes = tuple(
        replace(one, state=State.SKIPPED, reason=one.reason or why)
        if one.state in (State.PENDING, State.RUNNING)
        else one
        for one in outcome.nodes
    )
    states = {one.state for one in nodes}
    worst = next((state for state in (State.FAILED, State.STOPPED) if state in states), State.SUCCEEDED)
    return replace(
        outcome, nodes=nodes, state=worst, ended=max((one.ended for one in nodes if one.ended), default=None)
    )


def _standing(pipeline: DeployedPipeline, latest: Mapping[str, TaskRun], attempt: int) -> dict[str, tuple[State, str]]:
    """Return the state of every task, and why it has not run."""
    standing: dict[str, tuple[State, str]] = {}
    for task in pipeline.tasks:
        row = latest.get(task.name)
        if task.live.finalizes is not None:
            continue
        before = {name: standing[name][0] for name in task.live.predecessors if name in standing}
        blocking = next((name for name, state in before.items() if state in _BAD), None)
        again = row is not None and row.attempt < attempt and STATES.get(row.state) in (State.FAILED, State.STOPPED)
        if row is not None and not again:
            why = row.error_message or "" if row.state == "SKIPPED" else ""
            standing[task.name] = STATES.get(row.state, State.PENDING), why
        elif blocking is not None:
            standing[task.name] = State.SKIPPED, f"{_called(pipeline, blocking)} {before[blocking].value}"
        elif any(state in (State.PENDING, State.RUNNING) for state in before.values()) or task.live is pipeline.root:
            standing[task.name] = State.PENDING, ""
        elif not task.live.started:
            standing[task.name] = State.SUCCEEDED, "its task is suspended: passed over"
        else:
            standing[task.name] = State.PENDING, ""
    finalizer = next((task for task in pipeline.tasks if task.live.finalizes is not None), None)
    if finalizer is not None:
        root, _ = standing[pipeline.root.name]
        standing[finalizer.name] = _standing_of_finalizer(finalizer, latest.get(finalizer.name), attempt, root)
    return standing


def _standing_of_finalizer(task: DeployedTask, row: TaskRun | None, attempt: int, root: State) -> tuple[State, str]:
    if row is not None and row.attempt == attempt:
        return STATES.get(row.state, State.PENDING), ""
    if not task.live.started:
        return State.SKIPPED, "its task is suspended"
    if root is State.SKIPPED:
        return State.SKIPPED, "the run was skipped"
    return State.PENDING, ""


def _state(pipeline: DeployedPipeline, states: Mapping[str, tuple[State, str]], attempt: int) -> State:
    found = [state for state, _ in states.values()]
    if State.RUNNING in found or State.PENDING in found:
        return State.RUNNING
    if State.FAILED in found:
        return State.RUNNING if attempt <= pipeline.root.auto_retry_attempts else State.FAILED
    if State.STOPPED in found:
        return State.STOPPED
    return State.SKIPPED if states[pipeline.root.name][0] is State.SKIPPED else State.SUCCEEDED


def _node_outcomes(task: DeployedTask, row: TaskRun | None, state: State, why: str) -> list[NodeOutcome]:
    if row is None and state is State.SUCCEEDED:
        state = State.SKIPPED
    if task.nodes:
        return [_outcome(node, row, state, why) for node in task.nodes]
    return [_outcome(task.name, row, state, why)] if state is State.FAILED else []  # a small root runs no node


def _outcome(node: str, row: TaskRun | None, state: State, why: str) -> NodeOutcome:
    if row is None or state is State.PENDING:
        return NodeOutcome(node, state, attempt=0, reason=why)
    returned = _returned(row.return_value, node)
    error = None
    if state in (State.FAILED, State.STOPPED) and row.error_message:
        error = ErrorInfo(type=f"error {row.error_code}", message=row.error_message, kind="task")
    return NodeOutcome(
        node=node,
        state=state,
        attempt=row.attempt,
        started=row.started,
        ended=row.ended,
        reason=why,
        error=error,
        metrics=tuple(Metric(name, value, None) for name, value in _numbers(returned, "metrics").items()),
        outputs=tuple(_record(one) for one in returned.get("outputs", ()) if isinstance(one, dict)),
    )


def _returned(text: str | None, node: str) -> dict[str, Any]:  # Any: JSON
    """Return what a node's container handed back; one that ran several nodes has ``nodes``, an object for each."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    each = value["nodes"] if isinstance(value, dict) and isinstance(value.get("nodes"), list) else [value]
    return next((one for one in each if isinstance(one, dict) and one.get("node", node) == node), {})


def _numbers(value: Mapping[str, Any], key: str) -> dict[str, float]:  # Any: JSON
    """Return the numbers of an object; null stands for one that is none, since JSON has no word for it."""
    inside = value.get(key)
    if not isinstance(inside, dict):
        return {}
    return {
        str(name): math.nan if one is None else float(one)
        for name, one in inside.items()
        if one is None or isinstance(one, (int, float))
    }


def _record(value: Mapping[str, Any]) -> DatasetRecord:  # Any: JSON
    return DatasetRecord(
        name=str(value.get("name", "")),
        type=str(value.get("type", "")),
        serializer=str(value.get("serializer", "")),
        path=str(value.get("path", "")),
        sha256=str(value.get("sha256", "")),
        bytes=int(value.get("bytes") or 0),
        rows=value.get("rows"),
    )


def _parameters(pipeline: DeployedPipeline, config: str | None) -> dict[str, dict[str, Any]]:  # Any: JSON
    """Return a run's CONFIG by full name of a node; a text that holds a JSON list or object, or null, is that."""
    try:
        values = json.loads(config) if config else {}
    except ValueError:
        return {}
    names = {pipeline.short(node): node for node in pipeline.nodes} | {node: node for node in pipeline.nodes}
    found: dict[str, dict[str, Any]] = {}
    for key, value in values.items() if isinstance(values, dict) else ():
        node, _, name = key.rpartition(".")
        if node in names:
            found.setdefault(names[node], {})[name] = _plain(value)
    return found


def _plain(value: object) -> object:
    if isinstance(value, str) and (value == "null" or value[:1] in ('"', "[", "{")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _called(pipeline: DeployedPipeline, task: str) -> str:
    nodes = next((one.nodes for one in pipeline.tasks if one.name == task), ())
    return pipeline.short(nodes[0]) if nodes else task


def _reason(first: TaskRun, rows: list[TaskRun]) -> str:
    sources = {"SCHEDULE": "by its schedule", "EXECUTE TASK": "by hand", "TRIGGER": "by its stream"}
    how = sources.get(first.scheduled_from, first.scheduled_from.lower())
    attempt = max(row.attempt for row in rows)
    return ", ".join(filter(None, [f"started {how}" if how else "", f"attempt {attempt}" if attempt > 1 else ""]))
