"""``mlops grants``: the least SQL that a role needs for exactly this project and target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlops.cli import options
from mlops.cli.output import print_json

if TYPE_CHECKING:
    from mlops.compile.objects import Deployment
    from mlops.compile.privileges import Privilege
    from mlops.project import Project

OWNER = "MLOPS_OWNER"
"""The role that statements name where neither the command nor the target names one."""


@click.command()
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...", shell_complete=options.complete_pipelines)
@click.option("--role", metavar="NAME", help="The role that deploys and owns the tasks; by default that of the target.")
@click.option("--operator", metavar="NAME", help="Also what this role needs to watch and operate, without owning.")
@click.option(
    "--caller",
    metavar="NAME",
    help="Also what this role needs to call the services that nodes are, once they are deployed.",
)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["deploy", "run", "all"]),
    default="all",
    show_default=True,
    help="Only what the owner needs to deploy, or for its runs.",
)
@options.target
@options.as_json
def grants(
    pipelines: tuple[str, ...],
    role: str | None,
    operator: str | None,
    caller: str | None,
    purpose: str,
    target: str | None,
    as_json: bool,
) -> None:
    """Print the SQL that gives a role what it needs to deploy and run these pipelines on the target, and no more.

    Without PIPELINE for all of the project. Nothing is asked of Snowflake, and nothing is granted: who may do so reads
    and runs it. mlops doctor tells what of it is missing.

    \b
    Examples:
      mlops grants churn --target prod --role ML_OWNER
      mlops grants churn --operator ML_OPERATOR
      mlops grants --caller ML_READER --target prod
    """
    from mlops.compile.other_roles import caller_privileges, operator_privileges
    from mlops.compile.privileges import merged, owner_privileges

    project = options.project(target=target)
    chosen = project.settings.chosen_target
    owner = (role or chosen.role or OWNER).upper()
    notification = chosen.on_failure.integration if chosen.on_failure is not None else None
    deployments = [project.deployment(name) for name in pipelines or names_of(project)]
    owned = merged(
        one
        for deployment in deployments
        for one in owner_privileges(deployment, services=services_in(project, deployment), notification=notification)
        if purpose == "all" or purpose in one.purposes
    )
    what = ", ".join(one.pipeline for one in deployments)
    given = [(owned, owner, f"{owner} deploys {what} to target {chosen.name}, and owns the tasks: they run as it")]
    if operator is not None:
        warehouse = chosen.warehouse.upper() if chosen.warehouse else None
        operated = merged(one for each in deployments for one in operator_privileges(each, warehouse=warehouse))
        said = f"{operator.upper()} sees, starts, suspends and retries runs, and reads their logs"
        given.append((operated, operator.upper(), said))
    if caller is not None:
        called = merged(one for each in deployments for one in caller_privileges(each))
        said = f"{caller.upper()} calls services; run as {owner} once they are deployed"
        given.append(
            (called, caller.upper(), said if called else f"{caller.upper()} needs nothing: no node is a service")
        )
    if as_json:
        rows = [_row(one, to) for privileges, to, _ in given for one in privileges]
        print_json({"target": chosen.name, "pipelines": [one.pipeline for one in deployments], "grants": rows})
        return
    for at, (privileges, to, title) in enumerate(given):
        if at:
            click.echo("")
        _tell(privileges, to, title)


def names_of(project: Project) -> list[str]:
    """Return the names of all pipelines of a project."""
    return [one.name for one in project.registry.pipelines]


def services_in(project: Project, deployment: Deployment) -> dict[str, tuple[str, ...]]:
    """Return the services of Snowflake that the nodes of a deployment ask for, by full name of the node."""
    return {node.full_name: node.services for node in project.graph(deployment.pipeline).nodes if node.services}


def _tell(privileges: list[Privilege], role: str, title: str) -> None:
    """Print the statements, and what each is for where that is not what the one before is for."""
    click.echo(f"-- {title}")
    statements = [one.grant(role) for one in privileges]
    width = max((len(one) for one in statements), default=0)
    before = None
    for statement, one in zip(statements, privileges, strict=True):
        said = f"{', '.join(one.purposes)}: {one.why}"
        click.echo(statement if said == before else f"{statement:<{width}}  -- {said}")
        before = said


def _row(one: Privilege, role: str) -> dict[str, Any]:  # Any: JSON
    return {
        "privilege": one.privilege,
        "on": one.kind,
        "name": one.name or None,
        "role": role,
        "for": list(one.purposes),
        "why": one.why,
        "sql": one.grant(role),
    }
