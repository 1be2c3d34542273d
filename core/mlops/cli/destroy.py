"""``mlops destroy``: nothing left of what was deployed."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from mlops.cli import options
from mlops.cli.output import print_json

if TYPE_CHECKING:
    from mlops.cli.deploying import Opened
    from mlops.configuration.settings import Settings
    from mlops.configuration.targets import Target
    from mlops.snowflake.run_storage import SnowflakeRunStorage


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@click.option("--pools", is_flag=True, help="Also drop the target's compute pools, if we made them.")
@click.option(
    "--data",
    is_flag=True,
    help="Also drop the target's stage with all datasets in it, if we made it, and tables of runs.",
)
@options.dry_run
@options.yes
@options.quiet
@options.target
@options.connection
@options.as_json
def destroy(
    pipeline: str | None,
    pools: bool,
    data: bool,
    dry_run: bool,
    yes: bool,
    quiet: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> None:
    """Drop what was deployed of PIPELINE, or of the whole project: tasks, services and functions that we made.

    Compute pools go only with --pools, the stage with its data only with --data, image repositories never. The pipeline
    need not be installed any more.

    \b
    Examples:
      mlops destroy churn
      mlops destroy --target dev --pools --data --yes
    """
    from mlops.cli.deploying import confirmed, opened, progress_of_calls
    from mlops.deploy.calls import Call
    from mlops.deploy.destroying import destroy as destroy_all
    from mlops.deploy.destruction import survey_of_destruction
    from mlops.pruning.deployed import tables_of_runs
    from mlops.snowflake.identifiers import stored

    project = options.project(target=target)
    chosen = project.settings.chosen_target
    what = pipeline or f"project {project.settings.project}"
    with opened(project, connection) as on:
        found = survey_of_destruction(
            on.account,
            on.pool,
            project=project.settings.project,
            pipeline=pipeline,
            pools=[stored(one.name) for one in chosen.pools.values() if one.managed],
            stages=[stored(chosen.stage)],
            with_pools=pools,
            with_data=data,
            elsewhere=_used_elsewhere(project.settings),
        )
        storage = _run_storage(on, chosen)
        tables = tables_of_runs(storage, found.graphs) if found.stages else []
        objects = [{"kind": kind, "name": name} for kind, name in found.objects]
        objects += [{"kind": "table", "name": name} for name in tables]
        if not as_json:
            for one in objects:
                click.echo(f"- {one['kind']} {one['name']}")
            for text in found.left:
                click.echo(f"  {text}")
        dropped = 0
        if found.is_empty and not found.locks:
            if not as_json:
                click.echo(f"nothing to drop: {what} is not deployed here")
        elif not dry_run:
            confirmed(f"drop {len(objects)} objects of {what}?", yes=yes)
            with progress_of_calls(quiet=quiet or (as_json and not sys.stderr.isatty())) as progress:
                dropping = [Call(f"drop table {name}", partial(storage.drop_table, name)) for name in tables]
                destroy_all(found, on.account, on.pool, data=dropping, progress=progress)
            dropped = len(objects)
    if as_json:
        print_json({"pipeline": pipeline, "objects": objects, "left": list(found.left), "dropped": dropped})
    elif dropped:
        click.echo(f"dropped {dropped} objects of {what}")


def _run_storage(on: Opened, target: Target) -> SnowflakeRunStorage:
    from mlops.snowflake.identifiers import stored
    from mlops.snowflake.operations import operations_on
    from mlops.snowflake.run_storage import SnowflakeRunStorage

    place = operations_on(on.session, target)
    return SnowflakeRunStorage(on.session, database=place.database, schema=place.schema, stage=stored(target.stage))


def _used_elsewhere(settings: Settings) -> dict[str, str]:
    """Return the pools that another target of the same account deploys to from another schema, with its name."""
    from mlops.snowflake.identifiers import stored

    chosen = settings.chosen_target
    return {
        stored(pool.name): other.name
        for other in settings.targets.values()
        if (other.connection, other.services) == (chosen.connection, chosen.services)
        and _place(other) != _place(chosen)
        for pool in other.pools.values()
    }


def _place(target: Target) -> tuple[str, str]:
    return (target.database or "").upper(), (target.schema or "").upper()
