"""``mlops completion``: what a shell needs to complete names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete names of nodes, pipelines and runs.

    \b
    Examples, each for the start-up file of its shell:
      eval "$(mlops completion bash)"
      eval "$(mlops completion zsh)"
      mlops completion fish | source
    """
    from mlops.cli.app import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"there is no completion for {shell}")
    click.echo(kind(cli, {}, "mlops", "_MLOPS_COMPLETE").source())
