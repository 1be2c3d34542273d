"""``mlops run-node``: one node, as a container runs it."""

from __future__ import annotations

import click

from mlops.cli import options
from mlops.errors import UsageError


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
    from mlops.cli.single_node import run_one, run_tasks

    if name is not None and option_name is not None and name != option_name:
        raise UsageError(f"NODE is {name!r} and --node is {option_name!r}", hint="give the node once")
    chosen = name or option_name
    if tasks:
        if chosen is not None:
            raise UsageError(f"NODE is {chosen!r} and --task is given", hint="name nodes with --task alone")
        return run_tasks(tasks)
    if chosen is None:
        raise UsageError("no node is given", hint="mlops run-node NODE, or mlops run-node --node NODE")
    return run_one(
        options.project(services=services, target=target),
        chosen,
        inputs=inputs,
        outputs=outputs,
        run=run_name,
        connection=connection,
        echo=not quiet,
        as_json=as_json,
    )
