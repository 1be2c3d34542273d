"""``mlops init``: a new project folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops.cli import options
from mlops.cli.output import paint, print_json

if TYPE_CHECKING:
    from mlops.scaffold.rendering import Written


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".", required=False)
@options.as_json
def init(folder: Path, as_json: bool) -> None:
    """Make a folder a project: settings, requirements, .gitignore and a workflow for CI.

    What is there already is kept as it is, so it can be run again at any time.

    \b
    Examples:
      mlops init
      mlops init my-project
    """
    from mlops.scaffold.project import new_project

    written, left_out = new_project(folder)
    if as_json:
        print_json({**written_row(written), "left_out": left_out})
        return
    tell_written(written)
    for name, why in left_out.items():
        click.echo(f"  left out  {name}: {why}")
    click.echo(
        "next: pip install plugins (mlops-churn, or one of yours: mlops plugins new NAME), then mlops nodes list",
        err=True,
    )


def written_row(written: Written) -> dict[str, object]:
    """Return what was written as JSON holds it."""
    return {"folder": written.folder, "written": list(written.written), "kept": list(written.kept)}


def tell_written(written: Written) -> None:
    """Print what was written, and what was kept because it was there."""
    for name in written.written:
        click.echo(f"  {paint('succeeded', 'written')}   {Path(written.folder, name)}")
    for name in written.kept:
        click.echo(f"  {paint('skipped', 'kept')}      {Path(written.folder, name)} (it was there)")
