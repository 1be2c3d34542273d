"""What is known of an installed distribution without importing it: what looking at it once has told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mlops.nodes import Node

Reason = Literal["raises", "hangs", "exits", "prints", "misspelt", "duplicate", "invalid", "blocked"]


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One line of a distribution's entry points; ``value`` is ``module`` or ``module:object``."""

    group: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Something a plugin stumbled over, as a row: which distribution and entry point, the reason, and the mend.

    A ``warning`` leaves the nodes of the plugin usable.
    """

    distribution: str
    version: str
    entry_point: str
    reason: Reason
    problem: str
    hint: str
    severity: Literal["error", "warning"] = "error"
    group: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HookPlugin:
    """An object of the group ``mlops.plugins``, and the names of the hooks it implements."""

    name: str
    value: str
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command that a plugin adds to ``mlops``: its name, where it is, and one line of help."""

    name: str
    value: str
    help: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that one look at a distribution told.

    ``state`` is what its files looked like then (sizes and times, no content): while it is the same, so is the rest.
    ``pipelines`` are as ``mlops.pipeline.to_data`` writes them.
    """

    distribution: str
    version: str
    state: str
    digest: str = ""
    entry_points: tuple[EntryPoint, ...] = ()
    nodes: tuple[Node, ...] = ()
    pipelines: tuple[Mapping[str, Any], ...] = ()  # Any: JSON
    hooks: tuple[HookPlugin, ...] = ()
    commands: tuple[Command, ...] = ()
    failures: tuple[Failure, ...] = ()
    folders: tuple[str, ...] = field(default=())
    seconds: float = 0.0

    @property
    def broken(self) -> bool:
        """Whether something of it cannot be used."""
        return any(failure.severity == "error" for failure in self.failures)
