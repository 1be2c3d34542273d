"""``mlops trigger``: a run of a deployed pipeline, now, with parameters of its own."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from mlops.cli import options
from mlops.cli.account import operations_of, pipeline_in
from mlops.cli.following import watch
from mlops.cli.output import paint, print_json
from mlops.cli.run_view import LAST_LINES, run_row
from mlops.errors import AccountError
from mlops.quantities import duration
from mlops.runs.outcome import RunOutcome, State
from mlops.runs.progress import MARKS

if TYPE_CHECKING:
    from mlops.operate.deployed import DeployedPipeline
    from mlops.operate.operations import Operations

wait = click.option("--wait", is_flag=True, help="Show its progress until it ends; exit code 1 if it fails.")


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@options.params
@wait
@options.quiet
@options.target
@options.connection
@options.as_json
def trigger(
    pipeline: str | None,
    params: tuple[str, ...],
    wait: bool,
    quiet: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> int:
    """Start a run of a deployed pipeline now, suspended or not.

    Other parameters than those deployed hold for this run alone. Without PIPELINE the only one that is deployed.

    \b
    Examples:
      mlops trigger churn --wait
      mlops trigger churn -p max_iter=300 -p train_model.learning_rate=0.05
    """
    from mlops.operate.trigger import config_of
    from mlops.operate.trigger import trigger as start

    project = options.project(target=target)
    given = options.parameters(params)
    with operations_of(project, connection) as operations:
        found = pipeline_in(operations, project, pipeline)
        config = config_of(project.graph(found.name), found, given) if given else {}
        if found.suspended and not quiet:
            names = ", ".join(found.short(node) for task in found.suspended for node in task.nodes)
            click.echo(f"warning: suspended, and so passed over: {names} (mlops resume {found.name})", err=True)
        began = time.time()
        run = start(operations, found, config)
        if run is None and wait:
            raise AccountError(
                f"{found.name} has started, and cannot be watched: Snowflake does not tell of the run",
                hint=f"look for it later: mlops runs list --target {project.settings.target}",
            )
        if run is None or not wait:
            _tell_start(found.name, run, target=project.settings.target, as_json=as_json)
            return 0
        if not quiet and not as_json:
            click.echo(f"running {found.name} in Snowflake as {run} ({len(found.nodes)} nodes)", err=True)
        return wait_for(
            operations, found, run, target=project.settings.target, since=began - 300, quiet=quiet, as_json=as_json
        )


def wait_for(
    operations: Operations,
    pipeline: DeployedPipeline,
    run: str,
    *,
    target: str,
    since: float,
    quiet: bool,
    as_json: bool,
    after_attempt: int = 0,
) -> int:
    """Show a run until it ends, say what it came to, and return the exit code."""
    from mlops.operate.following import follow

    outcomes = follow(operations, pipeline, run, target=target, since=since, after_attempt=after_attempt)
    try:
        outcome = watch(outcomes, pipeline.short, quiet=quiet or (as_json and not sys.stderr.isatty()))
    except KeyboardInterrupt:
        click.echo(
            f"no longer watching; the run goes on in Snowflake: mlops runs show {run} --target {target}", err=True
        )
        return 130
    if as_json:
        print_json(run_row(outcome))
    else:
        tell_end(operations, pipeline, outcome)
    return 0 if outcome.state is State.SUCCEEDED else 1


def tell_end(operations: Operations, pipeline: DeployedPipeline, outcome: RunOutcome) -> None:
    """Print what a run in Snowflake came to: what failed, with the end of its log, and where to look on."""
    target = outcome.run.target
    for one in outcome.nodes:
        if one.state is not State.FAILED:
            continue
        message = one.error.message if one.error else ""
        click.echo(f"\n{paint('failed', MARKS[State.FAILED])} {pipeline.short(one.node)}: {message}")
        for line in _last_lines(operations, pipeline, outcome, one.node):
            click.echo(f"    {line}")
    counts = {state: sum(one.state is state for one in outcome.nodes) for state in State}
    what = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    took = duration(None if outcome.ended is None else outcome.ended - outcome.run.started)
    click.echo(f"\n{paint(outcome.state.value)}: {what} in {took}")
    click.echo(f"  details   mlops runs show {outcome.run.run_id} --target {target}")
    if failed := next((one for one in outcome.nodes if one.state is State.FAILED), None):
        click.echo(f"  log       mlops logs {pipeline.short(failed.node)} --target {target}")
        click.echo(f"  go on     mlops retry {pipeline.name} --target {target}")


def _last_lines(operations: Operations, pipeline: DeployedPipeline, outcome: RunOutcome, node: str) -> list[str]:
    from mlops.errors import MlopsError
    from mlops.operate.log_lines import readable
    from mlops.operate.logs import node_log, task_run_of

    try:
        task = pipeline.task_of(node)
        row = task_run_of(operations, pipeline, task, outcome.run.run_id, node=node)
        log = node_log(operations, pipeline, row, node=node, lines=LAST_LINES, alone=len(task.nodes) == 1)
    except MlopsError as cause:
        return [f"its log is not to be had: {cause.message}"]
    return [line for one in log.lines for line in readable(one)][-LAST_LINES:]


def _tell_start(pipeline: str, run: str | None, *, target: str, as_json: bool) -> None:
    if as_json:
        print_json({"pipeline": pipeline, "run": run})
    elif run is None:
        click.echo(f"{pipeline} has started; Snowflake does not tell of it yet: mlops runs list --target {target}")
    else:
        click.echo(f"{pipeline} runs in Snowflake as {run}")
