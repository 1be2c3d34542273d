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
        return graph_of({task.name.name: task for task in members}, members[0].name.name)


def graph_of(tasks: Mapping[str, Task], root: str) -> TaskGraph:
    """Return the graph that a root task starts, out of all tasks of its schema.

    Raises:
        SnowflakeError: the graph has a cycle, or is larger than Snowflake's limits.
    """
    if tasks[root].settings.predecessors:
        raise invalid_value(f"the task graph has a cycle: {root} comes after what comes after it")
    ordered: dict[str, Task] = {root: tasks[root]}
    waiting = dict(tasks)
    del waiting[root]
    members = {root} | descendants(tasks, root)
    while True:
        ready = [
            name
            for name, task in waiting.items()
            if name in members and all(p in ordered or p not in tasks for p in task.settings.predecessors)
        ]
        if not ready:
            break
        for name in sorted(ready):
            ordered[name] = waiting.pop(name)
    stuck = sorted(members - set(ordered))
    if stuck:
        raise invalid_value(f"the task graph has a cycle: {', '.join(stuck)}")
    finalizer = next((task for task in tasks.values() if task.settings.finalize == root), None)
    graph = TaskGraph(tasks[root], ordered, finalizer)
    check_limits(graph)
    return graph


def descendants(tasks: Mapping[str, Task], name: str) -> set[str]:
    """Return the names of all tasks that run after this one, directly or not."""
    found: set[str] = set()
    front = {name}
    while front:
        front = {n for n, t in tasks.items() if front & set(t.settings.predecessors)} - found
        found |= front
    return found


def roots_of(tasks: Mapping[str, Task], task: Task) -> set[str]:
    """Return the names of the root tasks above a task; itself if it is one."""
    if task.settings.finalize is not None:
        return {task.settings.finalize}
    roots: set[str] = set()
    seen: set[str] = set()
    front = [task]
    while front:
        current = front.pop()
        if current.name.name in seen:
            continue
        seen.add(current.name.name)
        if not current.settings.predecessors:
            roots.add(current.name.name)
        front += [tasks[p] for p in current.settings.predecessors if p in tasks]
    return roots


def check_links(tasks: Mapping[str, Task], task: Task) -> None:
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
        other = next((t for t in tasks.values() if t.settings.finalize == root.name.name and t.name != task.name), None)
        if other is not None:
            raise invalid_value(f"the root task {root.name} has a finalizer already: {other.name}")
        if any(task.name.name in t.settings.predecessors for t in tasks.values()):
            raise invalid_value(f"a finalizer task cannot have child tasks, and {task.name} has some")
    finalizers = [p for p in settings.predecessors if tasks[p].settings.finalize is not None]
    if finalizers:
        raise invalid_value(f"a finalizer task cannot have child tasks: {finalizers[0]} is one")
    if len(settings.predecessors) > 1 and len(roots_of(tasks, task)) > 1:
        raise invalid_value(f"the predecessors of {task.name} are not in the same task graph")


def check_limits(graph: TaskGraph) -> None:
    """Refuse a graph that is larger than Snowflake takes; suspended tasks count."""
    if len(graph.members) > MAX_TASKS:
        raise invalid_value(f"a task graph can have at most {MAX_TASKS} tasks, root included")
    children: dict[str, int] = {}
    for task in graph.tasks.values():
        if len(task.settings.predecessors) > MAX_PARENTS:
            raise invalid_value(f"a task can have at most {MAX_PARENTS} predecessors, and {task.name} has more")
        for parent in task.settings.predecessors:
            children[parent] = children.get(parent, 0) + 1
    crowded = next((name for name, count in children.items() if count > MAX_CHILDREN), None)
    if crowded is not None:
        raise invalid_value(f"a task can have at most {MAX_CHILDREN} child tasks, and {crowded} has more")


def root_not_suspended(root: Task) -> SnowflakeError:
    """091089: the graph must not change while its root may start it."""
    return SnowflakeError(
        f"Unable to update graph with root task {root.name} since that root task is not suspended.",
        code="091089",
        sqlstate="23001",
        http_status=409,
    )
