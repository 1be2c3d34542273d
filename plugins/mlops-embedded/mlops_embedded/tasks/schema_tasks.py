"""The tasks of one schema by stored name, with the links between them kept at hand, so that a change costs what it touches."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from mlops_embedded.catalog import Catalog, Document, ObjectName
from mlops_embedded.tasks.definition import KIND, Task


class SchemaTasks(Mapping[str, Task]):
    """Tasks by name; `children` and `finalizer` answer without looking at every task."""

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        self._tasks: dict[str, Task] = {}
        self._children: dict[str, set[str]] = {}
        self._finalizers: dict[str, str] = {}
        for task in tasks:
            self.put(task)

    def __getitem__(self, name: str) -> Task:
        return self._tasks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def children(self, name: str) -> AbstractSet[str]:
        """Return the names of the tasks that come right after this one."""
        return self._children.get(name, frozenset())

    def finalizer(self, root: str) -> Task | None:
        """Return the finalizer of a root task, if it has one."""
        name = self._finalizers.get(root)
        return None if name is None else self._tasks[name]

    def put(self, task: Task) -> None:
        """Take a task in, in place of the one that had its name."""
        self.remove(task.name.name)
        self._tasks[task.name.name] = task
        for parent in task.settings.predecessors:
            self._children.setdefault(parent, set()).add(task.name.name)
        if task.settings.finalize is not None:
            self._finalizers[task.settings.finalize] = task.name.name

    def remove(self, name: str) -> None:
        """Leave a task out, if it is there."""
        task = self._tasks.pop(name, None)
        if task is None:
            return
        for parent in task.settings.predecessors:
            self._children.get(parent, set()).discard(name)
        if task.settings.finalize is not None and self._finalizers.get(task.settings.finalize) == name:
            del self._finalizers[task.settings.finalize]


class _Kept:
    """What one catalog holds of tasks, by schema; a change of the catalog changes it, too."""

    def __init__(self, catalog: Catalog) -> None:
        self.schemas: dict[tuple[str, str], SchemaTasks] = {}
        catalog.watch(KIND, self._changed)

    def _changed(self, name: ObjectName | None, document: Document | None) -> None:
        if name is None:
            self.schemas.clear()
            return
        kept = self.schemas.get((name.database or "", name.schema or ""))
        if kept is not None and document is None:
            kept.remove(name.name)
        elif kept is not None and document is not None:
            kept.put(Task.of(document))


_kept: weakref.WeakKeyDictionary[Catalog, _Kept] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def tasks_of(catalog: Catalog, database: str | None, schema: str | None) -> SchemaTasks:
    """Return all tasks of a schema as the catalog holds them now; it goes on changing outside of `catalog.reading()`."""
    with catalog.reading():
        with _lock:
            kept = _kept.get(catalog)
            if kept is None:
                kept = _kept[catalog] = _Kept(catalog)
        key = (database or "", schema or "")
        if key not in kept.schemas:
            kept.schemas[key] = SchemaTasks(Task.of(d) for d in catalog.list(KIND, database=database, schema=schema))
        return kept.schemas[key]
