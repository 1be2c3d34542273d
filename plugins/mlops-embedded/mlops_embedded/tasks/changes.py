"""Creating, altering, resuming, suspending and dropping tasks, for SQL and REST alike, by Snowflake's rules.

A new, replaced or cloned task is suspended. Nothing in a graph changes while its root is started, but a task that is a
graph by itself may be replaced. Resuming the root sets a new version of the whole graph, and runs keep the version that
they started with.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from mlops_embedded.catalog import Catalog, ObjectName
from mlops_embedded.catalog.grants import ACCOUNT, may
from mlops_embedded.errors import SnowflakeError, already_exists, invalid_value
from mlops_embedded.tasks.definition import KIND, Task, TaskSettings
from mlops_embedded.tasks.graph import (
    TaskGraph,
    check_links,
    check_place,
    descendants,
    graph_of,
    root_not_suspended,
    roots_of,
)
from mlops_embedded.tasks.history import History
from mlops_embedded.tasks.schema_tasks import tasks_of


def get_task(catalog: Catalog, name: ObjectName) -> Task:
    return Task.of(catalog.get(KIND, name))


def current_graph(catalog: Catalog, root: ObjectName) -> TaskGraph:
    """Return the graph of a root task as it is now."""
    with catalog.reading():
        return graph_of(tasks_of(catalog, root.database, root.schema), root.name)


def create_task(
    catalog: Catalog,
    name: ObjectName,
    settings: TaskSettings,
    owner: str,
    *,
    or_replace: bool = False,
    if_not_exists: bool = False,
) -> bool:
    """Create a suspended task; False if it was there and that was allowed."""
    with catalog.transaction():
        catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
        existing = catalog.find(KIND, name)
        if existing is not None and if_not_exists:
            return False
        if existing is not None and not or_replace:
            raise already_exists(KIND, name)
        if existing is not None:
            _let_go(catalog, Task.of(existing))
        _save(catalog, Task(name, settings, owner))
    return True


def _let_go(catalog: Catalog, task: Task) -> None:
    """Suspend a task that is to be replaced, if it is a graph by itself; its graph must not be started otherwise."""
    tasks, name = tasks_of(catalog, task.name.database, task.name.schema), task.name.name
    if task.started and task.settings.is_root and not tasks.children(name) and tasks.finalizer(name) is None:
        catalog.put(replace(task, started=False).document())
    else:
        _refuse_if_running(catalog, task)


def alter_task(catalog: Catalog, name: ObjectName, settings: TaskSettings) -> Task:
    """Give a task other settings; it keeps its identity and its state."""
    with catalog.transaction():
        task = get_task(catalog, name)
        _refuse_if_running(catalog, task)
        return _save(catalog, replace(task, settings=settings))


def create_or_alter_task(catalog: Catalog, name: ObjectName, settings: TaskSettings, owner: str) -> bool:
    """Create the task, or give it exactly these settings; True if it was created."""
    with catalog.transaction():
        if catalog.find(KIND, name) is None:
            return create_task(catalog, name, settings, owner)
        alter_task(catalog, name, settings)
    return False


def resume_task(catalog: Catalog, history: History, name: ObjectName, now: datetime) -> None:
    """Let a task run; resuming a root sets the graph's next version. Resuming a started task changes nothing."""
    with catalog.transaction():
        task = get_task(catalog, name)
        if task.started:
            return
        if not task.settings.is_root:
            _refuse_if_running(catalog, task)
        require_execution(catalog, task)
        resumed = replace(task, started=True, resumed_on=now, suspended_because=None)
        catalog.put(resumed.document())
        if task.settings.is_root:
            set_version(catalog, history, name)


def suspend_task(catalog: Catalog, name: ObjectName, now: datetime, *, because: str = "USER_SUSPENDED") -> None:
    """Keep a task from running; a run that goes on is not stopped."""
    with catalog.transaction():
        task = get_task(catalog, name)
        if not task.settings.is_root:
            _refuse_if_running(catalog, task)
        if task.started:
            catalog.put(replace(task, started=False, suspended_on=now, suspended_because=because).document())


