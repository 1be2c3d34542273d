"""The functions that a task's statement, and a job that it started, may call about their own run."""

from __future__ import annotations

import json
from typing import Any

from mlops_embedded.catalog import ObjectName, parse_name
from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.rest.tasks import TASK
from mlops_embedded.sql.functions import Arguments, scalar_function
from mlops_embedded.sql.session import Session
from mlops_embedded.tasks import runs
from mlops_embedded.tasks.changes import dependents, resume_graph
from mlops_embedded.tasks.engine import engine_of
from mlops_embedded.tasks.history import GraphRun, TaskRun

MAX_RETURN_BYTES = 10_000


@scalar_function("SYSTEM$GET_TASK_GRAPH_CONFIG")
def task_graph_config(session: Session, arguments: Arguments) -> object:
    """The configuration of this run as JSON text, or the value at a path such as 'a.b[0]'."""
    run, _ = _own_run(session, arguments.function)
    path = arguments.get(0)
    if run.config is None or path is None:
        return run.config
    value: Any = json.loads(run.config)
    for key in str(path).replace("[", ".").replace("]", "").split("."):
        key = key.strip("\"'")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            value = None
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


@scalar_function("SYSTEM$SET_RETURN_VALUE")
def set_return_value(session: Session, arguments: Arguments) -> object:
    run, task = _own_run(session, arguments.function)
    value = str(arguments.require(0))
    if len(value.encode()) > MAX_RETURN_BYTES:
        raise invalid_value(f"a return value must have at most {MAX_RETURN_BYTES} bytes, not {len(value.encode())}")
    engine_of(session.account).history.change_task(run.group_id, task.attempt, task.name, return_value=value)
    return True


@scalar_function("SYSTEM$GET_PREDECESSOR_RETURN_VALUE")
def predecessor_return_value(session: Session, arguments: Arguments) -> object:
    """What a predecessor (or another ancestor, by name) returned; without a name, that of the only enabled one."""
    run, task = _own_run(session, arguments.function)
    history = engine_of(session.account).history
    graph = history.graph(run)
    own = graph.member(task.name)
    name = arguments.get(0)
    if name is None:
        before = own.settings.predecessors or ((own.settings.finalize,) if own.settings.finalize else ())
        enabled = [p for p in before if graph.member(p).started or p == graph.root.name.name]
        if len(enabled) != 1:
            raise invalid_value(
                f"{arguments.function} needs the name of a predecessor: {task.name} has {len(enabled)} that are enabled"
            )
        [name] = enabled
    if name not in graph.tasks:
        raise invalid_value(f"{name} is not a predecessor of task {task.name}")
    return history.return_value(run.group_id, name)


@scalar_function("SYSTEM$TASK_RUNTIME_INFO")
def task_runtime_info(session: Session, arguments: Arguments) -> object:
    run, task = _own_run(session, arguments.function)
    history = engine_of(session.account).history
    last = next((r for r in history.runs_of(run.root) if r.state == runs.SUCCEEDED), None)
    facts = {
        "CURRENT_TASK_NAME": str(ObjectName(run.root.database, run.root.schema, task.name)),
        "CURRENT_ROOT_TASK_NAME": str(run.root),
        "CURRENT_ROOT_TASK_UUID": run.root_id,
        "CURRENT_TASK_GRAPH_RUN_GROUP_ID": run.group_id,
        "CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP": _timestamp(run),
        "LAST_SUCCESSFUL_TASK_GRAPH_RUN_GROUP_ID": last and last.group_id,
        "LAST_SUCCESSFUL_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP": last and _timestamp(last),
    }
    wanted = str(arguments.require(0)).upper()
    if wanted not in facts:
        raise invalid_value(f"{arguments.function} knows {', '.join(facts)}, not {wanted}")
    return facts[wanted]


@scalar_function("SYSTEM$CURRENT_USER_TASK_NAME")
def current_user_task_name(session: Session, arguments: Arguments) -> object:
    run, task = _own_run(session, arguments.function)
    return str(ObjectName(run.root.database, run.root.schema, task.name))


@scalar_function("SYSTEM$TASK_DEPENDENTS_ENABLE")
def enable_dependents(session: Session, arguments: Arguments) -> object:
    engine = engine_of(session.account)
    root = session.resolve(parse_name(arguments.require(0)))
    for task in dependents(session.catalog, root, recursive=True):
        TASK.get(session, task.name, "OPERATE")
    resume_graph(session.catalog, engine.history, root, session.account.clock.now())
    engine.wake()
    return "Task dependents are enabled."


@scalar_function("SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS")
def cancel_ongoing_executions(session: Session, arguments: Arguments) -> object:
    root = session.resolve(parse_name(arguments.require(0)))
    TASK.get(session, root, "OPERATE")
    cancelled = engine_of(session.account).cancel(root)
    return f"{cancelled} task graph run(s) cancelled."


def _own_run(session: Session, function: str) -> tuple[GraphRun, TaskRun]:
    """Return the run that this session belongs to; a job's session belongs to that of the task that started it."""
    bound = session.context.get("task_run")
    if bound is None:
        raise SnowflakeError(f"Function {function} must be called from within a task.", code="091104", sqlstate="22023")
    group_id, attempt, name = bound
    history = engine_of(session.account).history
    return history.run(group_id, attempt), history.task(group_id, attempt, name)


def _timestamp(run: GraphRun) -> str:
    return run.scheduled_time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
