"""Levels of a task graph: tasks of one level do not depend on each other, so they may be written at once.

Written level by level, a graph never has a cycle on the way from one shape to another: when a task gets its new
predecessors, all that is above them has its new ones already.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlops.compile.objects import Task


def levels_of(tasks: Iterable[Task]) -> list[list[Task]]:
    """Return the tasks in levels: each comes after its predecessors, the finalizer alone at the end.

    Predecessors that are not among the tasks do not count.
    """
    known = {task.name: task for task in tasks}
    depth: dict[str, int] = {}
    waiting = {name: {one for one in task.predecessors if one in known} for name, task in known.items()}
    level = 0
    while waiting:
        ready = [name for name, above in waiting.items() if not above & waiting.keys()]
        for name in ready or list(waiting):  # a cycle is not ours to find; Snowflake refuses it
            depth[name] = level
            del waiting[name]
        level += 1
    last = max(depth.values(), default=0) + 1
    levels: list[list[Task]] = [[] for _ in range(last + 1)]
    for name, task in known.items():
        levels[last if task.finalize else depth[name]].append(task)
    return [each for each in levels if each]
