"""A task graph: a root task, what runs after it, and its finalizer; the rules that Snowflake has for its shape.

Source: Snowflake documentation, "Create a sequence of tasks with a task graph".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_embedded.catalog import ObjectName
from mlops_embedded.errors import SnowflakeError, does_not_exist, invalid_value
from mlops_embedded.tasks.definition import Task
from mlops_embedded.tasks.schema_tasks import SchemaTasks

MAX_TASKS, MAX_PARENTS, MAX_CHILDREN = 1000, 100, 100


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """The tasks that one root starts, by stored name, predecessors first."""

    root: Task
    tasks: Mapping[str, Task]
    """Root and children in an order in which they could run; the finalizer is not among them."""
    finalizer: Task | None = None

    @property
    def members(self) -> tuple[Task, ...]:
        """Every task of the graph, root first, finalizer last."""
        return (*self.tasks.values(), *((self.finalizer,) if self.finalizer else ()))

    def member(self, name: str) -> Task:
        if self.finalizer is not None and self.finalizer.name.name == name:
            return self.finalizer
        return self.tasks[name]

    def same_work(self, other: TaskGraph) -> bool:
        """Whether both have the same tasks with the same settings, so that a run of one can be retried as the other."""
        return {t.id: t.settings for t in self.members} == {t.id: t.settings for t in other.members}

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {"name": task.name.name, "created_on": task.created_on.isoformat(), **task.to_json()}
            for task in self.members
        ]

    @classmethod
    def from_json(cls, database: str | None, schema: str | None, tasks: list[dict[str, Any]]) -> TaskGraph:
        members = [
            Task.from_json(ObjectName(database, schema, t["name"]), datetime.fromisoformat(t["created_on"]), t)
            for t in tasks
        ]
        return graph_of(SchemaTasks(members), members[0].name.name)


def graph_of(tasks: SchemaTasks, root: str) -> TaskGraph:
    """Return the graph that a root task starts, out of all tasks of its schema.

    Raises:
        SnowflakeError: the graph has a cycle, or is larger than Snowflake's limits.
    """
    if tasks[root].settings.predecessors:
        raise invalid_value(f"the task graph has a cycle: {root} comes after what comes after it")
    members = {root} | descendants(tasks, root)
    missing = {name: sum(p in tasks for p in tasks[name].settings.predecessors) for name in members}
    ordered: dict[str, Task] = {}
    level = [root]
    while level:
        ordered.update((name, tasks[name]) for name in level)
        ready = []
        for name in level:
            for child in tasks.children(name):
                missing[child] -= 1
                if missing[child] == 0:
                    ready.append(child)
        level = sorted(ready)
    stuck = sorted(members - set(ordered))
    if stuck:
        raise invalid_value(f"the task graph has a cycle: {', '.join(stuck)}")
    graph = TaskGraph(tasks[root], ordered, tasks.finalizer(root))
    check_size(len(graph.members))
    for task in graph.tasks.values():
        check_width(tasks, task)
    return graph


def descendants(tasks: SchemaTasks, name: str) -> set[str]:
    """Return the names of all tasks that run after this one, directly or not."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        new = tasks.children(ahead.pop()) - found
        found |= new
        ahead.extend(new)
    return found


def ancestors(tasks: SchemaTasks, task: Task) -> set[str]:
    """Return the names of all tasks that run before this one, directly or not."""
    found: set[str] = set()
    ahead = list(task.settings.predecessors)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead.extend(tasks[name].settings.predecessors if name in tasks else ())
    return found


def roots_of(tasks: SchemaTasks, task: Task) -> set[str]:
    """Return the names of the root tasks above a task; itself if it is one."""
    if task.settings.finalize is not None:
        return {task.settings.finalize}
    if not task.settings.predecessors:
        return {task.name.name}
    above = ancestors(tasks, task)
    return {name for name in above if name in tasks and not tasks[name].settings.predecessors}


def check_links(tasks: SchemaTasks, task: Task) -> None:
    """Refuse a task whose predecessors or root are not there, belong to another owner, or lie in two graphs."""
    settings = task.settings
    for linked in (*settings.predecessors, *((settings.finalize,) if settings.finalize else ())):
        if linked == task.name.name:
            raise invalid_value(f"task {task.name} cannot come after itself")
        if linked not in tasks:
            raise does_not_exist("task", ObjectName(task.name.database, task.name.schema, linked))
        if tasks[linked].owner != task.owner:
            raise invalid_value(
                f"all tasks of a graph must have one owner: {linked} is owned by {tasks[linked].owner}, "
                f"{task.name.name} by {task.owner}"
            )
    if settings.finalize is not None:
        root = tasks[settings.finalize]
        if not root.settings.is_root:
            raise invalid_value(f"FINALIZE must name a root task, and {root.name} is none")
        other = tasks.finalizer(root.name.name)
        if other is not None and other.name != task.name:
            raise invalid_value(f"the root task {root.name} has a finalizer already: {other.name}")
        if tasks.children(task.name.name):
            raise invalid_value(f"a finalizer task cannot have child tasks, and {task.name} has some")
    finalizers = [p for p in settings.predecessors if tasks[p].settings.finalize is not None]
    if finalizers:
        raise invalid_value(f"a finalizer task cannot have child tasks: {finalizers[0]} is one")
    if len(settings.predecessors) > 1 and len(roots_of(tasks, task)) > 1:
        raise invalid_value(f"the predecessors of {task.name} are not in the same task graph")


def check_place(tasks: SchemaTasks, task: Task) -> None:
    """Refuse a task that would close a cycle, or make a graph larger than Snowflake takes; it need not be in `tasks` yet."""
    name = task.name.name
    above = ancestors(tasks, task)
    if name in above:
        circle = sorted((above & (descendants(tasks, name) | {name})) | {name})
        raise invalid_value(f"the task graph has a cycle: {', '.join(circle)}")
    check_width(tasks, task)
    for parent in task.settings.predecessors:
        check_width(tasks, tasks[parent], and_child=name)
    if len(tasks) >= MAX_TASKS:  # else no graph of the schema can have too many
        for root in roots_of(tasks, task):
            members = {root, name} | descendants(tasks, root) | descendants(tasks, name)
            finalizer = tasks.finalizer(root)
            check_size(len(members | ({finalizer.name.name} if finalizer else set())))


def check_size(count: int) -> None:
    """Refuse a graph of more tasks than Snowflake takes; suspended tasks count."""
    if count > MAX_TASKS:
        raise invalid_value(f"a task graph can have at most {MAX_TASKS} tasks, root included")


def check_width(tasks: SchemaTasks, task: Task, *, and_child: str | None = None) -> None:
    """Refuse a task with more predecessors or child tasks than Snowflake takes."""
    if len(task.settings.predecessors) > MAX_PARENTS:
        raise invalid_value(f"a task can have at most {MAX_PARENTS} predecessors, and {task.name.name} has more")
    children = tasks.children(task.name.name)
    if len(children) + (and_child is not None and and_child not in children) > MAX_CHILDREN:
        raise invalid_value(f"a task can have at most {MAX_CHILDREN} child tasks, and {task.name.name} has more")


def root_not_suspended(root: Task) -> SnowflakeError:
    """091089: the graph must not change while its root may start it."""
    return SnowflakeError(
        f"Unable to update graph with root task {root.name} since that root task is not suspended.",
        code="091089",
        sqlstate="23001",
        http_status=409,
    )
