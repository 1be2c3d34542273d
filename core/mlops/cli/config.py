"""``mlops config``: the settings, and where each value comes from."""

from __future__ import annotations

import click

from mlops.cli import options
from mlops.cli.output import print_json, print_table
from mlops.settings import KEYS


@click.group()
def config() -> None:
    """Show the settings and where each comes from."""


@config.command("show")
@options.as_json
def show_config(as_json: bool) -> None:
    """Show every setting with its value, where that comes from, and the variable that changes it."""
    settings = options.project().settings
    rows = [
        {
            "setting": key.name,
            "value": settings.values[key.name],
            "from": settings.origins[key.name],
            "variable": key.variable,
            "help": key.help,
        }
        for key in KEYS
    ]
    if as_json:
        print_json({"file": None if settings.file is None else str(settings.file), "settings": rows})
        return
    click.echo(f"project file: {settings.file or 'none found'}\n")
    print_table(
        [{**row, "value": "" if row["value"] is None else row["value"]} for row in rows],
        ["setting", "value", "from", "variable", "help"],
    )
