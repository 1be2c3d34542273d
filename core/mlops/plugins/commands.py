"""Commands that plugins add to ``mlops``: known from metadata alone, so that ``mlops --help`` imports no plugin.

They are kept in a small file beside the cache, which holds while no distribution is installed or removed; then the
metadata is read again. Lines of help are filled in once a plugin has been looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache as remembered
from typing import TYPE_CHECKING, NamedTuple

from mlops.plugins.cache_files import cache_file, replace_file
from mlops.plugins.environment import environment as installed_in

if TYPE_CHECKING:
    from mlops.plugins.knowledge import Command


class PluginCommand(NamedTuple):
    """A command of a plugin: its distribution, where it is (``module:object``), and one line of help."""

    distribution: str
    value: str
    help: str


@remembered
def plugin_commands() -> dict[str, PluginCommand]:
    """Return the commands of the installed plugins by name."""
    environment = installed_in()
    commands = _read(environment)
    if commands is None:
        from mlops.plugins.distributions import plugin_distributions

        commands = {
            entry.name: PluginCommand(found.name, entry.value, f"From the plugin {found.name}.")
            for found in plugin_distributions()
            for entry in found.entry_points
            if entry.group == "mlops.commands"
        }
        _write(environment, commands)
    return commands


def remember(environment: dict[str, int], offered: Iterable[tuple[str, Command]]) -> None:
    """Keep the commands of plugins that have been looked at, each with the name of its distribution."""
    _write(environment, {one.name: PluginCommand(owner, one.value, one.help) for owner, one in offered})


def _read(environment: dict[str, int]) -> dict[str, PluginCommand] | None:
    try:
        with open(cache_file("commands"), "rb") as file:
            data = json.loads(file.read())
        if data["environment"] != environment:
            return None
        return {name: PluginCommand(*row) for name, row in data["commands"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(environment: dict[str, int], commands: dict[str, PluginCommand]) -> None:
    replace_file(cache_file("commands"), json.dumps({"environment": environment, "commands": commands}).encode())
