"""Task graphs for the tests of this folder."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import ObjectName
from mlops_embedded.tasks.definition import Task, TaskSettings
from mlops_embedded.tasks.schema_tasks import SchemaTasks


def task(name: str, *after: str, started: bool = True, owner: str = "R", **settings: Any) -> Task:
    return Task(
        ObjectName("D", "S", name),
        TaskSettings("SELECT 1", predecessors=after, **settings),
        owner,
        id=f"id of {name}",
        started=started,
    )


def schema(*tasks: Task) -> SchemaTasks:
    return SchemaTasks(tasks)
