"""``mlops status``: what is deployed, how it stands, and how its last run went."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops.cli import options
from mlops.cli.account import operations_of, pipeline_in, pipelines_in, place_of
from mlops.cli.output import moment, paint, print_json, print_table
from mlops.cli.run_view import run_row
from mlops.quantities import duration

if TYPE_CHECKING:
    from mlops.graph import Graph
    from mlops.operate.deployed import DeployedPipeline
    from mlops.operate.status import PipelineStatus
    from mlops.project import Project
    from mlops.runs.outcome import RunOutcome
from mlops.runs.progress import MARKS


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@options.target
@options.connection
@click.option(
    "--format", "form", type=click.Choice(["text", "html"]), default="text", show_default=True, help="html: one page."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a file instead of standard output."
)
@options.as_json
def status(
    pipeline: str | None, target: str | None, connection: str | None, form: str, output: Path | None, as_json: bool
) -> None:
    """Show what is deployed: one line a pipeline, or one PIPELINE as a graph with the states of its last run.

    \b
    Examples:
      mlops status
      mlops status churn --target prod
      mlops status churn --format html -o churn.html
    """
    from msgspec.structs import replace

    from mlops.operate.status import status_of

    project = options.project(target=target)
    with operations_of(project, connection) as operations:
        wanted = [pipeline_in(operations, project, pipeline)] if pipeline else pipelines_in(operations, project)
        found = status_of(operations, wanted, target=project.settings.target)
        if pipeline is not None:
            names = _services(installed(project, wanted[0]), wanted[0])
            there = tuple(one for name in names if (one := operations.service(name)) is not None)
            found = [replace(found[0], services=there)]
        where = place_of(operations)
    if as_json:
        print_json({"target": project.settings.target, "place": where, "pipelines": [status_row(one) for one in found]})
    elif pipeline is None:
        _tell_all(found, where)
    else:
        _tell_one(project, found[0], where, form, output)


def status_row(one: PipelineStatus) -> dict[str, Any]:  # Any: JSON
    """Return how a pipeline stands as JSON holds it."""
    pipeline = one.pipeline
    return {
        "pipeline": pipeline.name,
        "project": pipeline.ownership.project,
        "state": one.state,
        "root": pipeline.root.name,
        "owner": pipeline.root.owner,
        "schedule": pipeline.root.schedule,
        "next_run": _time(one.next),
        "versions": dict(pipeline.ownership.versions),
        "graph": pipeline.ownership.graph,
        "deploy": pipeline.deploy,
        "tasks": [
            {
                "task": task.name,
                "nodes": list(task.nodes),
                "state": "started" if task.live.started else "suspended",
                "predecessors": list(task.live.predecessors),
                "finalizer": task.live.finalizes is not None,
            }
            for task in pipeline.tasks
        ],
        "services": [{"service": each.name, "status": each.status} for each in one.services],
        "last_run": None if one.last is None else run_row(one.last),
    }


def _tell_all(found: list[PipelineStatus], where: str) -> None:
    print_table(
        [
            {
                "pipeline": one.pipeline.name,
                "state": one.state,
                "schedule": one.pipeline.root.schedule or "by hand",
                "nodes": len(one.pipeline.nodes),
                "last run": one.last.state.value if one.last else "",
                "started": moment(one.last.run.started) if one.last else "",
                "took": _took(one.last),
                "next run": moment(one.next),
            }
            for one in found
        ],
        ["pipeline", "state", "schedule", "nodes", "last run", "started", "took", "next run"],
        empty=f"nothing of this project is deployed to {where}: mlops deploy PIPELINE",
    )


def _tell_one(project: Project, one: PipelineStatus, where: str, form: str, output: Path | None) -> None:
    from mlops.drawing.formats import render

    graph = installed(project, one.pipeline)
    if form == "html":
        if graph is None:
            from mlops.errors import RunError

            raise RunError(
                f"pipeline {one.pipeline.name!r} cannot be drawn: its nodes are not installed here as they are deployed",
                hint="install its plugins, or see mlops status without --format",
            )
        page = render(graph, "html", one.last)
        if output is None:
            click.echo(page, nl=False)
            return
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page, encoding="utf-8")
        click.echo(os.fspath(output))
        return
    text = "\n".join([*_head(one, where), "", *_body(one, graph)])
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n", encoding="utf-8")
        text = os.fspath(output)
    click.echo(text)


def _head(one: PipelineStatus, where: str) -> list[str]:
    pipeline = one.pipeline
    lines = [
        f"{click.style(pipeline.name, bold=True)}  {paint(one.state)}  {pipeline.root.schedule or 'no schedule'}",
        f"  task {where}.{pipeline.root.name}, owner {pipeline.root.owner or 'unknown'}",
    ]
    if pipeline.ownership.versions:
        versions = ", ".join(f"{name} {version}" for name, version in pipeline.ownership.versions.items())
        lines.append(f"  deployed for {versions}")
    lines.append(f"  last run  {_last(one.last)}")
    lines.append(f"  next run  {moment(one.next) or _no_next(one)}")
    lines += [f"  service   {each.name}  {each.status.lower()}" for each in one.services]
    if pipeline.deploy is not None:
        lines.append(
            f"  a deploy goes on, or was interrupted: {pipeline.deploy} (mlops deploy {pipeline.name} finishes it)"
        )
    if pipeline.suspended and pipeline.root.started:
        names = ", ".join(pipeline.short(node) for task in pipeline.suspended for node in task.nodes)
        lines.append(f"  passed over, because their tasks are suspended: {names} (mlops resume {pipeline.name})")
    return lines


def _body(one: PipelineStatus, graph: Graph | None) -> list[str]:
    if graph is not None:
        from mlops.drawing.formats import render

        return [render(graph, "text", one.last).rstrip("\n")]
    pipeline = one.pipeline
    lines = []
    for task in pipeline.tasks:
        for node in task.nodes:
            outcome = one.last.node(node) if one.last else None
            state = (
                "" if outcome is None else f"{MARKS[outcome.state]} {outcome.state.value}  {duration(outcome.seconds)}"
            )
            lines.append(f"  {pipeline.short(node):<28} {'started' if task.live.started else 'suspended':<10} {state}")
    return [line.rstrip() for line in lines]


def installed(project: Project, pipeline: DeployedPipeline) -> Graph | None:
    """Return the graph of a deployed pipeline as it is installed here, or None if it is not, or is another one."""
    from mlops.errors import MlopsError

    try:
        graph = project.graph(pipeline.name)
    except MlopsError:
        return None
    in_tasks = {node.full_name for node in graph.nodes if node.serving is None}
    return graph if in_tasks == set(pipeline.nodes) else None


def _services(graph: Graph | None, pipeline: DeployedPipeline) -> list[str]:
    from mlops.compile.names import service_name

    return [service_name(pipeline.name, node.name) for node in graph.nodes if node.serving] if graph else []


def _last(last: RunOutcome | None) -> str:
    if last is None:
        return "none in the last seven days"
    return f"{last.run.run_id}  {paint(last.state.value)}  {moment(last.run.started)}  {_took(last)}".rstrip()


def _no_next(one: PipelineStatus) -> str:
    if not one.pipeline.root.started:
        return f"none: suspended (mlops resume {one.pipeline.name})"
    return f"by hand (mlops trigger {one.pipeline.name})" if one.pipeline.root.schedule is None else "not known"


def _took(last: RunOutcome | None) -> str:
    if last is None:
        return ""
    if last.ended is None:
        return f"{duration(time.time() - last.run.started)} so far"
    return duration(last.ended - last.run.started)


def _time(value: float | None) -> str | None:
    return None if value is None else moment(value)
