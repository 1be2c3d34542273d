"""Logs of nodes in Snowflake: from a node to its task's run, to the job that this started, to what its container wrote.

A container's own log is there while the container is; what the event table has kept of it outlives both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from mlops.compile.names import service_name
from mlops.deploy.ownership import ownership_of
from mlops.errors import RunError
from mlops.operate.deployed import DeployedPipeline, DeployedTask
from mlops.operate.graph_runs import find_run, runs_of
from mlops.operate.log_lines import LogLine, parse, unseen
from mlops.operate.operations import Job, Operations, TaskRun

CONTAINER = "main"
"""The name of the container that runs a node, in every specification that we write."""

MOST_LINES = 10_000
_TASK_ENDED = frozenset({"SUCCEEDED", "FAILED", "FAILED_AND_AUTO_SUSPENDED", "CANCELLED", "SKIPPED"})


class NodeLog(Struct, frozen=True):
    """Where the log of one attempt at a node is, and its lines so far. ``source`` is ``container`` or ``event table``."""

    pipeline: str
    node: str
    run: TaskRun
    job: Job
    source: str
    lines: tuple[LogLine, ...]


def task_run_of(
    operations: Operations, pipeline: DeployedPipeline, task: DeployedTask, run: str | None, *, node: str
) -> TaskRun:
    """Return the last attempt at a task in a run; without a run, in the newest one in which it has started.

    Raises:
        UnknownNameError, RunError: no such run, or the task has not started in it.
    """
    rows = [row for row in operations.task_runs(root_id=pipeline.root.id) if row.run is not None]
    if run is not None:
        runs = runs_of(sorted(rows, key=_start, reverse=True))
        chosen = find_run(run, runs)
        rows = [row for row in rows if row.run == chosen]
    started = [row for row in rows if row.name == task.name and row.started is not None]
    if not started:
        where = f"in run {run!r}" if run is not None else "in the last seven days"
        raise RunError(
            f"node {node!r} of pipeline {pipeline.name!r} has not started {where}",
            hint="see mlops runs list --target NAME" if rows else f"start a run: mlops trigger {pipeline.name}",
        )
    return max(started, key=lambda row: (_start(row), row.attempt))


def node_log(
    operations: Operations,
    pipeline: DeployedPipeline,
    run: TaskRun,
    *,
    node: str,
    lines: int,
    instance: int = 0,
    alone: bool = True,
) -> NodeLog:
    """Return the last lines of one attempt at a node. ``alone`` tells that no other node shares its container.

    Raises:
        RunError: the task has started no job, or neither its container nor the event table has its log.
    """
    job = operations.job_of(run)
    if job is None:
        said = f": {run.error_message}" if run.error_message else ""
        raise RunError(
            f"task {run.name} has started no job that the role may see{said}",
            hint="a role needs MONITOR on the job, or to be its owner: see mlops grants",
        )
    asked = lines if alone else MOST_LINES
    raw = operations.container_log(job.name, instance=instance, container=CONTAINER, lines=asked)
    if raw is not None:
        return NodeLog(pipeline.name, node, run, job, "container", _of_node(raw.splitlines(), node, lines))
    since = (run.started or run.scheduled or 0.0) - 60
    kept = operations.kept_log(job.name, since=since, instance=instance, container=CONTAINER)
    if kept is None:
        raise RunError(
            f"the container of {job.name} is gone, and the account keeps no logs",
            hint="set an event table for the account (ALTER ACCOUNT SET EVENT_TABLE = …); mlops doctor tells whether one is",
        )
    return NodeLog(pipeline.name, node, run, job, "event table", _last(kept, node, lines))


def follow_log(
    operations: Operations,
    pipeline: DeployedPipeline,
    run: TaskRun,
    *,
    node: str,
    lines: int,
    instance: int = 0,
    alone: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine]:
    """Yield the last lines of a node and then each that is added, until its task has ended.

    Raises:
        RunError: as ``node_log`` does, once the task has ended.
    """
    seen = False

    def look() -> tuple[list[str] | None, bool]:
        ended = _has_ended(operations, pipeline, run)  # before the log is read, so that nothing of its end is missed
        job = operations.job_of(run)
        if job is None:
            return None, ended
        raw = operations.container_log(job.name, instance=instance, container=CONTAINER, lines=MOST_LINES)
        return None if raw is None else raw.splitlines(), ended

    for line in _growing(look, node=node, lines=lines, sleep=sleep):
        seen = True
        yield line
    if not seen:
        yield from node_log(operations, pipeline, run, node=node, lines=lines, alone=alone).lines


def service_of(operations: Operations, pipelines: Sequence[DeployedPipeline], node: str) -> Job | None:
    """Return the long-running service that a node is, in one of these pipelines; None if it is none."""
    for pipeline in pipelines:
        found = operations.service(service_name(pipeline.name, node.rpartition(":")[2]))
        owner = ownership_of(found.comment) if found is not None else None
        if owner is not None and owner.pipeline == pipeline.name and any(_is(node, one) for one in owner.nodes):
            return found
    return None


def service_log(operations: Operations, service: Job, *, lines: int, instance: int = 0) -> tuple[LogLine, ...]:
    """Return the last lines of a long-running service; what the event table has of the last day when it is at rest.

    Raises:
        RunError: neither its container is there nor an event table.
    """
    raw = operations.container_log(service.name, instance=instance, container=CONTAINER, lines=lines)
    if raw is None:
        kept = operations.kept_log(service.name, since=time.time() - 86400, instance=instance, container=CONTAINER)
        if kept is None:
            raise RunError(
                f"service {service.name} is {service.status}, and the account keeps no logs",
                hint="set an event table for the account (ALTER ACCOUNT SET EVENT_TABLE = …)",
            )
        return tuple(kept[-lines:])
    return tuple(map(parse, raw.splitlines()))


def follow_service(
    operations: Operations,
    service: Job,
    *,
    lines: int,
    instance: int = 0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine]:
    """Yield the last lines of a long-running service and then each that is added, for as long as the service is there."""

    def look() -> tuple[list[str] | None, bool]:
        raw = operations.container_log(service.name, instance=instance, container=CONTAINER, lines=MOST_LINES)
        return None if raw is None else raw.splitlines(), operations.service(service.name) is None

    return _growing(look, node=None, lines=lines, sleep=sleep)


def _growing(
    look: Callable[[], tuple[list[str] | None, bool]], *, node: str | None, lines: int, sleep: Callable[[float], None]
) -> Iterator[LogLine]:
    """Yield the end of a log and what is added to it; ``look`` gives its lines, if it is there, and whether it has ended."""
    seen: list[str] | None = None
    pause = 0.25
    while True:
        now, ended = look()
        if now is not None:
            added = now if seen is None else unseen(seen, now)
            fresh = _of_node(added, node, lines if seen is None else len(added))
            pause, seen = 0.25 if fresh else pause, now
            yield from fresh
        if ended:
            return
        sleep(pause)
        pause = min(pause * 1.3, 5.0)


def _has_ended(operations: Operations, pipeline: DeployedPipeline, run: TaskRun) -> bool:
    since = (run.scheduled or run.started or 0.0) - 3600
    rows = operations.task_runs(root_id=pipeline.root.id, run=run.run, since=since)
    same = [row for row in rows if row.name == run.name and row.attempt == run.attempt]
    return all(row.state in _TASK_ENDED for row in same)


def _is(node: str, full_name: str) -> bool:
    return node in (full_name, full_name.rpartition(":")[2])


def _of_node(raw: Sequence[str], node: str | None, count: int) -> tuple[LogLine, ...]:
    return _last([parse(line) for line in raw], node, count)


def _last(lines: Sequence[LogLine], node: str | None, count: int) -> tuple[LogLine, ...]:
    """Return the last lines that are of a node, or of none: nodes of one group share a container."""
    found = [line for line in lines if node is None or line.node in (None, node)]
    return tuple(found[-count:]) if count else ()


def _start(row: TaskRun) -> float:
    return row.scheduled or row.started or 0.0
