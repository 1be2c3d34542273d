"""``mlops graph``: a pipeline as a picture."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mlops.cli import options


@click.command()
@click.argument("pipeline", shell_complete=options.complete_pipelines)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid", "dot", "html"]),
    default="text",
    show_default=True,
    help="Lines for a terminal, a diagram for Markdown, a file for Graphviz, or a page that opens offline.",
)
@click.option(
    "--run",
    "run_name",
    metavar="RUN",
    help='Show the states and timings of a run; "latest" for the newest.',
    shell_complete=options.complete_runs,
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a file instead of standard output.",
)
def graph(pipeline: str, form: str, run_name: str | None, output: Path | None) -> None:
    """Draw a pipeline, or a run of it.

    \b
    Examples:
      mlops graph churn
      mlops graph churn --format html --run latest -o churn.html
    """
    from mlops.drawing.formats import render

    project = options.project()
    drawn = project.graph(pipeline)
    outcome = None
    if run_name is not None:
        from mlops.runs.history import open_run, with_outputs

        outcome = with_outputs(*open_run(project, run_name, pipeline=drawn.pipeline.name))
    text = render(drawn, form, outcome)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        click.echo(os.fspath(output))
