"""``mlops config``: the settings, where each value comes from, and their schema for editors."""

from __future__ import annotations

import click

from mlops.cli import options
from mlops.cli.output import print_json, print_table
from mlops.configuration.settings import KEYS
from mlops.configuration.target_tables import TargetTables


@click.group()
def config() -> None:
    """Show the settings and where each comes from."""


@config.command("show")
@options.target
@options.as_json
def show_config(target: str | None, as_json: bool) -> None:
    """Show every setting and everything the target says, each with where it comes from.

    A target that extends another one shows the place of each value, whichever of them says it.

    \b
    Examples:
      mlops config show
      mlops config show --target prod
    """
    settings = options.project(target=target).settings
    chosen = settings.chosen_target
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
    tables = settings.target_tables or TargetTables(settings.targets)
    targets = {
        name: [
            {"setting": f"targets.{name}.{setting}", "value": value, "from": origin}
            for setting, value, origin in tables.rows(name)
        ]
        for name in settings.targets
    }
    if as_json:
        print_json(
            {
                "file": None if settings.file is None else str(settings.file),
                "settings": rows,
                "target": chosen.name,
                "targets": targets,
            }
        )
        return
    click.echo(f"project file: {settings.file or 'none found'}\n")
    print_table(
        [{**row, "value": "" if row["value"] is None else row["value"]} for row in rows],
        ["setting", "value", "from", "variable", "help"],
    )
    click.echo(f"\ntarget {chosen.name!r}:\n")
    shown = [row for row in targets[chosen.name] if row["from"] != "default" or row["value"] not in (None, [], {}, ())]
    print_table(shown, ["setting", "value", "from"])


@config.command("schema")
@click.option("--job", is_flag=True, help="The schema of a job file, in place of that of the configuration.")
def show_schema(job: bool) -> None:
    """Print the JSON Schema of mlops.toml, or of a job file, for editors.

    \b
    Examples:
      mlops config schema > mlops.schema.json
      mlops config schema --job > job.schema.json
    """
    from mlops.schemas import configuration_schema, job_schema

    print_json(job_schema() if job else configuration_schema())
