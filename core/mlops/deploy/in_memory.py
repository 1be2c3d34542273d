"""An account in memory, for tests: it keeps Snowflake's rules for task graphs, and counts its calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any

from msgspec.structs import replace

from mlops.compile.objects import Task
from mlops.deploy.account import BusyError, ExistsError, GraphRun, Held, ObjectT
from mlops.deploy.ownership import Object
from mlops.errors import AccountError


class InMemoryAccount:
    """An account that lasts as long as this value.

    ``calls`` has every call as ``verb Kind NAME``, in order. ``before`` is called with each before it is carried out and
    ``after`` before it is answered: what they raise is what the caller meets.
    """

    def __init__(self, *, role: str = "DEPLOYER") -> None:
        self._role = role
        self._objects: dict[tuple[str, str], Held[Any]] = {}  # Any: objects of every kind
        self._lock = RLock()
        self.graph_runs: list[GraphRun] = []
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda call: None
        self.after: Callable[[str], None] = lambda call: None

    @property
    def role(self) -> str | None:
        return self._role

    @property
    def writes(self) -> list[str]:
        """The calls that change something."""
        return [call for call in self.calls if not call.startswith(("held", "find", "runs"))]

    def held(self, kind: type[ObjectT], prefix: str = "") -> Sequence[Held[ObjectT]]:
        with self._call(f"held {kind.__name__} {prefix}".rstrip()):
            return [
                one
                for (of, name), one in sorted(self._objects.items())
                if of == kind.__name__ and name.startswith(prefix)
            ]

    def find(self, kind: type[ObjectT], name: str) -> Held[ObjectT] | None:
        with self._call(f"find {kind.__name__} {name}"):
            return self._objects.get((kind.__name__, name))

    def create(self, wanted: Object, comment: str) -> None:
        with self._call(f"create {type(wanted).__name__} {wanted.name}"):
            if self._key(wanted) in self._objects:
                raise ExistsError(f"{wanted.name} already exists")
            self._keep(wanted, comment)

    def put(self, wanted: Object, comment: str) -> None:
        with self._call(f"put {type(wanted).__name__} {wanted.name}"):
            self._keep(wanted, comment)

    def drop(self, kind: type[Object], name: str) -> None:
        with self._call(f"drop {kind.__name__} {name}"):
            found = self._objects.get((kind.__name__, name))
            if found is None:
                return
            if isinstance(found.value, Task):
                self._refuse_if_started(found.value, itself=False)
                for one in self._tasks():
                    left = tuple(each for each in one.value.predecessors if each != name)
                    if left != one.value.predecessors:
                        orphan = replace(one.value, predecessors=left)
                        self._objects[self._key(orphan)] = replace(
                            one, value=orphan, started=one.started and bool(left)
                        )
            del self._objects[(kind.__name__, name)]

    def suspend(self, task: str) -> None:
        with self._call(f"suspend Task {task}"):
            found = self._task(task)
            self._refuse_if_started(found.value, itself=False)
            self._objects[self._key(found.value)] = replace(found, started=False)

    def resume(self, task: str) -> None:
        with self._call(f"resume Task {task}"):
            found = self._task(task)
            if not found.started:
                self._refuse_if_started(found.value, itself=False)
                self._objects[self._key(found.value)] = replace(found, started=True)

    def resume_graph(self, root: str) -> None:
        with self._call(f"resume_graph Task {root}"):
            members = {root}
            while more := {
                one.value.name
                for one in self._tasks()
                if members & {*one.value.predecessors, one.value.finalize} and one.value.name not in members
            }:
                members |= more
            for name in members:
                self._objects[("Task", name)] = replace(self._task(name), started=True)

    def runs(self, root: str) -> Sequence[GraphRun]:
        with self._call(f"runs Task {root}"):
            return list(self.graph_runs)

    @contextmanager
    def _call(self, call: str) -> Iterator[None]:
        self.calls.append(call)
        self.before(call)
        with self._lock:
            yield
        self.after(call)

    @staticmethod
    def _key(value: Object) -> tuple[str, str]:
        return type(value).__name__, value.name

    def _tasks(self) -> list[Held[Task]]:
        return [one for (kind, _), one in self._objects.items() if kind == "Task"]

    def _task(self, name: str) -> Held[Task]:
        if ("Task", name) not in self._objects:
            raise AccountError(f"task {name} does not exist")
        return self._objects["Task", name]

    def _keep(self, wanted: Object, comment: str) -> None:
        before = self._objects.get(self._key(wanted))
        if isinstance(wanted, Task):
            self._check(wanted)
            if before is not None:
                self._refuse_if_started(before.value)
            self._refuse_if_started(wanted)
        self._objects[self._key(wanted)] = (
            Held(wanted, comment, self._role) if before is None else replace(before, value=wanted, comment=comment)
        )

    def _check(self, wanted: Task) -> None:
        linked = (*wanted.predecessors, *((wanted.finalize,) if wanted.finalize else ()))
        for name in linked:
            self._task(name)
        if wanted.name in self._above(wanted):
            raise AccountError(f"the task graph has a cycle: {wanted.name}")
        others = [one for one in self._tasks() if one.value.finalize and one.value.name != wanted.name]
        if wanted.finalize and any(one.value.finalize == wanted.finalize for one in others):
            raise AccountError(f"the root task {wanted.finalize} has a finalizer already")

    def _above(self, task: Task) -> set[str]:
        """Return the names of all tasks that this one comes after."""
        found: set[str] = set()
        front = [*task.predecessors, *((task.finalize,) if task.finalize else ())]
        while front:
            name = front.pop()
            if name not in found and ("Task", name) in self._objects:
                found.add(name)
                front += self._task(name).value.predecessors
        return found

    def _refuse_if_started(self, task: Task, *, itself: bool = True) -> None:
        roots = [name for name in self._above(task) if not self._task(name).value.predecessors]
        if itself and not task.predecessors and task.finalize is None and ("Task", task.name) in self._objects:
            roots.append(task.name)
        for name in roots:
            if self._task(name).started:
                raise BusyError(f"Unable to update graph with root task {name} since that root task is not suspended.")
