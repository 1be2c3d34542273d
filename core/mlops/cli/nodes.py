"""``mlops nodes``: what is installed, node by node."""

from __future__ import annotations

from typing import Any

import click

from mlops.cli import options
from mlops.cli.output import paint, print_json, print_table
from mlops.nodes import Node
from mlops.plugins.knowledge import Failure
from mlops.registry import Registry


@click.group()
def nodes() -> None:
    """List and show the nodes that are installed."""


@nodes.command("list")
@click.option("--plugin", metavar="DISTRIBUTION", help="Only the nodes of this distribution.")
@click.option(
    "--pipeline",
    metavar="NAME",
    help="Only the nodes of this pipeline.",
    shell_complete=options.complete_pipelines,
)
@click.option("--refresh", is_flag=True, help="Import every plugin again instead of trusting what is known.")
@options.as_json
def list_nodes(plugin: str | None, pipeline: str | None, refresh: bool, as_json: bool) -> None:
    """List every node with its plugin, also those that cannot be used.

    \b
    Examples:
      mlops nodes list
      mlops nodes list --plugin mlops-churn
      mlops nodes list --json
    """
    project = options.project()
    if refresh:
        project.discovery = project.discover(refresh=True)
    registry = project.registry
    rows = [
        row for row in node_rows(registry) if plugin in (None, row["plugin"]) and pipeline in (None, *row["pipelines"])
    ]
    failures = [failure_row(failure) for failure in registry.failures if plugin in (None, failure.distribution)]
    if as_json:
        print_json({"nodes": rows, "failures": failures})
        return
    for row in rows:
        row["outputs_"] = " → ".join(", ".join(row[side]) or "·" for side in ("inputs", "outputs"))
    print_table(
        [{**row, "reads → writes": row["outputs_"]} for row in rows],
        ["name", "plugin", "version", "status", "pipelines", "reads → writes"],
        empty="no nodes are installed: pip install a plugin, for example mlops-churn",
    )
    tell_failures(
        registry.failures if plugin is None else [one for one in registry.failures if one.distribution == plugin]
    )


@nodes.command("show")
@click.argument("name", shell_complete=options.complete_nodes)
@options.as_json
def show_node(name: str, as_json: bool) -> None:
    """Show one node: its inputs, outputs, parameters, resources and where it is from.

    \b
    Examples:
      mlops nodes show train_model
      mlops nodes show mlops-churn:train_model --json
    """
    registry = options.project().registry
    node = registry.node(name)
    row = node_row(node, registry.pipelines_of(node))
    if as_json:
        print_json(row)
        return
    click.echo(click.style(node.full_name, bold=True) + (f"\n  {node.description}" if node.description else ""))
    click.echo(f"  from       {node.origin.distribution} {node.origin.version} ({node.origin.source})")
    reads = [_typed(name, node.input_types.get(name)) for name in node.datasets]
    writes = [_typed(name, next(iter(node.output_types.get(name, ())), None)) for name in node.outputs]
    click.echo(f"  reads      {', '.join(reads) or 'nothing'}")
    click.echo(f"  writes     {', '.join(writes) or 'nothing'}")
    click.echo(f"  services   {', '.join(node.services) or 'none'}")
    click.echo(f"  pipelines  {', '.join(registry.pipelines_of(node)) or 'none'}")
    click.echo(f"  resources  {node.resources.cpu:g} cpu, {node.resources.memory}, {node.resources.gpu} gpu")
    click.echo(f"  timeout    {node.timeout or 'none'}, retries {node.retries.count}")
    for what, said in _more(node):
        click.echo(f"  {what:<10} {said}")
    if node.parameters:
        click.echo("  parameters")
        for parameter in node.parameters:
            click.echo(f"    {parameter.name}: {parameter.type or 'anything'} = {parameter.default!r}")
    elif node.open_inputs:
        click.echo("  parameters any: it takes the mapping 'inputs'")


def _typed(name: str, kind: str | None) -> str:
    return name if kind is None else f"{name} ({kind.removeprefix('builtins.')})"


