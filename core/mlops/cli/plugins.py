"""``mlops plugins``: what is installed, distribution by distribution."""

from __future__ import annotations

import click

from mlops.cli import options
from mlops.cli.nodes import failure_row, tell_failures
from mlops.cli.output import print_json, print_table
from mlops.errors import UnknownNameError
from mlops.plugins.discovery import Discovery


@click.group()
def plugins() -> None:
    """List the plugins that are installed, also those that do not work."""


@plugins.command("list")
@click.option("--refresh", is_flag=True, help="Import every plugin again instead of trusting what is known.")
@options.as_json
def list_plugins(refresh: bool, as_json: bool) -> None:
    """List every installed plugin with what it offers and what is wrong with it."""
    discovery = options.project().discover(refresh=refresh)
    rows = plugin_rows(discovery)
    failures = [*discovery.failures, *discovery.blocked]
    if as_json:
        print_json({"plugins": rows, "failures": [failure_row(failure) for failure in failures]})
        return
    print_table(
        [{**row, "nodes": len(row["nodes"]), "import": f"{row['seconds']:.2f} s"} for row in rows],  # type: ignore[arg-type]
        ["plugin", "version", "status", "nodes", "pipelines", "hooks", "import"],
        empty="no plugins are installed: pip install one, for example mlops-churn",
    )
    tell_failures(failures)


@plugins.command("show")
@click.argument("name")
@options.as_json
def show_plugin(name: str, as_json: bool) -> None:
    """Show one plugin: its entry points, nodes, pipelines and hooks."""
    discovery = options.project().discovery
    rows = {str(row["plugin"]): row for row in plugin_rows(discovery)}
    if name not in rows:
        raise UnknownNameError(kind="plugin", name=name, known=rows)
    row = rows[name]
    failures = [one for one in (*discovery.failures, *discovery.blocked) if one.distribution == name]
    if as_json:
        print_json({**row, "failures": [failure_row(failure) for failure in failures]})
        return
    click.echo(click.style(f"{name} {row['version']}", bold=True))
    for key in ("status", "nodes", "pipelines", "hooks", "commands", "entry_points"):
        value = row[key]
        click.echo(f"  {key.replace('_', ' '):<13} {', '.join(value) if isinstance(value, list) else value}")
    tell_failures(failures)


def plugin_rows(discovery: Discovery) -> list[dict[str, object]]:
    """Return every plugin as JSON holds it."""
    rows: list[dict[str, object]] = [
        {
            "plugin": one.distribution,
            "version": one.version,
            "status": "broken" if one.broken else "warning" if one.failures else "ok",
            "nodes": [node.name for node in one.nodes],
            "pipelines": [str(pipeline["name"]) for pipeline in one.pipelines],
            "hooks": sorted({hook for plugin in one.hooks for hook in plugin.hooks}),
            "commands": [command.name for command in one.commands],
            "entry_points": [f"{entry.group}:{entry.name} = {entry.value}" for entry in one.entry_points],
            "editable": bool(one.folders),
            "seconds": one.seconds,
        }
        for one in discovery.known
    ]
    rows += [
        {
            "plugin": failure.distribution, "version": failure.version, "status": "blocked", "nodes": [], "pipelines": [],
            "hooks": [], "commands": [], "entry_points": [], "editable": False, "seconds": 0.0,
        }
        for failure in discovery.blocked
    ]  # fmt: skip
    return sorted(rows, key=lambda row: str(row["plugin"]))
