"""One node run, and what is told of it: what ``mlops run-node`` does once its words are understood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops.errors import MlopsError, UsageError

if TYPE_CHECKING:
    from mlops.project import Project
    from mlops.runs.outcome import RunOutcome


class NodeRunFailed(MlopsError):
    """The node could not be run; ``exit_code`` says which of the reasons it was."""

    def __init__(self, cause: MlopsError, code: int) -> None:
        super().__init__(str(cause), hint=cause.hint)
        self.exit_code = code


def run_tasks(nodes: Sequence[str]) -> int:
    """Run nodes in the container of a task, by their full names, and return the exit code."""
    from mlops.container.task import run_task

    return run_task(nodes)


def run_one(
    project: Project,
    node: str,
    *,
    inputs: str = "{}",
    outputs: str = "{}",
    run: str | None = None,
    connection: str | None = None,
    echo: bool = True,
    as_json: bool = False,
) -> int:
    """Run one node, tell what came of it, and return the exit code; ``inputs`` and ``outputs`` are JSON.

    Raises:
        NodeRunFailed: it could not be run at all.
    """
    try:
        from mlops.runs.single import NodeRequest, run_single

        request = NodeRequest(
            node=node,
            inputs=_object(inputs, "--inputs"),
            outputs=_object(outputs, "--outputs"),
            run=run,
            echo=echo,
            connection=connection,
        )
        outcome = run_single(project, request)
    except BadJson as cause:
        from mlops.runs.exit_codes import BAD_INPUTS

        raise NodeRunFailed(cause, BAD_INPUTS) from cause
    except MlopsError as cause:
        from mlops.runs.exit_codes import exit_code_of

        raise NodeRunFailed(cause, exit_code_of(cause)) from cause
    from mlops.container.grace import STOPPED
    from mlops.runs.exit_codes import exit_code_of_failure  # not needed before the function is called
    from mlops.runs.outcome import State

    if as_json:
        from mlops.cli.output import print_json
        from mlops.cli.run_view import run_row
        from mlops.cli.runs import dataset_row

        print_json({**run_row(outcome), "outputs": [dataset_row(record) for record in outcome.nodes[0].outputs]})
    else:
        _tell(outcome)
    if outcome.state is State.STOPPED:
        return STOPPED
    return 0 if outcome.state is State.SUCCEEDED else exit_code_of_failure(outcome.nodes[0].error)


class BadJson(UsageError):
    """An option that takes a JSON object was given something else."""


def _object(text: str, option: str) -> dict[str, Any]:  # Any: JSON
    if text == "{}":
        return {}
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


def _tell(outcome: RunOutcome) -> None:
    import click  # only now: a container gets here when its function has returned

    from mlops.cli.output import paint
    from mlops.cli.run_view import shown
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
