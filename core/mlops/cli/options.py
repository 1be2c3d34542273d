"""Options and arguments that several commands share, spelt alike everywhere, and the project they open."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mlops.project import Project

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CommandT = TypeVar("CommandT", bound=Callable[..., Any])  # Any: a command's own options

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
target = click.option(
    "--target",
    metavar="NAME",
    help="The target of the project's settings to use.",
    shell_complete=lambda *_: _targets(),
)

connection = click.option(
    "-c",
    "--connection",
    metavar="NAME",
    help="The connection of Snowflake's connections.toml to use in place of the target's.",
)


def project(**flags: object) -> Project:
    """Return the project of the current folder; names of settings are given with ``__`` for the dot."""
    return Project(flags={name.replace("__", "."): value for name, value in flags.items()}, progress=_tell_import)


def complete_nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer names of nodes to a shell."""
    del ctx, param
    return [
        _item(node.name, node.origin.distribution)
        for node in project().registry.nodes
        if node.name.startswith(incomplete)
    ]


def complete_pipelines(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer names of pipelines to a shell."""
    del ctx, param
    return [_item(one.name) for one in project().registry.pipelines if one.name.startswith(incomplete)]


def complete_plugins(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer names of installed plugins to a shell."""
    del ctx, param
    return [
        _item(one.distribution, one.version)
        for one in project().discovery.known
        if one.distribution.startswith(incomplete)
    ]


def complete_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer ids of runs to a shell."""
    del ctx, param
    from mlops.runs.records import RunRecords

    with RunRecords(project().settings.data) as records:
        names = [(one.run.run_id, one.run.pipeline) for one in records.runs(limit=50)]
    return [_item(name, text) for name, text in [("latest", ""), *names] if name.startswith(incomplete)]


def _targets() -> list[CompletionItem]:
    return [_item(name) for name in project().settings.targets]


def _item(name: str, text: str | None = None) -> CompletionItem:
    from click.shell_completion import CompletionItem

    return CompletionItem(name, help=text)


def _tell_import(distribution: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"looking at {distribution} …", err=True)
