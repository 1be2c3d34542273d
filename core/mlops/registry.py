"""The registry: every node and pipeline of the installed plugins and of the project, found by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import force_setattr

from mlops.errors import AmbiguousNodeError, PluginError, ProjectError, UnknownNameError
from mlops.nodes import Node
from mlops.pipeline import Pipeline, from_data
from mlops.plugins.discovery import broken_entry_points
from mlops.plugins.knowledge import Failure, Knowledge


class Registry(Struct, frozen=True):
    """Nodes and pipelines with where they come from, and the rows of what could not be loaded.

    ``broken`` maps the full name of a node that its entry point promises to the failure that keeps it away.
    """

    nodes: tuple[Node, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    failures: tuple[Failure, ...] = ()
    broken: dict[str, Failure] = field(default_factory=dict)
    _by_name: dict[str, list[Node]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_name: dict[str, list[Node]] = {}
        for node in self.nodes:
            by_name.setdefault(node.name, []).append(node)
            by_name.setdefault(node.full_name, []).append(node)
        force_setattr(self, "_by_name", by_name)

    def node(self, name: str, *, home: str | None = None) -> Node:
        """Return the node of a full name, or of a short one where it is unambiguous.

        ``home`` is the distribution whose pipeline names it: inside its own pipelines a short name means its own.

        Raises:
            UnknownNameError, AmbiguousNodeError, PluginError: no node, several, or one whose plugin is broken.
        """
        matches = self._by_name.get(name, [])
        failed = {full: row for full, row in self.broken.items() if name in (full, full.partition(":")[2])}
        if home is not None and len(matches) + len(failed) > 1:
            matches = [node for node in matches if node.origin.distribution == home] or matches
            failed = {full: row for full, row in failed.items() if row.distribution == home}
        if len(matches) + len(failed) > 1:
            raise AmbiguousNodeError(name=name, full_names=[*(node.full_name for node in matches), *failed])
        if failed:
            (failure,) = failed.values()
            raise PluginError(
                plugin=f"{failure.distribution} {failure.version}",
                problem=f"node {name!r} cannot be used: {failure.problem}",
                hint=failure.hint,
            )
        if not matches:
            raise UnknownNameError(
                kind="node", name=name, known=self._node_names(name), hint=self._hint_of_broken_plugins(name)
            )
        return matches[0]

    def pipeline(self, name: str) -> Pipeline:
        """Return the pipeline of this name; ``distribution:pipeline`` tells apart two of one name.

        Raises:
            UnknownNameError, ProjectError: no pipeline of this name, or several.
        """
        matches = [one for one in self.pipelines if name in (one.name, f"{one.distribution}:{one.name}")]
        projects = [one for one in matches if not one.distribution]
        if len(matches) > 1 and projects:
            return projects[0]
        if len(matches) > 1:
            names = " or ".join(sorted(f"{one.distribution}:{one.name}" for one in matches))
            raise ProjectError(
                f"pipeline {name!r} is offered by {len(matches)} distributions", hint=f"say which: {names}"
            )
        if not matches:
            raise UnknownNameError(kind="pipeline", name=name, known=[one.name for one in self.pipelines])
        return matches[0]

    def pipelines_of(self, node: Node) -> tuple[str, ...]:
        """Return the names of the pipelines that a node is part of."""
        return self.membership().get(node.full_name, ())

    def membership(self) -> dict[str, tuple[str, ...]]:
        """Return, by full name of a node, the names of the pipelines it is part of."""
        members: dict[str, list[str]] = {}
        for pipeline in self.pipelines:
            for name in pipeline.node_names:
                candidates = self._by_name.get(name, [])
                if len(candidates) > 1:
                    candidates = [one for one in candidates if one.origin.distribution == pipeline.distribution]
                for node in candidates[:1]:
                    members.setdefault(node.full_name, []).append(pipeline.name)
        return {full_name: tuple(names) for full_name, names in members.items()}

    def _node_names(self, name: str) -> list[str]:
        return [node.full_name if ":" in name else node.name for node in self.nodes]

    def _hint_of_broken_plugins(self, name: str) -> str | None:
        """A plugin that cannot be loaded may be the one that has the node, unless the name looks like another's."""
        from mlops.errors import closest

        similar = closest(name, self._node_names(name))
        broken = sorted({failure.distribution for failure in self.failures if failure.severity == "error"})
        if not broken:
            return None
        lead = f"did you mean {similar!r}? " if similar else ""
        return f"{lead}plugins that could not be loaded may have it: {', '.join(broken)} (mlops plugins list)"


def registry_of(
    known: Iterable[Knowledge], *, blocked: Sequence[Failure] = (), pipelines: Sequence[Pipeline] = ()
) -> Registry:
    """Return the registry of what is known of the plugins and of the pipelines that the project itself declares."""
    known = tuple(known)
    return Registry(
        nodes=tuple(
            sorted((node for one in known for node in one.nodes), key=lambda node: (node.name, node.full_name))
        ),
        pipelines=(*pipelines, *(from_data(data) for one in known for data in one.pipelines)),
        failures=(*(failure for one in known for failure in one.failures), *blocked),
        broken={
            f"{one.distribution}:{entry.name}": failure for one in known for entry, failure in broken_entry_points(one)
        },
    )
