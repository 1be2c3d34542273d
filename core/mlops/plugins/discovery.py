"""Discovery: from the installed distributions, through the cache, to what is known of each plugin."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

import mlops
from mlops.errors import PluginError, SeveralError
from mlops.nodes import Node
from mlops.plugins import cache, distributions
from mlops.plugins.environment import environment as installed_in
from mlops.plugins.knowledge import EntryPoint, Failure, Knowledge
from mlops.plugins.policy import Policy


class Discovery(Struct, frozen=True):
    """What is known of every plugin that may be used, and a row for every one that may not or does not work."""

    known: tuple[Knowledge, ...]
    blocked: tuple[Failure, ...] = ()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every failure and warning of the plugins in use."""
        return tuple(failure for knowledge in self.known for failure in knowledge.failures)


def discover(
    policy: Policy, *, refresh: bool = False, progress: Callable[[str], None] = lambda distribution: None
) -> Discovery:
    """Return what is known of the installed plugins, importing only what has changed since the last look.

    ``refresh`` looks again at everything. ``progress`` is told the name of each distribution that is being imported.

    Raises:
        PluginError, SeveralError: in strict mode, when a plugin in use is broken.
    """
    environment = installed_in()
    kept = None if refresh else cache.read(mlops.__version__)
    if kept is not None and kept.environment == environment and _unchanged(kept, policy):
        known = [(name, entry.knowledge if policy.allows(name) else None) for name, entry in kept.known.items()]
        discovery = _chosen(known, policy)
    else:
        looked = _looked_at(kept, policy, progress)
        cache.write(
            mlops.__version__,
            environment,
            ((one.distribution, cache.entry_of(metadata, one)) for metadata, one in looked),
        )
        from mlops.plugins import commands  # needed after a look only

        offered = [(one.distribution, command) for _, one in looked for command in one.commands]
        commands.remember(environment, offered)
        discovery = _chosen([(one.distribution, one) for _, one in looked], policy)
    if policy.strict:
        _insist(discovery)
    return discovery


class Found(Struct, frozen=True):
    """A node that was found without decoding what is known of the others, and the plugins that implement hooks."""

    node: Node
    hooked: tuple[Knowledge, ...]


def find(name: str, policy: Policy) -> Found | None:
    """Return the node of a short or full name from the cache alone; None where only ``discover`` can tell.

    That is: something was installed, removed or changed, the name is not that of exactly one usable node, or strict
    mode wants all plugins to be looked at.
    """
    kept = None if policy.strict else cache.read(mlops.__version__)
    if kept is None or kept.environment != installed_in():
        return None
    distribution, colon, short = name.rpartition(":")
    owners = [
        owner
        for owner, entry in kept.known.items()
        if short in entry.nodes and (not colon or owner == distribution) and policy.allows(owner)
    ]
    if len(owners) != 1:
        return None
    needed = {
        owner: entry for owner, entry in kept.known.items() if owner in owners or (entry.hooks and policy.allows(owner))
    }
    if any(entry.state != distributions.state(entry.metadata, entry.folders) for entry in needed.values()):
        return None
    known = {owner: entry.knowledge for owner, entry in needed.items()}
    node = next((node for node in known[owners[0]].nodes if node.name == short), None)
    return None if node is None else Found(node, tuple(one for one in known.values() if one.hooks))


def _unchanged(kept: cache.Cache, policy: Policy) -> bool:
    """Tell whether each allowed plugin has been looked at and is as it was."""
    return all(
        entry.state == distributions.state(entry.metadata, entry.folders)
        for name, entry in kept.known.items()
        if policy.allows(name)
    )


def _looked_at(
    kept: cache.Cache | None, policy: Policy, progress: Callable[[str], None]
) -> list[tuple[str, Knowledge]]:
    """Return what is known of every installed plugin with the folder of its metadata, after looking at what is new.

    A broken one is looked at again since what it lacked may have been installed. A blocked one is never looked at; it
    is kept with an empty state, so that it counts as changed as soon as it is allowed.
    """
    from mlops.plugins import inspection

    before = {entry.metadata: entry for entry in kept.known.values()} if kept else {}
    installed = distributions.plugin_distributions()
    after: dict[str, Knowledge] = {}
    to_look_at = []
    for distribution in installed:
        entry = before.get(distribution.metadata)
        knowledge = None if entry is None else entry.knowledge
        if not policy.allows(distribution.name):
            after[distribution.name] = knowledge or Knowledge(
                distribution.name, distribution.version, state="", entry_points=distribution.entry_points
            )
        elif (
            knowledge is not None
            and not knowledge.broken
            and knowledge.folders == distribution.folders
            and knowledge.state == distributions.state(distribution.metadata, distribution.folders)
        ):
            after[distribution.name] = knowledge
        else:
            to_look_at.append(distribution)
    for knowledge in inspection.look(
        to_look_at, seconds=policy.seconds, progress=lambda distribution: progress(distribution.name)
    ):
        after[knowledge.distribution] = knowledge
    return [(distribution.metadata, after[distribution.name]) for distribution in installed]


def _chosen(known: Sequence[tuple[str, Knowledge | None]], policy: Policy) -> Discovery:
    """Return the discovery of what the policy allows; of what it does not, no more than the name need be known."""
    allowed, blocked = [], []
    for name, knowledge in known:
        why = policy.why_not(name)
        if why is not None:
            blocked.append(_blocked(name, why))
        elif knowledge is not None:
            allowed.append(knowledge)
    return Discovery(known=tuple(allowed), blocked=tuple(blocked))


def _blocked(distribution: str, why: str) -> Failure:
    return Failure(
        distribution=distribution,
        version="",
        entry_point="",
        reason="blocked",
        problem=f"it is not imported: {why}",
        hint="see MLOPS_PLUGINS, MLOPS_DISABLE_PLUGINS and [tool.mlops.plugins]",
        severity="warning",
    )


def _insist(discovery: Discovery) -> None:
    problems = [
        PluginError(plugin=f"{failure.distribution} {failure.version}", problem=failure.problem, hint=failure.hint)
        for failure in discovery.failures
        if failure.severity == "error"
    ]
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralError(f"{len(problems)} plugins are broken, and strict mode is on", problems)


def broken_entry_points(knowledge: Knowledge) -> list[tuple[EntryPoint, Failure]]:
    """Return the entry points of nodes that did not become nodes, each with the failure that tells why."""
    nodes = {node.name for node in knowledge.nodes}
    errors = [failure for failure in knowledge.failures if failure.severity == "error"]
    rows = []
    for entry in knowledge.entry_points:
        if entry.group == "mlops.nodes" and entry.name not in nodes:
            own = [failure for failure in errors if failure.entry_point in (entry.name, "")]
            rows.append((entry, (own or errors)[0]))
    return rows
