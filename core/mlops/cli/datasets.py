"""``mlops datasets``: what nodes have written."""

from __future__ import annotations

import os

import click

from mlops.cli import options
from mlops.cli.output import print_json, print_table
from mlops.cli.runs import dataset_row
from mlops.errors import UnknownNameError
from mlops.quantities import size
from mlops.runs.history import open_run, run_with


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
@options.as_json
def list_datasets(run_name: str, as_json: bool) -> None:
    """List what a run has committed.

    \b
    Examples:
      mlops datasets list
      mlops datasets list --run 53443d --json
    """
    outcome, manifests = open_run(options.project(), run_name)
    rows = [{**dataset_row(record), "node": manifest.node} for manifest in manifests for record in manifest.outputs]
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
@options.as_json
def show_dataset(name: str, run_name: str | None, rows: int, as_json: bool) -> None:
    """Show the schema and the head of a dataset.

    \b
    Examples:
      mlops datasets show train --rows 5
      mlops datasets show metrics --run latest --json
    """
    from pathlib import Path

    from mlops.datasets.preview import preview

    if run_name is None:
        outcome, manifest, record = run_with(options.project(), name)
    else:
        outcome, manifests = open_run(options.project(), run_name)
        found = {record.name: (record, manifest) for manifest in manifests for record in manifest.outputs}
        if name not in found:
            raise UnknownNameError(kind=f"dataset in run {outcome.run.run_id}:", name=name, known=found)
        record, manifest = found[name]
    look = preview(Path(outcome.run.folder, record.path), record, rows)
    if as_json:
        print_json(
            {
                **dataset_row(record),
                "run": outcome.run.run_id,
                "node": manifest.node,
                "schema": [{"name": column, "type": kind} for column, kind in look.schema or ()],
                "head": look.rows,
            }
        )
        return
    click.echo(f"{click.style(name, bold=True)}  {record.type} as {record.serializer}, {size(record.bytes)}"
               + (f", {record.rows:,} rows" if record.rows is not None else ""))  # fmt: skip
    click.echo(
        f"  {os.path.relpath(os.path.join(outcome.run.folder, record.path))}, sha256 {record.sha256[:12]}, by {manifest.node}\n"
    )
    if look.schema:
        print_table([{"column": column, "type": kind} for column, kind in look.schema], ["column", "type"])
        click.echo("")
    click.echo(look.text)