def set_version(catalog: Catalog, history: History, root: ObjectName) -> Task:
    """Write down the graph as it is now as its next version, and return the root with that version."""
    with catalog.transaction():
        task = replace(get_task(catalog, root), committed_on=datetime.now(timezone.utc))
        task = replace(task, graph_version=task.graph_version + 1)
        catalog.put(task.document())
        history.put_version(task.id, task.graph_version, current_graph(catalog, root))
    return task


def resume_graph(catalog: Catalog, history: History, root: ObjectName, now: datetime) -> None:
    """Resume a root task and everything that depends on it."""
    with catalog.transaction():
        graph = current_graph(catalog, root)
        if not graph.root.settings.is_root:
            raise invalid_value(f"task {root} is not a root task")
        if graph.root.started:
            raise root_not_suspended(graph.root)
        for task in reversed(graph.members):
            resume_task(catalog, history, task.name, now)


def drop_task(catalog: Catalog, name: ObjectName, *, if_exists: bool = False) -> bool:
    """Drop a task; what came after it loses that link. False if it was not there and that was allowed."""
    with catalog.transaction():
        found = catalog.find(KIND, name)
        if found is None:
            return catalog.delete(KIND, name, if_exists=if_exists)
        task = Task.of(found)
        if not task.settings.is_root:
            _refuse_if_running(catalog, task)
        catalog.delete(KIND, name)
        tasks = tasks_of(catalog, name.database, name.schema)
        if (finalizer := tasks.finalizer(name.name)) is not None:
            catalog.put(replace(finalizer.with_settings(finalize=None), started=False).document())
        for child in sorted(tasks.children(name.name)):
            left = tuple(p for p in tasks[child].settings.predecessors if p != name.name)
            changed = tasks[child].with_settings(predecessors=left)
            catalog.put((changed if left else replace(changed, started=False)).document())
    return True


def dependents(catalog: Catalog, name: ObjectName, *, recursive: bool) -> list[Task]:
    """Return a task and what runs after it (directly or at all), its finalizer last."""
    with catalog.reading():
        task = get_task(catalog, name)
        tasks = tasks_of(catalog, name.database, name.schema)
        after = descendants(tasks, name.name) if recursive else set(tasks.children(name.name))
        graph = graph_of(tasks, min(roots_of(tasks, task)))
    chosen = [t for t in graph.members if t.name.name == name.name or t.name.name in after]
    if graph.finalizer is not None and graph.root.name == name:
        chosen.append(graph.finalizer)
    return chosen


def require_execution(catalog: Catalog, task: Task) -> None:
    """Refuse to run a task whose owner lacks EXECUTE TASK, or EXECUTE MANAGED TASK if it names no warehouse.

    Raises:
        SnowflakeError 091072: the message says what to grant to whom.
    """
    needed = ["EXECUTE TASK"] if task.settings.warehouse else ["EXECUTE TASK", "EXECUTE MANAGED TASK"]
    for privilege in needed:
        if not may(catalog, task.owner, privilege, ACCOUNT):
            raise SnowflakeError(
                f"Cannot execute task {task.name}, {privilege} privilege must be granted to owner role {task.owner}",
                code="091072",
                sqlstate="42501",
                http_status=403,
            )


def _refuse_if_running(catalog: Catalog, task: Task) -> None:
    """Refuse a change while a root above the task, or the task itself as a root, is started."""
    tasks = tasks_of(catalog, task.name.database, task.name.schema)
    for root in roots_of(tasks, task):
        if root in tasks and tasks[root].started:
            raise root_not_suspended(tasks[root])


def _save(catalog: Catalog, task: Task) -> Task:
    """Write a task down if the graph that it makes is one that Snowflake would take."""
    tasks = tasks_of(catalog, task.name.database, task.name.schema)
    before = tasks.get(task.name.name)
    if task.settings.warehouse is not None:
        catalog.get("warehouse", ObjectName(None, None, task.settings.warehouse))
    for integration in (task.settings.error_integration, task.settings.success_integration):
        if integration is not None:
            catalog.get("notification_integration", ObjectName(None, None, integration))
    check_links(tasks, task)
    _refuse_if_running(catalog, task)
    check_place(tasks, task)
    if before is not None and before.settings.is_root and not task.settings.is_root:
        own = tasks.finalizer(task.name.name)
        if own is not None:
            raise invalid_value(f"task {task.name} has the finalizer {own.name.name}, so it must stay a root task")
    catalog.put(task.document())
    return task
