"""Preparation: what a process needs before it can run nodes: stores, services, and the hooks that watch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from mlops.plugins.knowledge import GUARDS_OF_NODES, OBSERVED_BY_NODES, Knowledge, implementing
from mlops.runs.connection import AuthFallback, Connection

if TYPE_CHECKING:
    from mlops.plugins.hooks import Hooks


class Preparation(Protocol):
    """Makes the keyword arguments of ``run_node`` in the process that will call it; it can be pickled."""

    def __call__(self) -> dict[str, Any]:  # Any: see run_node
        """Return the keyword arguments."""


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

    def __call__(self) -> dict[str, Any]:  # Any: see run_node
        """Return the keyword arguments."""
        from mlops.runs.services import services_for
        from mlops.runs.stores import Stores

        hooks = None
        wanted = (*OBSERVED_BY_NODES, *GUARDS_OF_NODES)
        if hooked := implementing(self.known, wanted):
            from mlops.plugins.hooks import Hooks

            hooks = Hooks(hooked, wanted, seconds=self.hook_seconds)
        return {
            "stores": Stores(self.folder, self.known, allow_pickle=self.allow_pickle),
            "services": services_for(self.connection, on_fallback=_told(hooks)),
            "hooks": hooks,
            "echo": sys.stderr if self.echo else None,
        }


def _told(hooks: Hooks | None) -> Callable[[AuthFallback], None] | None:
    return None if hooks is None else lambda fallback: hooks.observe("on_auth_fallback", fallback=fallback)
