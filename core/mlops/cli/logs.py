"""``mlops logs``: what a node's container wrote in Snowflake."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from mlops.cli import options
from mlops.cli.account import operations_of, pipeline_in, pipelines_in
from mlops.cli.output import moment, print_json

if TYPE_CHECKING:
    from mlops.operate.log_lines import LogLine
    from mlops.operate.operations import Job, Operations


@click.command()
@click.argument("node", shell_complete=options.complete_nodes)
@click.option(
    "--pipeline",
    metavar="NAME",
    help="The pipeline, where several have the node.",
    shell_complete=options.complete_pipelines,
)
@click.option("--run", "run", metavar="RUN", help='A run, by its id or a part of it; "latest" for the newest.')
@click.option("-f", "--follow", is_flag=True, help="Wait for the node to start, and show what is added until it ends.")
@click.option(
    "-n", "--lines", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many, the last ones."
)
@click.option("--instance", type=click.IntRange(0), default=0, help="The replica of a partitioned node.")
@click.option("--raw", is_flag=True, help="Lines as they were written, JSON where they are.")
@options.target
@options.connection
@options.as_json
def logs(
    node: str,
    pipeline: str | None,
    run: str | None,
    follow: bool,
    lines: int,
    instance: int,
    raw: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> None:
    """Show the log of a NODE: of the newest run in which it has started, or of --run.

    With -f the newest run is that which goes on: the command waits until the node has started in it.

    It is read from the container while that is there, and after that from the account's event table. A node that serves
    is a service, and has one log.

    \b
    Examples:
      mlops logs train_model
      mlops logs train_model -f --target prod
    """
    from mlops.errors import UnknownNameError
    from mlops.operate.awaiting import awaited_task_run
    from mlops.operate.deployed import task_of
    from mlops.operate.logs import follow_log, node_log, service_of, task_run_of

    project = options.project(target=target)
    with operations_of(project, connection) as operations:
        known = [pipeline_in(operations, project, pipeline)] if pipeline else pipelines_in(operations, project)
        try:
            found, task = task_of(known, node)
        except UnknownNameError:
            service = service_of(operations, known, node)
            if service is None:
                raise
            _tell_service(operations, service, lines=lines, instance=instance, follow=follow, raw=raw, as_json=as_json)
            return
        full = next(one for one in task.nodes if node in (one, one.rpartition(":")[2]))
        if follow:
            target_name, tell = project.settings.target, partial(click.echo, err=True)
            row = awaited_task_run(operations, found, task, run, node=full, target=target_name, tell=tell)
        else:
            row = task_run_of(operations, found, task, run, node=node)
        alone = len(task.nodes) == 1
        if not as_json:
            click.echo(f"{found.name} {found.short(full)}, run {row.run}, attempt {row.attempt}", err=True)
        if follow:
            for line in follow_log(operations, found, row, node=full, lines=lines, instance=instance, alone=alone):
                _tell(line, raw=raw or as_json)
            return
        log = node_log(operations, found, row, node=full, lines=lines, instance=instance, alone=alone)
    if as_json:
        shown = [{"time": moment(one.moment) or None, "level": one.level, "text": one.text} for one in log.lines]
        print_json({"pipeline": log.pipeline, "node": log.node, "run": row.run, "attempt": row.attempt,
                    "task": row.name, "job": log.job.name, "status": log.job.status, "source": log.source,
                    "lines": shown})  # fmt: skip
        return
    for line in log.lines:
        _tell(line, raw=raw)


def _tell_service(
    operations: Operations, service: Job, *, lines: int, instance: int, follow: bool, raw: bool, as_json: bool
) -> None:
    from mlops.operate.logs import follow_service, service_log

    if not as_json:
        click.echo(f"service {service.name}, {service.status}", err=True)
    if follow:
        for line in follow_service(operations, service, lines=lines, instance=instance):
            _tell(line, raw=raw or as_json)
        return
    found = service_log(operations, service, lines=lines, instance=instance)
    if as_json:
        shown = [{"time": moment(one.moment) or None, "level": one.level, "text": one.text} for one in found]
        print_json({"service": service.name, "status": service.status, "lines": shown})
        return
    for line in found:
        _tell(line, raw=raw)


def _tell(line: LogLine, *, raw: bool) -> None:
    from mlops.operate.log_lines import readable

    click.echo(line.raw if raw else "\n".join(readable(line)))
