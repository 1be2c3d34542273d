"""``mlops pipelines``: what can be run."""

from __future__ import annotations

from typing import Any

import click

from mlops.cli import options
from mlops.cli.output import print_json, print_table
from mlops.credentials import hide_credentials
from mlops.errors import MlopsError
from mlops.pipeline import to_data
from mlops.project import Project


@click.group()
def pipelines() -> None:
    """List and show the pipelines that are installed or declared."""


@pipelines.command("list")
@options.as_json
def list_pipelines(as_json: bool) -> None:
    """List every pipeline, also those that cannot be run as things are.

    \b
    Examples:
      mlops pipelines list
      mlops pipelines list --json
    """
    project = options.project()
    rows = [
        _row(project, one.name if not one.distribution else f"{one.distribution}:{one.name}")
        for one in project.registry.pipelines
    ]
    if as_json:
        print_json({"pipelines": rows})
        return
    print_table(
        [{**row, "nodes": len(row["nodes"]), "problems": row["problem"].partition("\n")[0]} for row in rows],
        ["name", "plugin", "status", "nodes", "when", "problems"],
        empty="no pipelines: install a plugin that has one, or declare it in [tool.mlops.pipelines.NAME]",
    )


@pipelines.command("show")
@click.argument("name", shell_complete=options.complete_pipelines)
@options.as_json
def show_pipeline(name: str, as_json: bool) -> None:
    """Show one pipeline: its nodes in order, its schedule and its parameters, and what is wrong with it.

    \b
    Examples:
      mlops pipelines show churn
      mlops pipelines show mlops-churn:churn --json
    """
    project = options.project()
    graph = project.graph(name)
    pipeline = graph.pipeline
    shown = hide_credentials(pipeline.parameters)
    if as_json:
        print_json(
            {
                **to_data(pipeline),
                "parameters": shown,
                "order": [node.full_name for node in graph.nodes],
                "edges": [
                    {"from": edge.source, "to": edge.target, "datasets": list(edge.datasets)} for edge in graph.edges
                ],
                "unread": list(graph.unread),
            }
        )
        return
    click.echo(click.style(pipeline.name, bold=True) + (f"\n  {pipeline.description}" if pipeline.description else ""))
    click.echo(f"  from        {pipeline.distribution or 'the project'} {pipeline.version}".rstrip())
    click.echo(f"  when        {pipeline.schedule or 'when asked for'}")
    if shown:
        click.echo(f"  parameters  {', '.join(f'{key}={value!r}' for key, value in shown.items())}")
    click.echo("  nodes")
    for number, node in enumerate(graph.nodes, 1):
        click.echo(
            f"    {number}. {node.full_name}: {', '.join(node.datasets) or '·'} → {', '.join(node.outputs) or '·'}"
        )
    if graph.unread:
        click.echo(f"  nobody reads {', '.join(graph.unread)}")


def _row(project: Project, name: str) -> dict[str, Any]:  # Any: JSON
    pipeline = project.registry.pipeline(name)
    problem = ""
    try:
        project.graph(name)
    except MlopsError as cause:
        problem = str(cause)
    return {
        "name": pipeline.name,
        "plugin": pipeline.distribution,
        "version": pipeline.version,
        "status": "broken" if problem else "ok",
        "nodes": list(pipeline.node_names),
        "when": str(pipeline.schedule or "when asked for"),
        "description": pipeline.description,
        "problem": problem,
    }
