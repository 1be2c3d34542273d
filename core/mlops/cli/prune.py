"""``mlops runs prune``: runs that nobody needs any more go, and what stays is said with its reason."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from mlops.cli import options
from mlops.cli.output import moment, print_json, print_table
from mlops.quantities import size

if TYPE_CHECKING:
    from mlops.errors import MlopsError
    from mlops.project import Project
    from mlops.pruning.choice import Choice, Policy, StoredRun
    from mlops.snowflake.session import SnowflakeSession

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

    wanted = policy(keep, older_than)
    project = options.project(target=target) if target is not None else options.project()
    with (_Deployed if target is not None else _Here)(project, connection) as place:
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


class _Here:
    """Runs of this machine. A session is opened only for runs whose datasets are tables, with the target of each."""

    def __init__(self, project: Project, connection: str | None) -> None:
        self._project, self._connection = project, connection
        self._sessions: dict[str, SnowflakeSession] = {}
        self._stack = ExitStack()

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def choices(self, pipeline: str | None, wanted: Policy) -> list[Choice]:
        from mlops.errors import UnknownNameError
        from mlops.pruning.choice import choose
        from mlops.pruning.here import runs_here, spared

        data = self._project.settings.data
        everything = runs_here(data)
        mine = [run for run in everything if pipeline in (None, run.pipeline)]
        if pipeline is not None and not mine:
            known = {run.pipeline for run in everything}
            raise UnknownNameError(kind="pipeline with runs here:", name=pipeline, known=known)
        return spared(data, choose(mine, wanted, now=time.time()), everything)

    def remove(self, runs: Sequence[StoredRun], told: Any) -> Mapping[str, MlopsError]:  # Any: a function of a run
        from mlops.pruning.here import remove

        return remove(self._project.settings.data, runs, drop=self._drop, told=told)

    def _drop(self, run: StoredRun) -> None:
        from mlops.snowflake.run_storage import drop_table

        session = self._session(run)
        for table in run.tables:
            drop_table(session, table.name)

    def _session(self, run: StoredRun) -> SnowflakeSession:
        """Return a session with the account that the run wrote its tables to.

        Raises:
            RunError, AccountError: it cannot be had, or is with another one.
        """
        from mlops.errors import RunError
        from mlops.snowflake.session import open_session

        if run.target not in self._sessions:
            project = options.project(target=run.target)
            opened = open_session(project.settings, project.discovery.known, connection=self._connection)
            self._sessions[run.target] = self._stack.enter_context(opened)
        session = self._sessions[run.target]
        if self._connection is None and session.auth_mode != run.auth_mode:
            raise RunError(
                f"its tables were written by {run.auth_mode}, and target {run.target!r} means {session.auth_mode} now",
                hint="give the connection to the account that has them: -c NAME",
            )
        return session


class _Deployed:
    """Runs of what is deployed to a target."""

    def __init__(self, project: Project, connection: str | None) -> None:
        self._project, self._connection = project, connection
        self._stack = ExitStack()

    def __enter__(self) -> _Deployed:
        from mlops.snowflake.identifiers import stored
        from mlops.snowflake.operations import operations_on
        from mlops.snowflake.run_storage import SnowflakeRunStorage
        from mlops.snowflake.session import open_session

        settings = self._project.settings
        session = self._stack.enter_context(
            open_session(settings, self._project.discovery.known, connection=self._connection)
        )
        try:
            self._operations = operations_on(session, settings.chosen_target)
        except BaseException:
            self._stack.close()
            raise
        place = {"database": self._operations.database, "schema": self._operations.schema}
        self._storage = SnowflakeRunStorage(session, **place, stage=stored(settings.chosen_target.stage))
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def choices(self, pipeline: str | None, wanted: Policy) -> list[Choice]:
        from mlops.deploy.ownership import ownership_of
        from mlops.errors import UnknownNameError
        from mlops.operate.deployed import deployed_pipelines
        from mlops.operate.status import recent_runs
        from mlops.pruning.choice import choose
        from mlops.pruning.deployed import runs_there

        settings = self._project.settings
        pipelines = deployed_pipelines(self._operations.tasks(), settings.project)
        rows = self._operations.task_runs()
        outcomes = [
            run for one in pipelines for run in recent_runs(self._operations, one, rows, target=settings.target)
        ]
        owner = ownership_of(self._storage.comment())
        everything = runs_there(
            self._storage,
            pipelines=pipelines,
            outcomes=outcomes,
            rows=rows,
            now=time.time(),
            own_stage=owner is not None and owner.project == settings.project,
        )
        mine = [run for run in everything if pipeline in (None, run.pipeline)]
        if pipeline is not None and not mine and pipeline not in {one.name for one in pipelines}:
            known = {run.pipeline for run in everything} | {one.name for one in pipelines}
            raise UnknownNameError(kind="pipeline with runs there:", name=pipeline, known=known)
        return choose(mine, wanted, now=time.time())

    def remove(self, runs: Sequence[StoredRun], told: Any) -> Mapping[str, MlopsError]:  # Any: a function of a run
        from mlops.pruning.deployed import remove

        remove(self._storage, runs, told=told)
        return {}


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
