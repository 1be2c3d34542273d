"""Discovery: from the installed distributions, through the cache, to what is known of each plugin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mlops
from mlops.errors import PluginError, SeveralError
from mlops.plugins import cache, commands, distributions
from mlops.plugins.knowledge import EntryPoint, Failure, Knowledge
from mlops.plugins.policy import Policy


@dataclass(frozen=True, slots=True)
class Discovery:
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
    kept = None if refresh else cache.read(mlops.__version__)
    environment = distributions.environment()
    if kept is not None and kept.environment == environment and _unchanged(kept, policy):
        discovery = _chosen(kept.known, policy)
    else:
        known = _looked_at(kept, policy, progress)
        cache.write(cache.Cache(mlops.__version__, environment, known))
        commands.remember(
            environment,
            ((one.knowledge.distribution, command) for one in known for command in one.knowledge.commands),
        )
        discovery = _chosen(known, policy)
    if policy.strict:
        _insist(discovery)
    return discovery


def _unchanged(kept: cache.Cache, policy: Policy) -> bool:
    """Tell whether each allowed plugin has been looked at and is as it was."""
    return all(
        known.knowledge.state == distributions.state(known.metadata, known.knowledge.folders)
        for known in kept.known
        if policy.allows(known.knowledge.distribution)
    )


def _looked_at(
    kept: cache.Cache | None, policy: Policy, progress: Callable[[str], None]
) -> tuple[cache.Known, ...]:
    """Return what is known of every installed plugin, looking at those that are new, changed, or were broken before.

    A broken one is looked at again since what it lacked may have been installed. A blocked one is never looked at; it
    is kept with an empty state, so that it counts as changed as soon as it is allowed.
    """
    from mlops.plugins import inspection

    before = {known.metadata: known.knowledge for known in kept.known} if kept else {}
    installed = distributions.plugin_distributions()
    after: dict[str, Knowledge] = {}
    to_look_at = []
    for distribution in installed:
        knowledge = before.get(distribution.metadata)
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
    return tuple(cache.Known(distribution.metadata, after[distribution.name]) for distribution in installed)


def _chosen(known: tuple[cache.Known, ...], policy: Policy) -> Discovery:
    allowed, blocked = [], []
    for one in known:
        knowledge = one.knowledge
        why = policy.why_not(knowledge.distribution)
        if why is None:
            allowed.append(knowledge)
        else:
            blocked.append(_blocked(knowledge, why))
    return Discovery(known=tuple(allowed), blocked=tuple(blocked))


def _blocked(knowledge: Knowledge, why: str) -> Failure:
    return Failure(
        distribution=knowledge.distribution,
        version=knowledge.version,
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
