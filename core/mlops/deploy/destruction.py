"""Destruction: what would be dropped of a project in a schema, and what stays and why. Nothing else is touched.

Compute pools and stages are dropped only where that was asked for, and only when no pipeline of the project is left that
may need them. Image repositories stay: they say nothing of whose they are, and hold images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from mlops.compile.objects import ComputePool, Service, ServiceFunction, Stage, Task
from mlops.deploy.account import Account, Held
from mlops.deploy.levels import levels_of
from mlops.deploy.lock import lock_of
from mlops.deploy.ownership import ownership_of


class Destruction(Struct, frozen=True):
    """What would be dropped: the tasks of each graph by its pipeline, and the rest. ``left`` is told and stays."""

    graphs: dict[str, tuple[Held[Task], ...]]
    services: tuple[Held[Service], ...] = ()
    functions: tuple[Held[ServiceFunction], ...] = ()
    pools: tuple[Held[ComputePool], ...] = ()
    stages: tuple[Held[Stage], ...] = ()
    locks: tuple[Held[Task], ...] = ()
    left: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to drop."""
        return not self.objects

    @property
    def objects(self) -> tuple[tuple[str, str], ...]:
        """Kind and name of everything that is dropped, locks apart, in the order in which it goes."""
        graphs = [("task", one.value.name) for graph in self.graphs.values() for one in reversed(graph)]
        rest = (
            ("function", self.functions),
            ("service", self.services),
            ("stage", self.stages),
            ("compute pool", self.pools),
        )
        return (*graphs, *((kind, one.value.name) for kind, each in rest for one in _values(each)))


def _values(held: Sequence[Held[Any]]) -> Sequence[Held[Any]]:  # Any: each kind has its own
    return held


def survey_of_destruction(
    account: Account,
    pool: Executor,
    *,
    project: str,
    pipeline: str | None,
    pools: Sequence[str] = (),
    stages: Sequence[str] = (),
    with_pools: bool = False,
    with_data: bool = False,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> Destruction:
    """Return what would be dropped of a project, or of one of its pipelines.

    ``pools`` and ``stages`` are the names that the target uses; they go only if ``with_pools`` and ``with_data`` say so.
    ``elsewhere`` are pools that another target uses, with its name: a pool belongs to the account, and to no schema.
    """
    kinds: list[type[Any]] = [Task, Service, ServiceFunction]  # Any: each kind has its own
    kinds += [ComputePool] if pools else []
    kinds += [Stage] if stages else []
    found = dict(zip(kinds, pool.map(account.held, kinds), strict=True))

    def ours(kind: type[Any]) -> list[Held[Any]]:
        owned = ((one, ownership_of(one.comment)) for one in found.get(kind, ()))
        return [one for one, said in owned if said is not None and said.project == project]

    def of_pipelines(kind: type[Any]) -> list[Held[Any]]:
        return [one for one in ours(kind) if pipeline in (None, _pipeline(one))]

    graphs: dict[str, list[Held[Task]]] = {}
    for task in of_pipelines(Task):
        graphs.setdefault(_pipeline(task) or "", []).append(task)
    remaining = sorted({name for one in ours(Task) if (name := _pipeline(one)) not in graphs and name is not None})
    left = [f"pipeline {name} stays" for name in remaining]
    going: dict[type[Any], list[Held[Any]]] = {ComputePool: [], Stage: []}
    for kind, names, wanted in ((ComputePool, pools, with_pools), (Stage, stages, with_data)):
        for one in ours(kind):
            if one.value.name not in names:
                continue
            reason = _why_kept(one, remaining, elsewhere, wanted=wanted)
            if reason is None:
                going[kind].append(one)
            else:
                left.append(f"{_words(one)} {one.value.name} stays: {reason}")
    return Destruction(
        {name: tuple(_ordered(tasks)) for name, tasks in sorted(graphs.items())},
        tuple(of_pipelines(Service)),
        tuple(of_pipelines(ServiceFunction)),
        tuple(going[ComputePool]),
        tuple(going[Stage]),
        tuple(one for one in found[Task] if lock_of(one) and _locks(one, graphs, pipeline)),
        tuple(left),
    )


def _why_kept(
    one: Held[ComputePool] | Held[Stage], remaining: Sequence[str], elsewhere: Mapping[str, str], *, wanted: bool
) -> str | None:
    """Return why a pool or a stage is not dropped; None where it is."""
    is_pool = isinstance(one.value, ComputePool)
    if is_pool and (other := elsewhere.get(one.value.name)):
        return f"target {other} uses it, too"
    if remaining:
        return f"{', '.join(remaining)} may need it"
    if not wanted:
        return "--pools drops it" if is_pool else "--data drops it with its data"
    return None


def _words(one: Held[ComputePool] | Held[Stage]) -> str:
    return "compute pool" if isinstance(one.value, ComputePool) else "stage"


def root_of(tasks: Sequence[Held[Task]]) -> str:
    """Return the name of the root of a graph, also of one whose root is gone."""
    return tasks[0].value.name.partition("$")[0]


def _ordered(tasks: Sequence[Held[Task]]) -> list[Held[Task]]:
    by_name = {one.value.name: one for one in tasks}
    return [by_name[task.name] for level in levels_of(one.value for one in tasks) for task in level]


def _pipeline(one: Held[Any]) -> str | None:
    said = ownership_of(one.comment)
    return None if said is None else said.pipeline


def _locks(one: Held[Task], graphs: dict[str, list[Held[Task]]], pipeline: str | None) -> bool:
    """Whether a lock is of one of these graphs, or of a pipeline whose first deploy made nothing but it."""
    root = one.value.name.partition("$")[0]
    return root in {root_of(tasks) for tasks in graphs.values()} or root == (pipeline or "").upper()
