"""``mlops plugins``: what is installed, distribution by distribution."""

from __future__ import annotations

from pathlib import Path

import click

from mlops.cli import options
from mlops.cli.nodes import failure_row, tell_failures
from mlops.cli.output import paint, print_json, print_table
from mlops.errors import UnknownNameError
from mlops.plugins.discovery import Discovery
from mlops.plugins.order import call_order, policy_of


@click.group()
def plugins() -> None:
    """List, write and check plugins, also those that do not work."""


@plugins.command("list")
@click.option("--refresh", is_flag=True, help="Import every plugin again instead of trusting what is known.")
@options.as_json
def list_plugins(refresh: bool, as_json: bool) -> None:
    """List every installed plugin with what it offers and what is wrong with it.

    \b
    Examples:
      mlops plugins list
      mlops plugins list --refresh --json
    """
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
@click.argument("name", shell_complete=options.complete_plugins)
@options.as_json
def show_plugin(name: str, as_json: bool) -> None:
    """Show one plugin: its entry points, nodes, pipelines and hooks.

    \b
    Examples:
      mlops plugins show mlops-churn
      mlops plugins show mlops-quality --json
    """
    discovery = options.project().discovery
    rows = {str(row["plugin"]): row for row in plugin_rows(discovery)}
    if name not in rows:
        raise UnknownNameError(kind="plugin", name=name, known=rows)
    row = rows[name]
    failures = [one for one in (*discovery.failures, *discovery.blocked) if one.distribution == name]
    calls = {hook: [own for own, _ in call_order(discovery.known, hook)] for hook in _listed(row["hooks"])}
    if as_json:
        print_json({**row, "hook_order": calls, "failures": [failure_row(failure) for failure in failures]})
        return
    click.echo(click.style(f"{name} {row['version']}", bold=True))
    for key in ("status", "nodes", "pipelines", "commands", "entry_points"):
        value = row[key]
        click.echo(f"  {key.replace('_', ' '):<13} {', '.join(value) if isinstance(value, list) else value}")
    if calls:
        click.echo("  hooks, in the order of their calls")
        width = max(map(len, calls))
        for hook, owners in calls.items():
            order = " → ".join(click.style(own, bold=True) if own == name else own for own in owners)
            click.echo(f"    {hook.ljust(width)}  {policy_of(hook):<8}  {order}")
    tell_failures(failures)


def _listed(value: object) -> list[str]:
    return list(value) if isinstance(value, list) else []


@plugins.command("new")
@click.argument("name")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to write it; a folder of its name here."
)
@click.option("--description", default="", metavar="TEXT", help="One sentence for its metadata and README.")
@options.as_json
def new_plugin(name: str, folder: Path | None, description: str, as_json: bool) -> None:
    """Write a new plugin: a package with one node, one pipeline, and tests that pass.

    What is there already is kept as it is, so it can be run again at any time.

    \b
    Examples:
      mlops plugins new team-demand
      mlops plugins new team-demand --folder plugins/demand --description "Demand of the next week."
    """
    from mlops.cli.init import tell_written, written_row
    from mlops.scaffold.plugin import new_plugin as write_plugin

    written = write_plugin(name, folder or Path(name), description=description)
    if as_json:
        print_json(written_row(written))
        return
    tell_written(written)
    click.echo(f"next: cd {written.folder}, pip install -e '.[test]', pytest", err=True)


@plugins.command("check")
@click.argument("plugin", metavar="DIST|FOLDER|WHEEL", shell_complete=options.complete_plugins)
@options.params
@click.option("--no-run", is_flag=True, help="Look only; run none of its nodes.")
@click.option("--no-embedded", is_flag=True, help="Do not compare with runs on the embedded Snowflake.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    help="Seconds for each run of its nodes.",
)
@options.as_json
def check_plugin(
    plugin: str, params: tuple[str, ...], no_run: bool, no_embedded: bool, timeout: float, as_json: bool
) -> int:
    """Check that a plugin keeps the contract: an installed one, the folder of its project, or a wheel.

    Its nodes are run for real, in a folder of their own. A folder or wheel is built and looked at beside what is
    installed; neither the environment nor the folder is touched. The exit code is 1 when a check has found an error.

    \b
    Examples:
      mlops plugins check mlops-churn
      mlops plugins check ./my-plugin
      mlops plugins check dist/my_plugin-1.0-py3-none-any.whl --json
      mlops plugins check mlops-churn -p customer_count=500 --no-embedded
    """
    from mlops.testing.checking import check
    from mlops.testing.findings import told

    report = check(
        plugin, parameters=options.parameters(params), run=not no_run, embedded=not no_embedded, seconds=timeout
    )
    if as_json:
        from msgspec import to_builtins

        print_json({**to_builtins(report), "passed": report.passed})
        return 0 if report.passed else 1
    click.echo(click.style(f"{report.plugin} {report.version}", bold=True))
    width = max(len(one.name) for one in report.checks)
    for one in report.checks:
        mark = paint("ok", "✓") if one.passed else paint("failed", "✗")
        click.echo(f"  {mark} {one.name.ljust(width)}  {one.title}" + (f" ({one.told})" if one.told else ""))
        for finding in one.findings:
            word, _, rest = told(finding).partition(":")
            colour = {"error": "failed", "warning": "warning"}.get(word, word)
            click.echo("      " + (paint(colour, word) + ":" + rest).replace("\n", "\n      "))
    errors = sum(finding.severity == "error" for finding in report.findings)
    click.echo("keeps the contract" if report.passed else f"{errors} {'error' if errors == 1 else 'errors'}")
    return 0 if report.passed else 1


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
