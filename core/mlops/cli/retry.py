"""``mlops retry``: the last run of a deployed pipeline again, from what failed."""

from __future__ import annotations

import click

from mlops.cli import options
from mlops.cli.account import operations_of, pipeline_in
from mlops.cli.output import print_json
from mlops.cli.trigger import wait as wait_option
from mlops.cli.trigger import wait_for
from mlops.errors import AccountError


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@options.dry_run
@options.yes
@wait_option
@options.quiet
@options.target
@options.connection
@options.as_json
def retry(
    pipeline: str | None,
    dry_run: bool,
    yes: bool,
    wait: bool,
    quiet: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> int:
    """Continue the last run of a pipeline from what failed; what has succeeded is kept, with its datasets.

    It is refused where Snowflake would refuse it: the last run succeeded or goes on, is older than 14 days, or the
    graph has been changed since. Without PIPELINE the only one that is deployed.

    \b
    Examples:
      mlops retry churn --target prod
      mlops retry churn --yes --json
    """
    from mlops.cli.deploying import confirmed
    from mlops.operate.retry import plan_retry

    project = options.project(target=target)
    with operations_of(project, connection) as operations:
        found = pipeline_in(operations, project, pipeline)
        plan = plan_retry(found, operations.task_runs(root_id=found.root.id))
        if not as_json:
            click.echo(f"retry of run {plan.run} of {plan.pipeline}, attempt {plan.attempt + 1}", err=True)
            for node, why in plan.again:
                click.echo(f"  again  {found.short(node)}: {why}", err=True)
            for node in plan.kept:
                click.echo(f"  keep   {found.short(node)}", err=True)
        if dry_run:
            if as_json:
                again = [{"node": node, "reason": why} for node, why in plan.again]
                print_json({"pipeline": plan.pipeline, "run": plan.run, "attempt": plan.attempt + 1, "again": again,
                            "kept": list(plan.kept)})  # fmt: skip
            return 0
        confirmed(f"retry run {plan.run} of {plan.pipeline}?", yes=yes)
        try:
            operations.retry_last(found.root.name)
        except AccountError as cause:
            hint = f"the graph may have been changed since; start a new run: mlops trigger {found.name}"
            raise AccountError(cause.message, hint=cause.hint or hint) from cause
        if not wait:
            if as_json:
                print_json({"pipeline": plan.pipeline, "run": plan.run, "attempt": plan.attempt + 1})
            else:
                click.echo(f"{plan.pipeline} goes on in Snowflake as {plan.run}, attempt {plan.attempt + 1}")
            return 0
        return wait_for(
            operations,
            found,
            plan.run,
            target=project.settings.target,
            since=plan.started - 300,
            quiet=quiet,
            as_json=as_json,
            after_attempt=plan.attempt,
        )
