"""What is known of an installed distribution without importing it: what looking at it once has told."""

# annotations are no text here: msgspec would compile each of them whenever the plugin cache is read

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from mlops.nodes import Node

Reason = Literal["raises", "hangs", "exits", "prints", "misspelt", "duplicate", "invalid", "blocked"]


OBSERVED_BY_NODES = ("before_node_run", "after_node_run", "on_node_error", "on_auth_fallback")
OBSERVED_BY_RUNS = ("before_pipeline_run", "after_pipeline_run", "on_pipeline_error")
GUARDS_OF_NODES = ("check_dataset",)
"""Hooks that are called in the process of a node, in that of a run, and those that may veto what a node writes."""

SERIALIZERS = "register_serializers"
"""The hook without which a process could not read what a node has written elsewhere."""


class EntryPoint(Struct, frozen=True):
    """One line of a distribution's entry points; ``value`` is ``module`` or ``module:object``."""

    group: str
    name: str
    value: str


class Failure(Struct, frozen=True):
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


class HookPlugin(Struct, frozen=True):
    """An object of the group ``mlops.plugins``, and the names of the hooks it implements.

    ``places`` holds those that are not called in the order of names: ``first`` or ``last``.
    """

    name: str
    value: str
    hooks: tuple[str, ...]
    places: Mapping[str, Literal["first", "last"]] = field(default_factory=dict)


class Command(Struct, frozen=True):
    """A command that a plugin adds to ``mlops``: its name, where it is, and one line of help."""

    name: str
    value: str
    help: str


class Knowledge(Struct, frozen=True):
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


def implementing(known: Iterable[Knowledge], hooks: Sequence[str]) -> tuple[Knowledge, ...]:
    """Return the distributions that implement one of these hooks; the others need not be imported for them."""
    return tuple(one for one in known if any(set(plugin.hooks) & set(hooks) for plugin in one.hooks))


def called_by_nodes(known: Iterable[Knowledge]) -> tuple[Knowledge, ...]:
    """Return what a process that runs nodes needs to know of the plugins: the hooks that are called there.

    Nothing of their nodes is in it. A process that is forked for each node costs the more, the more it knows.
    """
    wanted = (*OBSERVED_BY_NODES, *GUARDS_OF_NODES, SERIALIZERS)
    return tuple(replace(one, nodes=(), pipelines=(), entry_points=()) for one in implementing(known, wanted))
