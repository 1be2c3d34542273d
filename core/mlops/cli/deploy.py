"""``mlops deploy``: a pipeline in Snowflake."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops.cli import options
from mlops.cli.output import paint, print_json
from mlops.quantities import duration

if TYPE_CHECKING:
    from mlops.deploy.applying import Applied
    from mlops.deploy.plan import Plan
    from mlops.project import Project


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@options.dry_run
@click.option(
    "--plan",
    "plan_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Do exactly what this file of mlops plan --out says, or nothing if anything has moved since.",
)
@click.option("--prune", is_flag=True, help="Also drop what we own and no longer want.")
@click.option("--refresh", is_flag=True, help="Look at every object, also where the root says that nothing changed.")
@options.yes
@options.quiet
@options.target
@options.connection
@options.as_json
def deploy(
    pipeline: str | None,
    dry_run: bool,
    plan_path: Path | None,
    prune: bool,
    refresh: bool,
    yes: bool,
    quiet: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> int | None:
    """Bring a pipeline to Snowflake: what it needs, its services, its task graph, and a started root.

    Only what differs is written. The root of a started graph is suspended for that and started again; one that a person
    has suspended stays so. What fails in the middle is put back. Without PIPELINE the only one there is.

    \b
    Examples:
      mlops deploy churn
      mlops deploy churn --target prod --prune --yes
      mlops deploy --plan plan.json --yes
    """
    from mlops.cli.deploying import confirmed, opened, pipeline_named, progress_of_calls, stopped_once, surveyed
    from mlops.cli.plan_view import plan_text, summary
    from mlops.deploy.applying import apply
    from mlops.deploy.plan_file import plan_row, read_plan, refuse_if_moved
    from mlops.errors import UsageError

    approved = read_plan(plan_path) if plan_path else None
    if approved is not None:
        if pipeline not in (None, approved.pipeline) or target not in (None, approved.target) or prune:
            raise UsageError("--plan FILE says pipeline, target and --prune itself", hint="leave them out")
        pipeline, target, prune = approved.pipeline, approved.target, approved.prune
    project = options.project(target=target)
    name = pipeline_named(project, pipeline)
    deployment = project.deployment(name, tell=lambda text: click.echo(text, err=True))
    applied: Applied | None = None
    with opened(project, connection, deployment) as on:
        found = surveyed(project, on, deployment, prune=prune, quick=not (refresh or dry_run or approved))
        if approved is not None:
            refuse_if_moved(approved, found)
        row = plan_row(found, prune=prune)
        if not as_json:
            click.echo(plan_text(found))
        _refuse(project, found)
        if not dry_run and not found.is_empty:
            confirmed(f"deploy {name}: {summary(found)}?", yes=yes)
            with progress_of_calls(quiet=quiet or (as_json and not sys.stderr.isatty())) as progress, stopped_once():
                applied = apply(found, on.account, on.pool, progress=progress)
    warnings = [] if applied is None else [*applied.warnings, *_observed(project, found)]
    if as_json:
        print_json({**row, "applied": None if applied is None else applied_row(applied, warnings)})
    elif applied is not None:
        click.echo(_told(name, deployment.root.name, applied))
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    return 0


def _refuse(project: Project, plan: Plan) -> None:
    """Stop at what guards have against a plan, and at what makes it impossible.

    Raises:
        VetoError, BlockedPlanError: there is something.
    """
    from mlops.cli.deploying import objections_to
    from mlops.deploy.refusals import BlockedPlanError
    from mlops.errors import VetoError

    if objections := objections_to(project, plan):
        pairs = [(one.distribution, one.problem) for one in objections]
        raise VetoError(f"the deployment of {plan.deployment.pipeline}", pairs)
    if plan.problems:
        raise BlockedPlanError(plan)


def _told(pipeline: str, root: str, applied: Applied) -> str:
    state = "started" if applied.root_started else f"suspended: mlops resume {pipeline}"
    return (
        f"{paint('succeeded', 'deployed')} {pipeline} in {duration(applied.seconds)} with {applied.calls} calls; "
        f"{root} is {state}"
    )


def applied_row(applied: Applied, warnings: list[str]) -> dict[str, Any]:  # Any: JSON
    """Return what came of a deploy as JSON holds it."""
    return {
        "calls": applied.calls,
        "seconds": round(applied.seconds, 3),
        "root_started": applied.root_started,
        "warnings": warnings,
    }


def _observed(project: Project, plan: Plan) -> list[str]:
    """Tell observers of the installed plugins, and return what went wrong with them."""
    from mlops.cli.deploying import OBSERVER
    from mlops.plugins.hooks import Hooks

    hooks = Hooks(project.discovery.known, (OBSERVER,), seconds=project.settings.plugins.hook_seconds)
    hooks.observe(OBSERVER, deployment=plan.deployment, plan=plan)
    return [str(one) for one in hooks.taken_errors()]
