"""Runs in Snowflake, for the commands that also show those of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlops.cli.account import operations_of, pipeline_in, pipelines_in

if TYPE_CHECKING:
    from mlops.operate.fetching import FetchedDatasets
    from mlops.project import Project
    from mlops.runs.comparison import Side
    from mlops.runs.outcome import RunOutcome
    from mlops.snowflake.session import SnowflakeSession

_MOST = 1000
"""How many runs are looked through for those to compare."""


def deployed_runs(project: Project, pipeline: str | None, limit: int, connection: str | None) -> list[RunOutcome]:
    """Return the newest runs of what is deployed to the chosen target, newest first.

    Raises:
        UnknownNameError, AccountError: the pipeline is not deployed there, or Snowflake refuses.
    """
    from mlops.operate.status import newest_runs

    with operations_of(project, connection) as operations:
        known = [pipeline_in(operations, project, pipeline)] if pipeline else pipelines_in(operations, project)
        return newest_runs(operations, known, target=project.settings.target)[:limit]


def open_deployed_run(project: Project, name: str, connection: str | None) -> RunOutcome:
    """Return one run of what is deployed to the chosen target: by its id, a part of that, or ``latest``.

    Raises:
        UnknownNameError, RunError, AccountError: no such run, several, or Snowflake refuses.
    """
    from msgspec.structs import replace

    from mlops.operate.graph_runs import find_run
    from mlops.operate.status import newest_runs

    with operations_of(project, connection) as operations:
        known = pipelines_in(operations, project)
        runs = {one.run.run_id: one for one in newest_runs(operations, known, target=project.settings.target)}
        found = runs[find_run(name, runs)]
        stage = project.settings.chosen_target.stage
        folder = f"@{operations.database}.{operations.schema}.{stage.upper()}/{found.run.pipeline}/{found.run.run_id}"
    return replace(found, run=replace(found.run, folder=folder))


def deployed_sides(
    project: Project, names: Sequence[str], pipeline: str | None, last: int, connection: str | None
) -> list[Side]:
    """Return the runs of what is deployed to the chosen target that are to be compared, as ``recorded_sides`` does.

    Raises:
        UnknownNameError, RunError, AccountError: no such run, several, no two, or Snowflake refuses.
    """
    from mlops.operate.graph_runs import find_run
    from mlops.runs.comparison import Content, Side, runs_to_compare

    known = {one.run.run_id: one for one in deployed_runs(project, pipeline, _MOST, connection)}
    chosen = runs_to_compare(
        [known[find_run(name, known)] for name in names],
        lambda wanted, limit: [one for one in known.values() if wanted in (None, one.run.pipeline)][:limit],
        pipeline=pipeline,
        last=last,
    )
    return [
        Side(one, {(node.node, record.name): Content(record.sha256, record.rows)
                   for node in one.nodes for record in node.outputs})
        for one in chosen
    ]  # fmt: skip


@contextmanager
def fetched_run(
    project: Project, name: str, connection: str | None
) -> Iterator[tuple[RunOutcome, FetchedDatasets, SnowflakeSession]]:
    """Yield a run of what is deployed to the chosen target, its datasets, and the session that they are fetched with.

    Raises:
        UnknownNameError, RunError, AccountError: no such run, several, or Snowflake refuses.
    """
    from mlops.operate.fetching import fetched_run as fetched
    from mlops.snowflake.identifiers import stored
    from mlops.snowflake.operations import operations_on
    from mlops.snowflake.run_storage import SnowflakeRunStorage
    from mlops.snowflake.session import open_session

    settings = project.settings
    with open_session(settings, project.discovery.known, connection=connection) as session:
        operations = operations_on(session, settings.chosen_target)
        place = {"database": operations.database, "schema": operations.schema}
        files = SnowflakeRunStorage(session, **place, stage=stored(settings.chosen_target.stage))
        outcome, datasets = fetched(operations, files, settings, project.serializers, name)
        yield outcome, datasets, session
