"""How a run looks to people, and as JSON."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from mlops.cli.output import moment, paint
from mlops.credentials import hide_credentials
from mlops.quantities import duration, number
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunOutcome, State
from mlops.runs.progress import MARKS

if TYPE_CHECKING:
    from mlops.graph import Graph

LAST_LINES = 12
"""How many lines of a failed node's log are shown."""


def tell_run(outcome: RunOutcome, graph: Graph | None = None) -> None:
    """Print what a run came to: failures with the end of their logs, metrics, and where everything is."""
    names = {node.full_name: node.name for node in graph.nodes} if graph else {}
    for one in outcome.nodes:
        if one.state is State.FAILED and one.error is not None:
            _tell_failure(names.get(one.node, one.node), one, one.error)
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


def _tell_failure(name: str, one: NodeOutcome, error: ErrorInfo) -> None:
    from mlops.runs.logs import last_lines

    click.echo(f"\n{paint('failed', MARKS[State.FAILED])} {name}: {error.type}: {error.message}")
    lines = error.traceback.rstrip().splitlines()[-LAST_LINES:]
    for line in lines or _printed(last_lines(one.log, LAST_LINES), error):
        click.echo(f"    {line}")
    if error.hint:
        click.echo(f"  hint: {error.hint}")
    if one.log:
        click.echo(f"  log: {shown(one.log)}")


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
