"""``mlops jobs``: job files that were written by hand."""

from __future__ import annotations

import os

import click

from mlops.cli import options
from mlops.cli.output import print_json


@click.group()
def jobs() -> None:
    """Check job files that were written by hand."""


@jobs.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@options.target
@options.as_json
def check_jobs(files: tuple[str, ...], target: str | None, as_json: bool) -> None:
    """Check that files are service specifications that Snowflake takes, and name every problem with its line.

    Placeholders such as <SNOWFLAKE_DATABASE> mean what the target, else the environment says.

    \b
    Examples:
      mlops jobs check jobs/train.yaml
      mlops jobs check jobs/train.yaml jobs/score.yaml --target prod
    """
    from mlops.compile.job_file import checked_files, placeholders_of

    placeholders = placeholders_of(options.project(target=target).settings.chosen_target, os.environ)
    rows = checked_files(files, placeholders)
    if as_json:
        print_json({"files": rows})
    else:
        for row in rows:
            click.echo(f"{row['file']}: {'ok' if not row['problems'] else 'not right'}")
            for warning in row["warnings"]:
                click.echo(f"  warning: {warning}", err=True)
            for problem in row["problems"]:
                click.echo(f"  line {problem['line']}: {problem['path'] or 'the file'}: {problem['problem']}")
                if problem["hint"]:
                    click.echo(f"    hint: {problem['hint']}")
    if any(row["problems"] for row in rows):
        raise click.exceptions.Exit(1)
