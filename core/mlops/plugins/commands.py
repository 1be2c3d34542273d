"""Commands that plugins add to ``mlops``: known from metadata alone, so that ``mlops --help`` imports no plugin.

They are kept in a small file beside the cache. It holds while no distribution was installed or removed; then the metadata
is read again. Lines of help are filled in once a plugin has been looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path

from mlops.plugins import distributions
from mlops.plugins.knowledge import Command


@dataclass(frozen=True, slots=True)
class PluginCommand:
    """A command of a plugin: its distribution, where it is (``module:object``), and one line of help."""

    distribution: str
    value: str
    help: str


@remembered
def plugin_commands() -> dict[str, PluginCommand]:
    """Return the commands of the installed plugins by name, those of switched-off plugins left out."""
    environment = distributions.environment()
    commands = _read(environment)
    if commands is None:
        commands = {
            entry.name: PluginCommand(found.name, entry.value, f"From the plugin {found.name}.")
            for found in distributions.plugin_distributions()
            for entry in found.entry_points
            if entry.group == "mlops.commands"
        }
        _write(environment, commands)
    if not commands:
        return commands
    from mlops.settings import load_settings

    policy = load_settings(Path.cwd()).plugins
    return {name: command for name, command in commands.items() if policy.allows(command.distribution)}


def remember(environment: dict[str, int], offered: Iterable[tuple[str, Command]]) -> None:
    """Keep the commands of plugins that have been looked at, each with the name of its distribution."""
    _write(environment, {one.name: PluginCommand(owner, one.value, one.help) for owner, one in offered})


def _file() -> Path:
    from mlops.plugins.place import cache_file

    return cache_file("commands")


def _read(environment: dict[str, int]) -> dict[str, PluginCommand] | None:
    try:
        data = json.loads(_file().read_bytes())
        if data["environment"] != environment:
            return None
        return {name: PluginCommand(*row) for name, row in data["commands"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(environment: dict[str, int], commands: dict[str, PluginCommand]) -> None:
    from mlops.plugins.place import replace_file

    rows = {name: (one.distribution, one.value, one.help) for name, one in commands.items()}
    replace_file(_file(), json.dumps({"environment": environment, "commands": rows}).encode())


