"""Importing what an entry point names, in the process that needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

from mlops.declaration import node_name
from mlops.errors import PluginError
from mlops.nodes import Node, Origin


def load(value: str) -> Any:  # Any: whatever a plugin names
    """Import what an entry point names: ``module`` or ``module:object.attribute``."""
    module_name, _, path = value.partition(":")
    found: Any = import_module(module_name.strip())
    for attribute in filter(None, path.partition("[")[0].strip().split(".")):
        found = getattr(found, attribute)
    return found


def load_function(node: Node) -> Callable[..., object]:
    """Return the function of a node, importing its plugin and no other.

    Raises:
        PluginError: the plugin raises when it is imported, or no longer offers the node.
    """
    origin = node.origin
    plugin = f"{origin.distribution} {origin.version}"
    try:
        function = _offered(node) if origin.through else load(origin.source)
    except (Exception, SystemExit) as cause:  # a plugin may raise anything while it is imported
        raise PluginError(
            plugin=plugin,
            problem=f"node {node.name!r} cannot be loaded from {origin.through or origin.source}: "
            f"{type(cause).__name__}: {cause}",
            hint="see mlops plugins list",
        ) from cause
    if not callable(function):
        raise PluginError(plugin=plugin, problem=f"{origin.source} is {type(function).__name__}, not a function")
    return function  # type: ignore[no-any-return]  # callable() narrows Any to nothing more


def preload(origins: Iterable[Origin]) -> None:
    """Import the plugins of nodes ahead of time; one that raises will raise again where its node is run."""
    for plugin, module in dict.fromkeys((origin.through, origin.source.partition(":")[0]) for origin in origins):
        with suppress(Exception, SystemExit):
            _offers(plugin) if plugin else import_module(module)


def _offered(node: Node) -> Any:  # Any: as load
    """Return a function that its plugin's ``register_nodes`` offers; it may have no name to import it by."""
    try:
        return _offers(node.origin.through)[node.name]
    except KeyError:
        raise LookupError(f"register_nodes offers no {node.name!r} any more") from None


@cache
def _offers(plugin: str) -> dict[str, Any]:  # Any: as load
    return {node_name(function): function for function in load(plugin).register_nodes()}
