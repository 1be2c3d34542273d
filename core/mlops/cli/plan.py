"""``mlops plan``: what a deploy would do."""

from __future__ import annotations

from pathlib import Path

import click

from mlops.cli import options
from mlops.cli.output import print_json


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@click.option("--prune", is_flag=True, help="Also drop what we own and no longer want.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the plan into a file, for mlops deploy --plan FILE.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if there is something to do.")
@options.target
@options.connection
@options.as_json
def plan(
    pipeline: str | None,
    prune: bool,
    out: Path | None,
    detailed_exitcode: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> int:
    """Show what a deploy would create, change and drop in Snowflake, and what that brings with it. Writes nothing there.

    Without PIPELINE the only one there is.

    \b
    Examples:
      mlops plan churn
      mlops plan churn --target prod --prune --out plan.json
      mlops plan churn --detailed-exitcode
    """
    from mlops.cli.deploying import objections_to, opened, pipeline_named, surveyed
    from mlops.cli.plan_view import plan_text
    from mlops.deploy.plan_file import plan_row, write_plan

    project = options.project(target=target)
    deployment = project.deployment(pipeline_named(project, pipeline), tell=lambda text: click.echo(text, err=True))
    with opened(project, connection, deployment) as on:
        found = surveyed(project, on, deployment, prune=prune)
    objections = objections_to(project, found)
    row = {**plan_row(found, prune=prune), "objections": [f"{one.distribution}: {one.problem}" for one in objections]}
    if out is not None:
        write_plan(out, row)
    if as_json:
        print_json(row)
    else:
        click.echo(plan_text(found))
        for one in objections:
            click.echo(f"✗ refused by {one.distribution}: {one.problem}")
        if out is not None:
            click.echo(f"written to {out}: mlops deploy --plan {out}", err=True)
    if found.problems:
        return 3
    if objections:
        return 1
    return 2 if detailed_exitcode and not found.is_empty else 0
