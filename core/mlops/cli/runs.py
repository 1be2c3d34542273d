"""``mlops runs``: what has run, on this machine or in Snowflake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from mlops.cli import options
from mlops.cli.comparison import compare
from mlops.cli.output import moment, paint, print_json, print_table
from mlops.cli.prune import prune
from mlops.cli.run_view import run_row, shown
from mlops.credentials import hide_credentials
from mlops.datasets.manifest import DatasetRecord
from mlops.quantities import duration, number, size
from mlops.runs.columns import columns_of, order_by
from mlops.runs.history import open_run, recorded_runs
from mlops.runs.outcome import RunOutcome
from mlops.runs.progress import MARKS

_target = options.target_for("Runs in Snowflake of what is deployed to this target.")


@click.group()
def runs() -> None:
    """List, show, compare and prune what has run, on this machine or in Snowflake."""


runs.add_command(compare)
runs.add_command(prune)


@runs.command("list")
@click.option(
    "--pipeline",
    metavar="NAME",
    help="Only runs of this pipeline.",
    shell_complete=options.complete_pipelines,
)
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first."
)
@click.option(
    "--show",
    "columns",
    multiple=True,
    metavar="NAME",
    help="A metric or parameter as a column: roc_auc, max_depth or train_model.max_depth.",
)
@click.option("--sort", metavar="NAME", help="Sort by a metric or parameter, the largest first.")
@click.option("--reverse", is_flag=True, help="With --sort: the smallest first.")
@_target
@options.connection
@options.as_json
def list_runs(
    pipeline: str | None,
    limit: int,
    columns: tuple[str, ...],
    sort: str | None,
    reverse: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> None:
    """List the newest runs: of this machine, or with --target those in Snowflake of the last seven days.

    \b
    Examples:
      mlops runs list
      mlops runs list --pipeline churn --json
      mlops runs list --target prod
      mlops runs list --pipeline churn --show max_depth --sort roc_auc
    """
    names = tuple(dict.fromkeys((*columns, *([sort] if sort else []))))
    if target is not None:
        from mlops.cli.deployed_runs import deployed_runs

        found = deployed_runs(options.project(target=target), pipeline, limit, connection)
    else:
        found = recorded_runs(options.project(), pipeline=pipeline, limit=limit, nodes=bool(names))
    chosen = columns_of(found, names)
    if sort is not None:
        order = order_by(chosen, sort, reverse=reverse)
        found, chosen = [found[at] for at in order], [chosen[at] for at in order]
    if as_json:
        rows = [{key: value for key, value in run_row(one).items() if key != "nodes"} for one in found]
        if names:
            rows = [{**row, "shown": values} for row, values in zip(rows, chosen, strict=True)]
        print_json({"runs": rows})
        return
    print_table(
        [
            {
                "run": one.run.run_id,
                "pipeline": one.run.pipeline,
                "state": one.state.value,
                "started": moment(one.run.started),
                "took": duration(None if one.ended is None else one.ended - one.run.started),
                **{name: _cell(value) for name, value in values.items()},
                "auth": one.run.auth_mode,
                "reason": one.reason,
            }
            for one, values in zip(found, chosen, strict=True)
        ],
        ["run", "pipeline", "state", "started", "took", *names, "auth", "reason"],
        empty=f"nothing has run here yet: mlops {'trigger' if target else 'run'} PIPELINE",
    )


@runs.command("show")
@click.argument("name", metavar="RUN", default="latest", shell_complete=options.complete_runs)
@_target
@options.connection
@options.as_json
def show_run(name: str, target: str | None, connection: str | None, as_json: bool) -> None:
    """Show one run: its nodes, parameters, metrics and datasets. RUN is an id, a part of one, or "latest".

    \b
    Examples:
      mlops runs show
      mlops runs show 53443d --json
    """
    if target is not None:
        from mlops.cli.deployed_runs import open_deployed_run

        outcome = open_deployed_run(options.project(target=target), name, connection)
        written = [(one.node, record) for one in outcome.nodes for record in one.outputs]
        folder = outcome.run.folder
    else:
        outcome, manifests = open_run(options.project(), name)
        written = [(manifest.node, record) for manifest in manifests for record in manifest.outputs]
        folder = shown(outcome.run.folder)
    if as_json:
        print_json(
            {**run_row(outcome), "datasets": [{**dataset_row(record), "node": node} for node, record in written]}
        )
        return
    _tell_run(outcome, written, folder)


def _tell_run(outcome: RunOutcome, written: Sequence[tuple[str, DatasetRecord]], folder: str) -> None:
    run = outcome.run
    click.echo(
        f"{click.style(run.run_id, bold=True)}  {run.pipeline}  {paint(outcome.state.value)}  {outcome.reason}".rstrip()
    )
    took = duration(None if outcome.ended is None else outcome.ended - run.started)
    again = f", continued {run.resumed} times" if run.resumed else ""
    click.echo(
        f"  started {moment(run.started)}, took {took or '…'}{again}; {run.executor}, target {run.target}, auth {run.auth_mode}"
    )
    if run.versions:
        click.echo(f"  with {', '.join(f'{name} {version}' for name, version in run.versions.items())}")
    click.echo("")
    print_table(
        [
            {
                " ": MARKS[one.state],
                "node": one.node,
                "state": one.state.value,
                "attempt": one.attempt or "",
                "took": duration(one.seconds),
                "why": one.reason or (f"{one.error.type}: {one.error.message}" if one.error else ""),
            }
            for one in outcome.nodes
        ],
        [" ", "node", "state", "attempt", "took", "why"],
    )
    if written:
        click.echo("")
        rows = [{**dataset_row(record), "from": node} for node, record in written]
        for row in rows:
            row["size"], row["sha256"] = size(row["bytes"]), row["sha256"][:12]
        columns = ["dataset", "serializer", "size", "rows", "sha256", "from"]
        print_table(rows, [one for one in columns if any(row[one] is not None and row[one] != "" for row in rows)])
    if any(one.metrics for one in outcome.nodes):
        click.echo("")
        last = [(one, metric) for one in outcome.nodes for metric in {each.name: each for each in one.metrics}.values()]
        width = max(len(metric.name) for _, metric in last)
        for one, metric in last:
            click.echo(f"  {metric.name:<{width}} {number(metric.value):>10}  {one.node}")
    if changed := {node: values for node, values in run.parameters.items() if values}:
        click.echo("\nparameters")
        for node, values in changed.items():
            click.echo(f"  {node}: {', '.join(f'{key}={value!r}' for key, value in hide_credentials(values).items())}")
    if folder:
        click.echo(f"\n  datasets  {folder}")


def _cell(value: object) -> object:
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def dataset_row(record: Any) -> dict[str, Any]:  # Any: DatasetRecord in, JSON out
    """Return a dataset as JSON holds it."""
    return {
        "dataset": record.name,
        "type": record.type,
        "serializer": record.serializer,
        "path": record.path,
        "bytes": record.bytes,
        "rows": record.rows,
        "sha256": record.sha256,
    }
