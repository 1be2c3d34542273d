"""``mlops runs prune``: runs that nobody needs any more go, and what stays is said with its reason."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mlops.cli import options
from mlops.cli.output import moment, print_json, print_table
from mlops.quantities import size

if TYPE_CHECKING:
    from mlops.errors import MlopsError
    from mlops.pruning.choice import Choice, StoredRun

_target = options.target_for("Runs in Snowflake of what is deployed to this target.")


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the newest N runs of each pipeline.")
@click.option("--older-than", metavar="AGE", help="Keep runs that are younger: 90m, 12h, 30d, 8w.")
@options.dry_run
@options.yes
@options.quiet
@_target
@options.connection
@options.as_json
def prune(
    pipeline: str | None,
    keep: int | None,
    older_than: str | None,
    dry_run: bool,
    yes: bool,
    quiet: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> int:
    """Remove old runs of PIPELINE, or of all: folders, records and tables here, or with --target those in Snowflake.

    With --keep and --older-than a run goes if both let it. A run that is running stays, and of each pipeline the newest
    run and the latest that succeeded; so does one whose datasets a run that stays has read.

    \b
    Examples:
      mlops runs prune --keep 10 --dry-run
      mlops runs prune churn --older-than 30d --keep 5 --yes
      mlops runs prune --target prod --older-than 30d
    """
    from mlops.cli.deploying import confirmed
    from mlops.pruning.choice import going, policy
    from mlops.pruning.places import RunsHere, RunsInSnowflake

    wanted = policy(keep, older_than)
    project = options.project(target=target) if target is not None else options.project()
    with (RunsInSnowflake if target is not None else RunsHere)(project, connection) as place:
        choices = place.choices(pipeline, wanted)
        gone = going(choices)
        if not as_json:
            _tell(choices)
        removed: list[StoredRun] = []
        left: Mapping[str, MlopsError] = {}
        if gone and not dry_run:
            confirmed(f"remove {_count(gone)}?", yes=yes)
            with _progress(gone, removed, quiet=quiet or (as_json and not sys.stderr.isatty())) as told:
                left = place.remove(gone, told)
        elif not dry_run:
            place.remove((), removed.append)
    if as_json:
        print_json(_json(choices, removed, left, dry_run=dry_run, target=target))
    elif removed:
        click.echo(f"removed {_count(removed)}")
    for run_id, cause in left.items():
        if not as_json:
            click.echo(
                f"left: run {run_id}: {cause.message}" + (f"\n  hint: {cause.hint}" if cause.hint else ""), err=True
            )
    return max((cause.exit_code for cause in left.values()), default=0)


@contextmanager
def _progress(gone: Sequence[StoredRun], removed: list[StoredRun], *, quiet: bool) -> Iterator[Any]:  # Any: as above
    from mlops.cli.deploying import progress_of_calls

    with progress_of_calls(quiet=quiet) as progress:

        def told(run: StoredRun) -> None:
            removed.append(run)
            progress(len(removed), len(gone), f"{run.pipeline} {run.run_id}")

        yield told


def _tell(choices: Sequence[Choice]) -> None:
    """Print what goes, and why others stay that the words alone would let go."""
    rows = [
        {
            " ": " " if one.stays else "-",
            "run": one.run.run_id,
            "pipeline": one.run.pipeline,
            "state": _state(one.run),
            "started": moment(one.run.started),
            "files": one.run.files,
            "tables": len(one.run.tables) or "",
            "size": size(one.run.whole),
            "stays, because": one.stays,
        }
        for one in choices
        if not one.asked
    ]
    columns = [" ", "run", "pipeline", "state", "started", "files", "tables", "size", "stays, because"]
    if rows:
        print_table(rows, [one for one in columns if any(row[one] != "" for row in rows)])
        click.echo("")
    gone = [one.run for one in choices if not one.stays]
    staying = len(choices) - len(gone)
    click.echo(f"{_count(gone) if gone else 'nothing'} to remove, {staying} {'stays' if staying == 1 else 'stay'}")


def _count(runs: Sequence[StoredRun]) -> str:
    tables = sum(len(run.tables) for run in runs)
    more = f" and {tables} table{'s' * (tables != 1)}" if tables else ""
    files = sum(run.files for run in runs)
    return (
        f"{len(runs)} run{'s' * (len(runs) != 1)} ({files} file{'s' * (files != 1)}{more}, "
        f"{size(sum(run.whole for run in runs))})"
    )


def _state(run: StoredRun) -> str:
    return "unknown" if run.state is None else run.state.value


def _json(
    choices: Sequence[Choice],
    removed: Sequence[StoredRun],
    left: Mapping[str, MlopsError],
    *,
    dry_run: bool,
    target: str | None,
) -> dict[str, Any]:  # Any: JSON
    gone = {run.run_id for run in removed}
    return {
        "target": target,
        "dry_run": dry_run,
        "removed": len(removed),
        "bytes": sum(run.whole for run in removed),
        "runs": [
            {
                "run": one.run.run_id,
                "pipeline": one.run.pipeline,
                "state": _state(one.run),
                "started": moment(one.run.started),
                "files": one.run.files,
                "bytes": one.run.whole,
                "tables": [{"name": table.name, "rows": table.rows, "bytes": table.bytes} for table in one.run.tables],
                "goes": not one.stays,
                "stays": one.stays or None,
                "removed": one.run.run_id in gone,
                "error": left[one.run.run_id].message if one.run.run_id in left else None,
            }
            for one in choices
        ],
    }
