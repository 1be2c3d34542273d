"""``mlops generate``: the files that say what Snowflake is to hold."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from mlops.cli import options
from mlops.cli.output import print_json

if TYPE_CHECKING:
    from mlops.compile.drift import FileState
    from mlops.project import Project

_SUFFIXES = {"yaml": ".yaml", "sql": ".sql", "dcm": ".dcm.sql"}
FOLDER = "jobs"


@click.command()
@click.argument("pipeline", required=False, shell_complete=options.complete_pipelines)
@click.option("--check", is_flag=True, help="Write nothing; show what differs, and fail if anything does.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_SUFFIXES)),
    default="yaml",
    show_default=True,
    help="Job specifications and the task graph as YAML; or all of it as statements of SQL, or of DCM.",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    help="Where files go; jobs in the project's folder without it. - prints SQL or DCM.",
)
@options.target
@options.as_json
def generate(
    pipeline: str | None, check: bool, form: str, output: str | None, target: str | None, as_json: bool
) -> None:
    """Write job specifications and the task graph of a pipeline, or of all, into jobs/.

    Equal input gives equal bytes: commit the files, and let CI compare them.

    \b
    Examples:
      mlops generate churn
      mlops generate --check
      mlops generate churn --target prod --output jobs/prod
      mlops generate churn --format sql --output -
    """
    from mlops.compile.drift import StaleJobsError, State, compared, written
    from mlops.errors import UsageError

    project = options.project(target=target)
    names = [pipeline] if pipeline else sorted({one.name for one in project.registry.pipelines})
    command = _command(project, pipeline, form, output, target)
    wanted: dict[str, str] = {}
    for name in names:
        wanted |= _texts(project, name, form, _command(project, name, form, output, target))
    if output == "-":
        if form == "yaml" or check or as_json:
            raise UsageError(
                "--output - prints statements", hint="add --format sql or --format dcm, and no --check or --json"
            )
        click.echo("\n".join(wanted.values()), nl=False)
        return
    folder = _folder(project, output)
    searched = {path.partition("/")[0] for path in wanted} if pipeline else _folders(folder)
    states = [one for one in compared(wanted, folder, searched, _SUFFIXES[form]) if _is_ours(one, form)]
    changed = [one for one in states if one.state is not State.UNCHANGED] if check else written(states)
    if as_json:
        print_json(
            {
                "files": [
                    {"path": one.path, "state": one.state.value, **({"diff": one.diff()} if check else {})}
                    for one in states
                ]
            }
        )
    elif check:
        click.echo("".join(_told(one) for one in changed), nl=False)
    else:
        for one in changed:
            click.echo(f"{'removed' if one.wanted is None else 'wrote'} {one.path}")
        click.echo(f"{len(states) - len(changed)} of {len(states)} files are unchanged", err=True)
    if check and changed:
        if as_json:
            raise click.exceptions.Exit(1)
        raise StaleJobsError(files=[one.path for one in changed], command=command)


def _told(file: FileState) -> str:
    """A file that is there with what differs in it; one that is not, or should not be, with a line."""
    from mlops.compile.drift import State

    if file.state is State.MISSING:
        return f"+ {file.path} is missing\n"
    return f"- {file.path} is generated no more\n" if file.state is State.STALE else file.diff()


def _texts(project: Project, pipeline: str, form: str, command: str) -> dict[str, str]:
    from mlops.compile.files import yaml_files

    deployment = project.deployment(pipeline, tell=lambda text: click.echo(text, err=True))
    if form == "yaml":
        return yaml_files(deployment, command)
    from mlops.compile.exports import dcm_text, sql_text

    text = (sql_text if form == "sql" else dcm_text)(deployment, command)
    return {f"{pipeline}/task-graph{_SUFFIXES[form]}": text}


def _command(project: Project, pipeline: str | None, form: str, output: str | None, target: str | None) -> str:
    """The words that write the same files again, whoever says them from wherever in the project."""
    words = ["mlops", "generate", *([pipeline] if pipeline else []), "--target", target or project.settings.target]
    words += ["--format", form] if form != "yaml" else []
    if output and output != "-":
        folder = os.path.relpath(_folder(project, output), project.settings.root)
        words += ["--output", folder] if folder != FOLDER else []
    return shlex.join(words)


def _folder(project: Project, output: str | None) -> str:
    """A folder as messages show it: from where the command runs."""
    return output or os.path.relpath(os.path.join(project.settings.root, FOLDER))


def _folders(folder: str) -> set[str]:
    if not os.path.isdir(folder):
        return set()
    return {entry.name for entry in os.scandir(folder) if entry.is_dir()}


def _is_ours(state: FileState, form: str) -> bool:
    """A DCM file ends as an SQL file does, and is no SQL file that went stale."""
    return form != "sql" or not state.path.endswith(_SUFFIXES["dcm"])