def _more(node: Node) -> list[tuple[str, str]]:
    """Return what a node says beside what all nodes do, as it is shown."""
    said: list[tuple[str, str]] = []
    if node.after:
        said.append(("after", ", ".join(node.after)))
    if node.partitions is not None:
        key = f" by {node.partitions.key}" if node.partitions.key else ""
        said.append(("partitions", f"{node.partitions.count}{key}"))
    if node.group is not None:
        said.append(("group", node.group))
    if node.storage:
        said.append(("storage", ", ".join(f"{name} as {where}" for name, where in node.storage.items())))
    if node.serving is not None:
        ports = ", ".join(f"{one.name} {one.port}" for one in node.serving.endpoints)
        said.append(("serves", ports + (f", function {node.serving.function}" if node.serving.function else "")))
    if node.deterministic:
        said.append(("repeats", "deterministic: equal inputs and parameters give equal outputs"))
    return said


def node_rows(registry: Registry) -> list[dict[str, Any]]:  # Any: JSON
    """Return every node as JSON holds it, those of broken plugins among them."""
    membership = registry.membership()
    rows = [node_row(node, membership.get(node.full_name, ())) for node in registry.nodes]
    for full_name, failure in registry.broken.items():
        rows.append(
            {
                "name": full_name.partition(":")[2],
                "full_name": full_name,
                "plugin": failure.distribution,
                "version": failure.version,
                "source": "",
                "inputs": [],
                "outputs": [],
                "params": {},
                "pipelines": [],
                "status": "broken",
                "reason": failure.problem,
                "hint": failure.hint,
            }
        )
    return sorted(rows, key=lambda row: (row["name"], row["full_name"]))


def node_row(node: Node, pipelines: tuple[str, ...]) -> dict[str, Any]:  # Any: JSON
    """Return a node as JSON holds it."""
    return {
        "name": node.name,
        "full_name": node.full_name,
        "plugin": node.origin.distribution,
        "version": node.origin.version,
        "source": node.origin.source,
        "description": node.description,
        "inputs": list(node.datasets),
        "outputs": list(node.outputs),
        "input_types": dict(node.input_types),
        "output_types": {name: kinds[0] for name, kinds in node.output_types.items() if kinds},
        "params": {
            parameter.name: {"type": parameter.type or "Any", "default": parameter.default}
            for parameter in node.parameters
        },
        "services": list(node.services),
        "resources": {"cpu": node.resources.cpu, "memory": node.resources.memory, "gpu": node.resources.gpu},
        "timeout": None if node.timeout is None else node.timeout.total_seconds(),
        "retries": node.retries.count,
        "after": list(node.after),
        "group": node.group,
        "partitions": None if node.partitions is None else {"count": node.partitions.count, "key": node.partitions.key},
        "storage": dict(node.storage),
        "serving": node.serving is not None,
        "deterministic": node.deterministic,
        "pipelines": list(pipelines),
        "status": "ok",
    }


def failure_row(failure: Failure) -> dict[str, Any]:  # Any: JSON
    """Return a failure as JSON holds it."""
    return {
        "plugin": failure.distribution,
        "version": failure.version,
        "group": failure.group,
        "entry_point": failure.entry_point,
        "severity": failure.severity,
        "reason": failure.reason,
        "problem": failure.problem,
        "hint": failure.hint,
        "detail": failure.detail,
    }


def tell_failures(failures: tuple[Failure, ...] | list[Failure]) -> None:
    """Print failures and their mends on standard error; plugins that were switched off on purpose are only counted."""
    for failure in failures:
        if failure.reason == "blocked":
            continue
        where = f" [{failure.entry_point}]" if failure.entry_point else ""
        label = "broken" if failure.severity == "error" else "warning"
        click.echo(f"{paint(label)}: {failure.distribution} {failure.version}{where}: {failure.problem}", err=True)
        click.echo(f"  hint: {failure.hint}", err=True)
    if blocked := [failure.distribution for failure in failures if failure.reason == "blocked"]:
        click.echo(f"switched off: {', '.join(blocked)}", err=True)
