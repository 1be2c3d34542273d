"""``mlops run``: a pipeline on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mlops.cli import options
from mlops.cli.output import print_json
from mlops.cli.progress import progress_of
from mlops.cli.run_view import run_row, tell_run
from mlops.credentials import hide_credentials
from mlops.runs.outcome import State

if TYPE_CHECKING:
    from mlops.runs.launch import Launch


@click.command()
@click.argument("pipeline", shell_complete=options.complete_pipelines)
@options.params
@click.option(
    "--from",
    "start",
    multiple=True,
    metavar="NODE",
    help="Start with this node; what it reads comes from the newest run.",
    shell_complete=options.complete_nodes,
)
@click.option(
    "--to",
    "end",
    multiple=True,
    metavar="NODE",
    help="End with this node.",
    shell_complete=options.complete_nodes,
)
@click.option(
    "--only",
    multiple=True,
    metavar="NODE",
    help="Run this node alone; can be given several times.",
    shell_complete=options.complete_nodes,
)
@click.option(
    "--executor",
    type=click.Choice(["inline", "process"]),
    help="Run nodes in this process, or each in its own.",
)
@click.option(
    "--max-workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Run up to N nodes at once (implies --executor process).",
)
@click.option(
    "--resume",
    is_flag=False,
    flag_value="latest",
    metavar="[RUN]",
    help="Continue a run from what it has committed; the newest without RUN.",
    shell_complete=options.complete_runs,
)
@click.option(
    "--services",
    type=click.Choice(["auto", "embedded", "none"]),
    help="Where feature_store, model_registry and session come from.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what nodes print and log, as it happens.")
@options.quiet
@options.target
@options.connection
@options.as_json
def run(
    pipeline: str,
    params: tuple[str, ...],
    start: tuple[str, ...],
    end: tuple[str, ...],
    only: tuple[str, ...],
    executor: str | None,
    max_workers: int | None,
    resume: str | None,
    services: str | None,
    verbose: bool,
    quiet: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> int:
    """Run a pipeline on this machine.

    Everything is checked before the first node starts. What each node writes is kept under data/, so that a run that
    failed, was stopped or was killed goes on with --resume.

    \b
    Examples:
      mlops run churn
      mlops run churn -p max_iter=300 -p train_model.learning_rate=0.05
      mlops run churn --from train_model
      mlops run churn --resume
    """
    from mlops.runs.launch import Request, prepare

    if max_workers is not None and executor is None:
        executor = "process"
    project = options.project(run__executor=executor, run__max_workers=max_workers, services=services, target=target)
    request = Request(
        pipeline=pipeline,
        parameters=options.parameters(params),
        start=start,
        end=end,
        only=only,
        resume=resume,
        echo=verbose,
        connection=connection,
    )
    launch = prepare(project, request)
    if not quiet and not as_json:
        verb = "resuming" if launch.resumed else "running"
        click.echo(
            f"{verb} {launch.graph.pipeline.name} as {launch.run.run_id} ({_counted(launch.graph.nodes)})"
            f"{_given(launch) if launch.resumed else ''}",
            err=True,
        )
        for dataset, (folder, _) in launch.external.items():
            click.echo(f"  reading {dataset} from run {os.path.basename(folder)}", err=True)
    with progress_of(launch.graph.nodes, quiet=quiet or (as_json and not sys.stderr.isatty())) as view:

        def observers(_: Launch) -> list[Any]:  # Any: the views share a protocol with the runner's observers
            return [view]

        outcome = launch.go(observers)
    if as_json:
        print_json(run_row(outcome))
    else:
        tell_run(outcome, launch.graph)
    return 0 if outcome.state is State.SUCCEEDED else 130 if outcome.state is State.STOPPED else 1


def _counted(nodes: Sequence[object]) -> str:
    return "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"


def _given(launch: Launch) -> str:
    """Return in words what a run that is continued was given, before or now."""
    told = [
        f"{node.name}.{key}={value}"
        for node in launch.graph.nodes
        for key, value in hide_credentials(launch.run.given.get(node.full_name, {})).items()
    ]
    return f" with {', '.join(told)}" if told else ""
