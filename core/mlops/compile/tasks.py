"""The task graph: a task for each job, in the order of their links, with a root that a run starts with.

Source: Snowflake documentation, "CREATE TASK"; "Create a sequence of tasks with a task graph".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from mlops.compile.condition import both, checked_condition, stream_has_data
from mlops.compile.containers import job_specification
from mlops.compile.jobs import Job, Links
from mlops.compile.names import is_identifier, qualified, task_names
from mlops.compile.notification import LABEL, check_notification, notifying_body
from mlops.compile.objects import Scalar, Task
from mlops.compile.shared import Shared
from mlops.compile.statement import execute_job_service
from mlops.compile.timeouts import graph_timeout, job_timeout
from mlops.compile.timetable import check_schedule
from mlops.compile.yaml_text import to_yaml
from mlops.errors import GraphProblem, MlopsError, SettingsError
from mlops.graph import Graph
from mlops.pipeline import Stream
from mlops.targets import Target

MAX_TASKS, MAX_LINKS, MAX_INTEGRATIONS = 1000, 100, 10
NOTHING = "SELECT 1"
"""What a root does that runs no node: several nodes wait for nothing, and a graph has one root."""


def task_graph(
    graph: Graph,
    jobs: Sequence[Job],
    links: Links,
    target: Target,
    shared: Shared,
    config: Mapping[str, Scalar],
    database: str,
    problems: list[MlopsError],
) -> tuple[Task, ...]:
    """Return the tasks, the root first and the finalizer last; what is wrong goes into ``problems``."""
    pipeline, options = graph.pipeline.name, target.tasks
    last = next((job for job in jobs if graph.finalizer in [node.full_name for node in job.nodes]), None)
    inner = [job for job in jobs if job is not last]
    entries = [job for job in inner if not links.parents[job.name]]
    root = entries[0] if len(entries) == 1 else None
    if root is not None:
        inner = [root, *(job for job in inner if job is not root)]
    names = task_names(pipeline, jobs, root, problems)
    _check_options(target, graph, problems)
    timeouts = {job.name: job_timeout(job, target, problems) for job in jobs}
    bound = graph_timeout(jobs, links, timeouts, target, problems)
    warehouse = options.warehouse.upper() if options.warehouse else None
    schedule = graph.pipeline.schedule
    started_by = None
    if isinstance(schedule, Stream):
        started_by, schedule = stream_has_data(qualified(schedule.name) or ""), None
    conditions = {
        job.name: None if job.when is None else checked_condition(
            job.when, place=f"targets.{target.name}.nodes.{job.nodes[0].name}.when", problems=problems
        )
        for job in jobs
    }  # fmt: skip
    when = None
    if options.when is not None:
        when = checked_condition(options.when, place=f"targets.{target.name}.tasks.when", problems=problems)
    session: dict[str, Scalar] = {}
    if root is not None:
        session["STATEMENT_TIMEOUT_IN_SECONDS"] = int(timeouts[root.name].total_seconds())
    tasks = [
        Task(
            name=pipeline.upper(),
            definition=NOTHING if root is None else _body(root, target, shared, problems),
            nodes=() if root is None else tuple(node.full_name for node in root.nodes),
            schedule=schedule,
            condition=both(started_by, when, None if root is None else conditions[root.name]),
            config=config,
            warehouse=warehouse,
            user_task_timeout=bound,
            overlap_policy=options.overlap_policy,
            task_auto_retry_attempts=options.auto_retry_attempts,
            suspend_task_after_num_failures=options.suspend_after_failures,
            target_completion_interval=None
            if options.target_completion_interval is None
            else timedelta(seconds=options.target_completion_interval),
            error_integration=options.error_integration.upper() if options.error_integration else None,
            success_integration=options.success_integration.upper() if options.success_integration else None,
            session_parameters=session,
        )
    ]
    for job in inner:
        if job is not root:
            tasks.append(
                Task(
                    name=names[job.name],
                    definition=_body(job, target, shared, problems),
                    nodes=tuple(node.full_name for node in job.nodes),
                    predecessors=tuple(names[parent] for parent in links.parents[job.name]) or (pipeline.upper(),),
                    condition=conditions[job.name],
                    warehouse=warehouse,
                    user_task_timeout=timeouts[job.name],
                )
            )
    if last is not None:
        tasks.append(
            Task(
                name=names[last.name],
                definition=_body(last, target, shared, problems),
                nodes=tuple(node.full_name for node in last.nodes),
                finalize=pipeline.upper(),
                warehouse=warehouse,
                user_task_timeout=timeouts[last.name],
            )
        )
        if conditions[last.name] is not None:
            problems.append(
                SettingsError(
                    place=f"targets.{target.name}.nodes.{last.nodes[0].name}.when",
                    problem="the finalizer runs whatever happened before: it has no condition",
                    hint="remove it, and ask inside the node",
                )
            )
    if target.on_failure is not None:
        tasks += _notifier(graph, target, last, database, warehouse, problems)
    problems.extend(_beyond_limits(tasks, pipeline))
    return tuple(tasks)


def _body(job: Job, target: Target, shared: Shared, problems: list[MlopsError]) -> str:
    text = to_yaml(job_specification(job, shared).to_data())
    if "$$" in text:
        problems.append(
            GraphProblem(
                f"{job.title}: its specification holds $$, which would end it inside the statement",
                hint="write it another way",
            )
        )
        text = ""
    return execute_job_service(
        text,
        compute_pool=job.pool.name.upper(),
        query_warehouse=shared.warehouse,
        replicas=job.partitions,
        external_access_integrations=[name.upper() for name in target.external_access_integrations],
    )


def _notifier(
    graph: Graph, target: Target, last: Job | None, database: str, warehouse: str | None, problems: list[MlopsError]
) -> list[Task]:
    assert target.on_failure is not None  # asked by the caller
    check_notification(target.on_failure, f"targets.{target.name}.on_failure", problems)
    if last is not None:
        problems.append(
            SettingsError(
                place=f"targets.{target.name}.on_failure",
                problem=f"pipeline {graph.pipeline.name!r} has a finalizer, {last.nodes[0].name!r}, and Snowflake runs one "
                "finalizer a graph",
                hint="send the message in that node, or use tasks.error_integration",
            )
        )
        return []
    return [
        Task(
            name=f"{graph.pipeline.name.upper()}${LABEL}",
            definition=notifying_body(
                target.on_failure, pipeline=graph.pipeline.name, target=target.name, database=database
            ),
            finalize=graph.pipeline.name.upper(),
            warehouse=warehouse,
            user_task_timeout=timedelta(minutes=10),
        )
    ]


def _check_options(target: Target, graph: Graph, problems: list[MlopsError]) -> None:
    options, place = target.tasks, f"targets.{target.name}.tasks"
    check_schedule(graph.pipeline.schedule, graph.pipeline.name, problems)
    for name, value, low, high in (
        ("auto_retry_attempts", options.auto_retry_attempts, 0, 30),
        ("suspend_after_failures", options.suspend_after_failures, 0, 2**31 - 1),
        ("node_timeout", options.node_timeout, 1, 604800),
        ("start_timeout", options.start_timeout, 0, 86400),
        ("target_completion_interval", options.target_completion_interval, 10, 86400),
    ):
        if value is not None and not low <= value <= high:
            problems.append(
                SettingsError(
                    place=f"{place}.{name}", problem=f"it is {value}", hint=f"it is a number from {low} to {high}"
                )
            )
    for name, text in (
        ("warehouse", options.warehouse),
        ("error_integration", options.error_integration),
        ("success_integration", options.success_integration),
    ):
        if text is not None and not is_identifier(text):
            problems.append(
                SettingsError(
                    place=f"{place}.{name}", problem=f"{text!r} is not a name", hint="use a name without quotes"
                )
            )
    if (
        isinstance(graph.pipeline.schedule, Stream)
        and options.warehouse is None
        and options.target_completion_interval is None
    ):
        problems.append(
            SettingsError(
                place=f"{place}.target_completion_interval",
                problem=f"pipeline {graph.pipeline.name!r} starts when a stream holds rows, and a serverless task that does "
                "so must say how soon it ends",
                hint="write target_completion_interval = 300 (seconds), or a warehouse",
            )
        )
    if options.target_completion_interval is not None and options.warehouse is not None:
        problems.append(
            SettingsError(
                place=f"{place}.target_completion_interval",
                problem="it is for serverless tasks, and these have a warehouse",
                hint="remove one of the two",
            )
        )
    if len(target.external_access_integrations) > MAX_INTEGRATIONS:
        problems.append(
            SettingsError(
                place=f"targets.{target.name}.external_access_integrations",
                problem=f"there are {len(target.external_access_integrations)}",
                hint=f"a job has at most {MAX_INTEGRATIONS}",
            )
        )
    for name in target.external_access_integrations:
        if not is_identifier(name):
            problems.append(
                SettingsError(
                    place=f"targets.{target.name}.external_access_integrations",
                    problem=f"{name!r} is not a name",
                    hint="use a name without quotes",
                )
            )


def _beyond_limits(tasks: Sequence[Task], pipeline: str) -> Iterator[MlopsError]:
    if len(tasks) > MAX_TASKS:
        beyond = tasks[MAX_TASKS]
        yield GraphProblem(
            f"pipeline {pipeline!r} has {len(tasks)} tasks, and Snowflake takes {MAX_TASKS} in a graph: the first beyond is "
            f"{_named(beyond)}",
            hint="let small nodes share a container with group=, or split the pipeline",
        )
    children: dict[str, list[Task]] = {}
    for task in tasks:
        if len(task.predecessors) > MAX_LINKS:
            yield GraphProblem(
                f"{_named(task)} waits for {len(task.predecessors)} tasks, and Snowflake takes {MAX_LINKS}",
                hint="gather some of what it reads in a node between, or let its parents share containers with group=",
            )
        for parent in task.predecessors:
            children.setdefault(parent, []).append(task)
    by_name = {task.name: task for task in tasks}
    for parent, followers in children.items():
        if len(followers) > MAX_LINKS and parent in by_name:
            yield GraphProblem(
                f"{_named(by_name[parent])} is waited for by {len(followers)} tasks, and Snowflake takes {MAX_LINKS}: the "
                f"first beyond is {_named(followers[MAX_LINKS])}",
                hint="let some of them share a container with group=, or let some wait for others with after=",
            )


def _named(task: Task) -> str:
    if not task.nodes:
        return f"the root {task.name}" if task.finalize is None else f"task {task.name}"
    return " and ".join(f"node {name.rpartition(':')[2]!r}" for name in task.nodes)
