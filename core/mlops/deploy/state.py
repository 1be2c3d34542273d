"""What an account holds of one deployment, as one value; read by one call a kind, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from msgspec import Struct

from mlops.compile.objects import (
    ComputePool,
    Deployment,
    ImageRepository,
    Service,
    ServiceFunction,
    Stage,
    Task,
)
from mlops.deploy.account import Account, GraphRun, Held
from mlops.deploy.lock import Lock, lock_number, lock_of
from mlops.deploy.ownership import Object, content_hash, ownership_of

QUICK = 3
"""How many calls a look at an unchanged deployment makes."""


class State(Struct, frozen=True):
    """What an account holds. ``objects`` is by kind and name; a kind that was not looked at is not in it.

    ``lock`` is the newest lock of the graph, ``locks`` are the names of all their tasks. ``runs`` are those
    that go on or failed a short time ago, None if nobody asked.
    """

    role: str | None
    objects: Mapping[str, Mapping[str, Held[Any]]]  # Any: each kind holds its own
    lock: Lock | None = None
    locks: tuple[str, ...] = ()
    runs: tuple[GraphRun, ...] | None = None

    def of(self, kind: type[Object]) -> Mapping[str, Held[Any]]:  # Any: as objects
        """Return what is held of a kind, by name."""
        return self.objects.get(kind.__name__, {})

    def looked_at(self, kind: type[Object]) -> bool:
        """Tell whether this kind was read."""
        return kind.__name__ in self.objects

    @property
    def fingerprint(self) -> str:
        """16 digits that change when anything of it changes, runs and locks apart."""
        return content_hash(
            [sorted((kind, name, one) for kind, each in self.objects.items() for name, one in each.items())]
        )


def look(account: Account, deployment: Deployment, pool: Executor, *, reads: int | None = None) -> State:
    """Return what the account holds of a deployment.

    With ``reads``, a deployment that stands as its root's comment says is looked at with no more than so many calls: what
    that comment vouches for is only partly read again. Anything else is read whole.
    """
    root = deployment.root.name
    wanted = [kind for kind in _BY_CHANGE if any(isinstance(one, kind) for one in deployment.objects)]
    whole = [*wanted, *(kind for kind in _OF_PIPELINE if kind not in wanted)]
    if reads is None:
        return _state(account, root, _read(account, deployment, [Task, *whole], pool))
    first = wanted[: reads - 1]
    found = _read(account, deployment, [Task, *first], pool)
    state = _state(account, root, found)
    if _vouches(state, deployment):
        return state
    return _state(account, root, {**found, **_read(account, deployment, whole[len(first) :], pool)})


_BY_CHANGE: tuple[type[Object], ...] = (ComputePool, Service, Stage, ServiceFunction, ImageRepository)
"""Every kind but tasks, the one first that others are most likely to change."""

_OF_PIPELINE: tuple[type[Object], ...] = (Service, ServiceFunction)
"""Kinds of which a pipeline may own some that it no longer wants."""


def _read(
    account: Account, deployment: Deployment, kinds: Sequence[type[Object]], pool: Executor
) -> dict[str, Mapping[str, Held[Any]]]:
    def read(kind: type[Object]) -> Mapping[str, Held[Any]]:
        if kind is Task:
            return _tasks(account, deployment.root.name)
        names = [one.name for one in deployment.objects if isinstance(one, kind)]
        own = kind in _OF_PIPELINE
        found = account.held(kind, f"{deployment.root.name}_" if kind is Service else "" if own else _beginning(names))
        return {one.value.name: one for one in found if own or one.value.name in names}

    return dict(zip([kind.__name__ for kind in kinds], pool.map(read, kinds), strict=True))


def _beginning(names: Sequence[str]) -> str:
    """Return what all of the names begin with."""
    first, last = min(names), max(names)
    same = next((at for at, letter in enumerate(first) if last[at : at + 1] != letter), len(first))
    return first[:same]


def _tasks(account: Account, root: str) -> dict[str, Held[Task]]:
    found = account.held(Task, root)
    return {one.value.name: one for one in found if one.value.name == root or one.value.name.startswith(f"{root}$")}


def _state(account: Account, root: str, found: Mapping[str, Mapping[str, Held[Any]]]) -> State:
    tasks = dict(found.get(Task.__name__, {}))
    numbers = {name: number for name in tasks if (number := lock_number(root, name)) and lock_of(tasks[name])}
    locks = sorted(numbers, key=lambda name: numbers[name])
    return State(
        account.role,
        {**found, Task.__name__: {name: one for name, one in tasks.items() if name not in numbers}},
        lock_of(tasks[locks[-1]]) if locks else None,
        tuple(locks),
    )


def _vouches(state: State, deployment: Deployment) -> bool:
    """Whether the root's comment says that everything but the tasks was as it is wanted."""
    root = state.of(Task).get(deployment.root.name)
    said = None if root is None else ownership_of(root.comment)
    return state.lock is None and said is not None and said.graph == content_hash(deployment)
