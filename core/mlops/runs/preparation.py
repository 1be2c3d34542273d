"""Preparation: what a process needs before it can run nodes: stores, services, and the hooks that watch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from mlops.plugins.knowledge import GUARDS_OF_NODES, OBSERVED_BY_NODES, Knowledge, implementing
from mlops.runs.connection import Connection
from mlops.runs.outcome import AuthFallback

if TYPE_CHECKING:
    from mlops.plugins.hooks import Hooks
    from mlops.runs.attempt import Prepared


class Preparation(Protocol):
    """Makes what nodes need in the process that will run them; it can be pickled."""

    def __call__(self) -> Prepared:
        """Return it; whoever asked closes its services."""


class LocalPreparation(Struct, frozen=True):
    """Preparation for nodes that run on this machine.

    ``folder`` is the one of the run. ``known`` are the plugins whose hooks are called and whose serializers are used;
    none is imported that has neither. ``echo`` repeats what nodes print on standard error. ``connection`` is what a
    session is made from, None where the run has no services. ``hook_seconds`` is how long an observer may take.
    """

    folder: str
    allow_pickle: bool
    known: tuple[Knowledge, ...] = ()
    echo: bool = False
    connection: Connection | None = None
    hook_seconds: float = 10.0

    def __call__(self) -> Prepared:
        """Return what nodes need, made here and now."""
        from mlops.runs.attempt import Prepared
        from mlops.runs.services import services_for
        from mlops.runs.stores import Stores

        hooks, told = observers_of(self.known, self.hook_seconds)
        services = services_for(self.connection, on_fallback=told)
        session = partial(services.get, "session")
        stores = Stores(self.folder, self.known, allow_pickle=self.allow_pickle, session=session)
        return Prepared(stores, services, hooks, sys.stderr if self.echo else None)


def observers_of(
    known: Iterable[Knowledge], seconds: float
) -> tuple[Hooks | None, Callable[[AuthFallback], None] | None]:
    """Return the hooks that watch and guard nodes in this process, and what tells them of a fallback; None without any.

    ``seconds`` is how long an observer may take.
    """
    wanted = (*OBSERVED_BY_NODES, *GUARDS_OF_NODES)
    hooked = implementing(known, wanted)
    if not hooked:
        return None, None
    from mlops.plugins.hooks import Hooks

    hooks = Hooks(hooked, wanted, seconds=seconds)
    return hooks, lambda fallback: hooks.observe("on_auth_fallback", fallback=fallback)
