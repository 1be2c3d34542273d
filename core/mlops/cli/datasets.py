"""``mlops datasets``: what nodes have written."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from mlops.cli import options
from mlops.cli.deployed_runs import fetched_run
from mlops.cli.output import print_json, print_table
from mlops.cli.run_view import shown
from mlops.cli.runs import dataset_row
from mlops.errors import MlopsError, UnknownNameError
from mlops.quantities import size
from mlops.runs.history import open_run, run_with

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.datasets.manifest import DatasetRecord
    from mlops.datasets.preview import Preview
    from mlops.runs.outcome import RunOutcome
    from mlops.snowflake.session import SnowflakeSession

_target = options.target_for("Datasets of runs in Snowflake, of what is deployed to this target.")


@click.group()
def datasets() -> None:
    """Look at what nodes have written."""


@datasets.command("list")
@click.option(
    "--run",
    "run_name",
    default="latest",
    metavar="RUN",
    help="The run to look at.",
    shell_complete=options.complete_runs,
)
@_target
@options.connection
@options.as_json
def list_datasets(run_name: str, target: str | None, connection: str | None, as_json: bool) -> None:
    """List what a run has committed.

    \b
    Examples:
      mlops datasets list
      mlops datasets list --run 53443d --json
      mlops datasets list --target prod
    """
    if target is not None:
        with fetched_run(options.project(target=target), run_name, connection) as (outcome, datasets, _):
            committed = datasets.manifests()
    else:
        outcome, committed = open_run(options.project(), run_name)
    rows = [{**dataset_row(record), "node": manifest.node} for manifest in committed for record in manifest.outputs]
    if as_json:
        print_json({"run": outcome.run.run_id, "datasets": rows})
        return
    print_table(
        [{**row, "size": size(row["bytes"]), "sha256": row["sha256"][:12]} for row in rows],
        ["dataset", "type", "serializer", "size", "rows", "sha256", "node"],
        empty="this run has not committed anything",
    )


@datasets.command("show")
@click.argument("name", shell_complete=options.complete_datasets)
@click.option(
    "--run",
    "run_name",
    metavar="RUN",
    help="The run to look at; without it the newest one that has written the dataset.",
    shell_complete=options.complete_runs,
)
@click.option(
    "-n", "--rows", type=click.IntRange(min=0), default=10, show_default=True, help="How many rows of a table."
)
@_target
@options.connection
@options.as_json
def show_dataset(
    name: str, run_name: str | None, rows: int, target: str | None, connection: str | None, as_json: bool
) -> None:
    """Show the schema and the head of a dataset.

    \b
    Examples:
      mlops datasets show train --rows 5
      mlops datasets show metrics --run latest --json
      mlops datasets show train --run 7f3a --target prod
    """
    from pathlib import Path

    from mlops.datasets.preview import preview

    with ExitStack() as stack:
        session: SnowflakeSession | None = None
        if target is not None:
            opened = fetched_run(options.project(target=target), run_name or "latest", connection)
            outcome, datasets, session = stack.enter_context(opened)
            record, folder = datasets.record(name), os.fspath(datasets.folder)
            node = next(one.node for one in datasets.manifests() if record in one.outputs)
        else:
            outcome, record, node = _committed(name, run_name)
            folder = outcome.run.folder
        look = preview(Path(folder, record.path), record, rows)
        if record.serializer == "table" and rows:
            look = _with_rows(look, Path(folder, record.path), rows, session, outcome.run.target, connection)
    if as_json:
        print_json(
            {
                **dataset_row(record),
                "run": outcome.run.run_id,
                "node": node,
                "schema": [{"name": column, "type": kind} for column, kind in look.schema or ()],
                "head": look.rows,
            }
        )
        return
    click.echo(f"{click.style(name, bold=True)}  {record.type} as {record.serializer}, {size(record.bytes)}"
               + (f", {record.rows:,} rows" if record.rows is not None else ""))  # fmt: skip
    click.echo(f"  {shown(os.path.join(folder, record.path))}, sha256 {record.sha256[:12]}, by {node}\n")
    if look.schema:
        print_table([{"column": column, "type": kind} for column, kind in look.schema], ["column", "type"])
        click.echo("")
    click.echo(look.text)


def _committed(name: str, run_name: str | None) -> tuple[RunOutcome, DatasetRecord, str]:
    """Return a run of this machine that has committed a dataset, its record, and the node that wrote it."""
    if run_name is None:
        outcome, manifest, record = run_with(options.project(), name)
        return outcome, record, manifest.node
    outcome, manifests = open_run(options.project(), run_name)
    found = {record.name: (record, manifest.node) for manifest in manifests for record in manifest.outputs}
    if name not in found:
        raise UnknownNameError(kind=f"dataset in run {outcome.run.run_id}:", name=name, known=found)
    return outcome, *found[name]


def _with_rows(
    look: Preview, path: Path, count: int, session: SnowflakeSession | None, target: str, connection: str | None
) -> Preview:
    """Return a look at a table of Snowflake with its first rows; without them, and a warning, where there is no session."""
    from mlops.datasets.preview import table_look
    from mlops.datasets.tables import name_of_table
    from mlops.snowflake.session import open_session
    from mlops.snowflake.table_rows import first_rows

    with ExitStack() as stack:
        try:
            if session is None:
                project = options.project(target=target)
                opened = open_session(project.settings, project.discovery.known, connection=connection)
                session = stack.enter_context(opened)
            return table_look(look, first_rows(session, name_of_table(path), count))
        except MlopsError as cause:
            click.echo(f"warning: its rows are not shown: {cause}", err=True)
            return look
