"""Runs in Snowflake, for the commands that also show those of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops.cli.account import operations_of, pipeline_in, pipelines_in

if TYPE_CHECKING:
    from mlops.operate.deployed import DeployedPipeline
    from mlops.operate.operations import Operations
    from mlops.project import Project
    from mlops.runs.comparison import Side
    from mlops.runs.outcome import RunOutcome

_MOST = 1000
"""How many runs are looked through for those to compare."""


def deployed_runs(project: Project, pipeline: str | None, limit: int, connection: str | None) -> list[RunOutcome]:
    """Return the newest runs of what is deployed to the chosen target, newest first.

    Raises:
        UnknownNameError, AccountError: the pipeline is not deployed there, or Snowflake refuses.
    """
    with operations_of(project, connection) as operations:
        known = [pipeline_in(operations, project, pipeline)] if pipeline else pipelines_in(operations, project)
        return _newest(operations, known, project)[:limit]


def open_deployed_run(project: Project, name: str, connection: str | None) -> RunOutcome:
    """Return one run of what is deployed to the chosen target: by its id, a part of that, or ``latest``.

    Raises:
        UnknownNameError, RunError, AccountError: no such run, several, or Snowflake refuses.
    """
    from msgspec.structs import replace

    from mlops.operate.graph_runs import find_run

    with operations_of(project, connection) as operations:
        runs = {one.run.run_id: one for one in _newest(operations, pipelines_in(operations, project), project)}
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


def _newest(operations: Operations, pipelines: list[DeployedPipeline], project: Project) -> list[RunOutcome]:
    from mlops.operate.status import recent_runs

    rows = operations.task_runs() if pipelines else []
    target = project.settings.target
    found = [run for pipeline in pipelines for run in recent_runs(operations, pipeline, rows, target=target)]
    return sorted(found, key=lambda one: one.run.started, reverse=True)
