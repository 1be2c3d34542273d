"""Importing what an entry point names, in the process that needs it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from mlops.errors import PluginError
from mlops.nodes import Node, node_name


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


def _offered(node: Node) -> Any:  # Any: as load
    """Return a function that its plugin's ``register_nodes`` offers; it may have no name to import it by."""
    for function in load(node.origin.through).register_nodes():
        if node_name(function) == node.name:
            return function
    raise LookupError(f"register_nodes offers no {node.name!r} any more")
