"""``mlops suspend`` and ``mlops resume``: whether the schedule of a deployed pipeline starts runs."""

from __future__ import annotations

import click

from mlops.cli import options
from mlops.cli.account import operations_of, pipeline_in
from mlops.cli.output import print_json


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@options.target
@options.connection
@options.as_json
def suspend(pipeline: str | None, target: str | None, connection: str | None, as_json: bool) -> None:
    """Suspend a pipeline: its schedule starts no more runs, and one that goes on ends as usual.

    It can still be started by hand. Without PIPELINE the only one that is deployed.

    \b
    Examples:
      mlops suspend churn --target prod
      mlops suspend --json
    """
    from mlops.operate.suspension import suspend as suspend_pipeline

    project = options.project(target=target)
    with operations_of(project, connection) as operations:
        change = suspend_pipeline(operations, pipeline_in(operations, project, pipeline))
    if as_json:
        print_json({"pipeline": change.pipeline, "suspended": list(change.suspended), "resumed": []})
    elif change.suspended:
        click.echo(f"{change.pipeline} is suspended; mlops resume {change.pipeline} starts it again")
    else:
        click.echo(f"{change.pipeline} was suspended already")


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@options.target
@options.connection
@options.as_json
def resume(pipeline: str | None, target: str | None, connection: str | None, as_json: bool) -> None:
    """Resume a pipeline: every task that is suspended, the finalizer, and the root last.

    Without PIPELINE the only one that is deployed.

    \b
    Examples:
      mlops resume churn --target prod
      mlops resume --json
    """
    from mlops.operate.suspension import resume as resume_pipeline

    project = options.project(target=target)
    with operations_of(project, connection) as operations:
        change = resume_pipeline(operations, pipeline_in(operations, project, pipeline))
    if as_json:
        print_json({"pipeline": change.pipeline, "suspended": [], "resumed": list(change.resumed)})
    elif change.resumed:
        tasks = "1 task" if len(change.resumed) == 1 else f"{len(change.resumed)} tasks"
        click.echo(f"{change.pipeline} is started ({tasks} resumed)")
    else:
        click.echo(f"{change.pipeline} was started already")
