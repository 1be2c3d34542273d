"""The order in which the tasks of a graph are written, so that many are at once.

Each is written when everything above it is. So a graph never has a cycle on the way from one shape to another: when a task
gets its new predecessors, all that is above them has its new ones already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

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


def written_above(tasks: Iterable[Task], written: Collection[str]) -> dict[str, frozenset[str]]:
    """Return for each task that is written the nearest ones above it that are, over those that are not.

    ``tasks`` are in an order in which each comes after its predecessors.
    """
    nearest: dict[str, frozenset[str]] = {}
    for task in tasks:
        above: frozenset[str] = frozenset()
        for name in task.predecessors:
            above |= {name} if name in written else nearest.get(name, frozenset())
        nearest[task.name] = above
    return {name: nearest[name] for name in nearest if name in written}
