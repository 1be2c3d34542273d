"""``mlops run-node``: one node, as a container runs it."""

from __future__ import annotations

from typing import Any

import click

from mlops.cli import options
from mlops.errors import MlopsError, UsageError


class NodeRunFailed(MlopsError):
    """The node could not be run; ``exit_code`` says which of the reasons it was."""

    def __init__(self, cause: MlopsError, code: int) -> None:
        super().__init__(str(cause), hint=cause.hint)
        self.exit_code = code


@click.command("run-node")
@click.argument("name", metavar="NODE", required=False, shell_complete=options.complete_nodes)
@click.option("--node", "option_name", metavar="NODE", help="The node, where an argument is not convenient.")
@click.option(
    "--task",
    "tasks",
    metavar="NODE",
    multiple=True,
    help="In the container of a task: a node by its full name; several run in order.",
)
@click.option(
    "--inputs",
    metavar="JSON",
    default="{}",
    help='Parameters and datasets: a value, a file, or {"run": RUN}.',
)
@click.option("--outputs", metavar="JSON", default="{}", help="Specifications of outputs; a path gets a copy.")
@click.option(
    "--run",
    "run_name",
    metavar="RUN",
    help="Take datasets that --inputs does not give from this run.",
    shell_complete=options.complete_runs,
)
@click.option(
    "--services",
    type=click.Choice(["auto", "embedded", "none"]),
    help="Where feature_store, model_registry and session come from.",
)
@options.target
@options.connection
@options.quiet
@options.as_json
def run_node(
    name: str | None,
    option_name: str | None,
    tasks: tuple[str, ...],
    inputs: str,
    outputs: str,
    run_name: str | None,
    services: str | None,
    target: str | None,
    connection: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run one node, as a container does.

    \b
    Examples:
      mlops run-node generate_data --inputs '{"customer_count": 1000}'
      mlops run-node train_model --run latest
      mlops run-node preprocess_data --inputs '{"customers": "data/customers.parquet"}' --outputs '{"clean_customers": "clean.parquet"}'

    \b
    Exit codes: 0 done, 10 the node raised, 11 the node or its plugin cannot be loaded, 12 bad inputs,
    13 authentication, 14 the image holds another version than was deployed.
    """
    if tasks:
        return _in_a_task(tasks, name or option_name)
    from mlops.runs.single import NodeRequest, run_single

    if name is not None and option_name is not None and name != option_name:
        raise UsageError(f"NODE is {name!r} and --node is {option_name!r}", hint="give the node once")
    chosen = name or option_name
    if chosen is None:
        raise UsageError("no node is given", hint="mlops run-node NODE, or mlops run-node --node NODE")
    try:
        request = NodeRequest(
            node=chosen,
            inputs=_object(inputs, "--inputs"),
            outputs=_object(outputs, "--outputs"),
            run=run_name,
            echo=not quiet,
            connection=connection,
        )
        outcome = run_single(options.project(services=services, target=target), request)
    except BadJson as cause:
        from mlops.runs.exit_codes import BAD_INPUTS

        raise NodeRunFailed(cause, BAD_INPUTS) from cause
    except MlopsError as cause:
        from mlops.runs.exit_codes import exit_code_of

        raise NodeRunFailed(cause, exit_code_of(cause)) from cause
    from mlops.runs.exit_codes import STOPPED, exit_code_of_failure  # not needed before the function is called
    from mlops.runs.outcome import State

    if as_json:
        from mlops.cli.output import print_json
        from mlops.cli.run import run_row
        from mlops.cli.runs import dataset_row

        print_json({**run_row(outcome), "outputs": [dataset_row(record) for record in outcome.nodes[0].outputs]})
    else:
        _tell(outcome)
    if outcome.state is State.STOPPED:
        return STOPPED
    return 0 if outcome.state is State.SUCCEEDED else exit_code_of_failure(outcome.nodes[0].error)


def _in_a_task(nodes: tuple[str, ...], other: str | None) -> int:
    if other is not None:
        raise UsageError(f"NODE is {other!r} and --task is given", hint="name nodes with --task alone")
    from mlops.container.task import run_task

    return run_task(nodes)


class BadJson(UsageError):
    """An option that takes a JSON object was given something else."""


def _object(text: str, option: str) -> dict[str, Any]:  # Any: JSON
    from msgspec import DecodeError, json

    try:
        value: object = json.decode(text)
    except DecodeError as cause:
        raise BadJson(
            f"{option} is not JSON: {cause}",
            hint=f"""quote it for the shell: {option} '{{"customer_count": 1000}}'""",
        ) from cause
    if not isinstance(value, dict):
        raise BadJson(f"{option} is {type(value).__name__}, not an object", hint="""write {"name": value}""")
    return value


def _tell(outcome: Any) -> None:  # Any: RunOutcome, imported by the caller alone
    from mlops.cli.output import paint
    from mlops.cli.run import shown
    from mlops.quantities import duration, number, size

    one = outcome.nodes[0]
    if one.error is not None:
        click.echo(f"{paint('failed')}: {one.error.type}: {one.error.message}", err=True)
        click.echo("".join(f"    {line}\n" for line in one.error.traceback.rstrip().splitlines()), nl=False, err=True)
        if one.error.hint:
            click.echo(f"  hint: {one.error.hint}", err=True)
    else:
        click.echo(f"{paint(outcome.state.value)}: {one.node} in {duration(one.seconds)} (run {outcome.run.run_id})")
        for metric in one.metrics:
            click.echo(f"  {metric.name} = {number(metric.value)}")
        for record in one.outputs:
            rows = f", {record.rows:,} rows" if record.rows is not None else ""
            click.echo(f"  {record.name}: {shown(outcome.run.folder)}/{record.path} ({size(record.bytes)}{rows})")
