"""The task graph: a task for each job, in the order of their links, with a root that a run starts with.

Source: Snowflake documentation, "CREATE TASK"; "Create a sequence of tasks with a task graph".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from msgspec.structs import replace

from mlops.compile.condition import both, checked_condition, stream_has_data
from mlops.compile.containers import job_specification
from mlops.compile.jobs import Job, Links
from mlops.compile.names import qualified, task_names
from mlops.compile.notification import LABEL, VARIABLE, check_notification, notifying_body, variable_of
from mlops.compile.objects import Scalar, Task
from mlops.compile.options import check_options
from mlops.compile.shared import Shared
from mlops.compile.statement import execute_job_service
from mlops.compile.timeouts import graph_timeout, job_timeout
from mlops.compile.timetable import check_schedule
from mlops.compile.yaml_text import to_yaml
from mlops.configuration.targets import Notification, Target
from mlops.errors import GraphProblem, MlopsError, SettingsError
from mlops.graph import Graph
from mlops.pipeline import Stream

MAX_TASKS, MAX_LINKS = 1000, 100
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
    root_name = graph.pipeline.name.upper()
    last = next((job for job in jobs if graph.finalizer in [node.full_name for node in job.nodes]), None)
    inner = [job for job in jobs if job is not last]
    entries = [job for job in inner if not links.parents[job.name]]
    root = entries[0] if len(entries) == 1 else None
    names = task_names(graph.pipeline.name, jobs, root, problems)
    check_schedule(graph.pipeline.schedule, graph.pipeline.name, problems)
    problems.extend(check_options(target, graph))
    timeouts = {job.name: job_timeout(job, target, problems) for job in jobs}
    bound = graph_timeout(jobs, links, timeouts, target, problems)
    conditions = {job.name: _condition(job, target, problems) for job in jobs}
    warehouse = _upper(target.tasks.warehouse)

    def task(job: Job) -> Task:
        return Task(
            name=names[job.name],
            definition=_body(job, target, shared, problems),
            nodes=tuple(node.full_name for node in job.nodes),
            condition=conditions[job.name],
            warehouse=warehouse,
            user_task_timeout=timeouts[job.name],
        )

    first = Task(root_name, NOTHING, warehouse=warehouse) if root is None else task(root)
    tasks = [_as_root(first, graph, target, config, bound, problems)]
    for job in inner:
        if job is not root:
            predecessors = tuple(names[parent] for parent in links.parents[job.name]) or (root_name,)
            tasks.append(replace(task(job), predecessors=predecessors))
    if target.on_failure is not None:
        check_notification(target.on_failure, f"targets.{target.name}.on_failure", problems)
    if last is not None:
        tasks.append(replace(task(_telling(last, graph, target)), finalize=root_name))
        if conditions[last.name] is not None:
            problems.append(
                SettingsError(
                    place=f"targets.{target.name}.nodes.{last.nodes[0].name}.when",
                    problem="the finalizer runs whatever happened before: it has no condition",
                    hint="remove it, and ask inside the node",
                )
            )
    elif target.on_failure is not None:
        tasks.append(_notifier(graph, target, target.on_failure, database))
    problems.extend(_beyond_limits(tasks, graph.pipeline.name))
    return tuple(tasks)


def _as_root(
    task: Task,
    graph: Graph,
    target: Target,
    config: Mapping[str, Scalar],
    timeout: timedelta | None,
    problems: list[MlopsError],
) -> Task:
    """Return a task with what the root of a graph has: when a run starts, and what holds for all of it."""
    options, schedule = target.tasks, graph.pipeline.schedule
    started_by = None
    if isinstance(schedule, Stream):
        started_by, schedule = stream_has_data(qualified(schedule.name) or ""), None
    when = None
    if options.when is not None:
        when = checked_condition(options.when, place=f"targets.{target.name}.tasks.when", problems=problems)
    interval = options.target_completion_interval
    own_timeout = task.user_task_timeout  # of the root's own node: as a task's timeout the root's is the graph's
    return replace(
        task,
        schedule=schedule,
        condition=both(started_by, when, task.condition),
        config=config,
        user_task_timeout=timeout,
        overlap_policy=options.overlap_policy,
        task_auto_retry_attempts=options.auto_retry_attempts,
        suspend_task_after_num_failures=options.suspend_after_failures,
        target_completion_interval=None if interval is None else timedelta(seconds=interval),
        error_integration=_upper(options.error_integration),
        success_integration=_upper(options.success_integration),
        session_parameters=(
            {} if own_timeout is None else {"STATEMENT_TIMEOUT_IN_SECONDS": int(own_timeout.total_seconds())}
        ),
    )


def _condition(job: Job, target: Target, problems: list[MlopsError]) -> str | None:
    if job.when is None:
        return None
    place = f"targets.{target.name}.nodes.{job.nodes[0].name}.when"
    return checked_condition(job.when, place=place, problems=problems)


def _upper(name: str | None) -> str | None:
    return name.upper() if name else None


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


def _telling(last: Job, graph: Graph, target: Target) -> Job:
    """Return the job of a finalizer node with whom to tell of a failure, where anybody is."""
    if target.on_failure is None:
        return last
    text = variable_of(target.on_failure, pipeline=graph.pipeline.name, target=target.name)
    return replace(last, env={**last.env, VARIABLE: text})


def _notifier(graph: Graph, target: Target, told: Notification, database: str) -> Task:
    """Return the finalizer of a graph that has none of its own: it tells of a failure."""
    root_name = graph.pipeline.name.upper()
    return Task(
        name=f"{root_name}${LABEL}",
        definition=notifying_body(told, pipeline=graph.pipeline.name, target=target.name, database=database),
        finalize=root_name,
        warehouse=_upper(target.tasks.warehouse),
        user_task_timeout=timedelta(minutes=10),
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
