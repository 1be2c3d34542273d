"""``mlops run``: a pipeline on this machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from mlops.cli import options
from mlops.cli.output import moment, paint, print_json
from mlops.cli.progress import progress_of
from mlops.credentials import hide_credentials
from mlops.errors import ParameterError
from mlops.graph import Graph
from mlops.quantities import duration, number
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunOutcome, State
from mlops.runs.progress import MARKS

if TYPE_CHECKING:
    from mlops.runs.launch import Launch

LAST_LINES = 12
"""How many lines of a failed node's log are shown."""


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
        parameters=parameters(params),
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
            f"{verb} {launch.graph.pipeline.name} as {launch.run.run_id} ({len(launch.graph.nodes)} nodes)"
            f"{_given(launch) if launch.resumed else ''}",
            err=True,
        )
    with progress_of(launch.graph.nodes, quiet=quiet or (as_json and not sys.stderr.isatty())) as view:

        def observers(_: Launch) -> list[Any]:  # Any: the views share a protocol with the runner's observers
            return [view]

        outcome = launch.go(observers)
    if as_json:
        print_json(run_row(outcome))
    else:
        tell_run(outcome, launch.graph)
    return 0 if outcome.state is State.SUCCEEDED else 130 if outcome.state is State.STOPPED else 1


def _given(launch: Launch) -> str:
    """Return in words what a run that is continued was given, before or now."""
    told = [
        f"{node.name}.{key}={value}"
        for node in launch.graph.nodes
        for key, value in hide_credentials(launch.run.given.get(node.full_name, {})).items()
    ]
    return f" with {', '.join(told)}" if told else ""


def parameters(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return parameters of the form ``key=value`` by key.

    Raises:
        ParameterError: one has no ``=``.
    """
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ParameterError(parameter=pair, problem="it has no value", hint="write --param KEY=VALUE")
        values[key.strip()] = value
    return values


def tell_run(outcome: RunOutcome, graph: Graph | None = None) -> None:
    """Print what a run came to: failures with the end of their logs, metrics, and where everything is."""
    from mlops.runs.logs import last_lines

    names = {node.full_name: node.name for node in graph.nodes} if graph else {}
    for one in outcome.nodes:
        if one.state is State.FAILED and one.error is not None:
            click.echo(
                f"\n{paint('failed', MARKS[State.FAILED])} {names.get(one.node, one.node)}: {one.error.type}: {one.error.message}"
            )
            if one.error.traceback:
                click.echo(
                    "".join(f"    {line}\n" for line in one.error.traceback.rstrip().splitlines()[-LAST_LINES:]),
                    nl=False,
                )
            elif lines := _printed(last_lines(one.log, LAST_LINES), one.error):
                click.echo("".join(f"    {line}\n" for line in lines), nl=False)
            if one.error.hint:
                click.echo(f"  hint: {one.error.hint}")
            if one.log:
                click.echo(f"  log: {shown(one.log)}")
    if metrics := [(one, metric) for one in outcome.nodes for metric in _last(one)]:
        click.echo("\nmetrics")
        width = max(len(metric.name) for _, metric in metrics)
        for one, metric in metrics:
            click.echo(f"  {metric.name.ljust(width)}  {number(metric.value):>9}  {names.get(one.node, one.node)}")
    for warning in outcome.warnings:
        click.echo(f"warning: {warning}", err=True)
    counts = {state: sum(one.state is state for one in outcome.nodes) for state in State}
    what = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    took = duration(None if outcome.ended is None else outcome.ended - outcome.run.started)
    click.echo(f"\n{paint(outcome.state.value)}: {what} in {took}{' · ' + outcome.reason if outcome.reason else ''}")
    click.echo(f"  datasets  {shown(outcome.run.folder)}")
    click.echo(f"  details   mlops runs show {outcome.run.run_id}")
    if outcome.state is not State.SUCCEEDED:
        click.echo(f"  go on     mlops run {outcome.run.pipeline} --resume {outcome.run.run_id}")


def _printed(lines: list[str], error: ErrorInfo) -> list[str]:
    """Return what a node printed, without the error that its log ends with and that is told already."""
    told = f"{error.type}: {error.message}".splitlines()
    return [line for line in lines if line not in told]


def run_row(outcome: RunOutcome) -> dict[str, Any]:  # Any: JSON
    """Return a run as JSON holds it."""
    run = outcome.run
    return {
        "run": run.run_id,
        "pipeline": run.pipeline,
        "state": outcome.state.value,
        "reason": outcome.reason,
        "started": moment(run.started),
        "ended": moment(outcome.ended),
        "seconds": None if outcome.ended is None else round(outcome.ended - run.started, 3),
        "folder": run.folder,
        "target": run.target,
        "auth_mode": run.auth_mode,
        "executor": run.executor,
        "resumed": run.resumed,
        "versions": dict(run.versions),
        "given": {node: hide_credentials(values) for node, values in run.given.items()},
        "parameters": {node: hide_credentials(values) for node, values in run.parameters.items()},
        "nodes": [node_outcome_row(one) for one in outcome.nodes],
        "warnings": list(outcome.warnings),
    }


def node_outcome_row(one: NodeOutcome) -> dict[str, Any]:  # Any: JSON
    """Return what a node came to as JSON holds it."""
    error = None
    if one.error is not None:
        error = {"type": one.error.type, "message": one.error.message, "kind": one.error.kind, "hint": one.error.hint,
                 "traceback": one.error.traceback}  # fmt: skip
    return {
        "node": one.node,
        "state": one.state.value,
        "attempt": one.attempt,
        "seconds": None if one.seconds is None else round(one.seconds, 6),
        "reason": one.reason,
        "error": error,
        "metrics": {metric.name: metric.value for metric in one.metrics},
        "log": one.log,
    }


def shown(path: str) -> str:
    """Return a path as a person in this folder would write it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _last(one: NodeOutcome) -> list[Any]:  # Any: Metric
    return list({metric.name: metric for metric in one.metrics}.values())
