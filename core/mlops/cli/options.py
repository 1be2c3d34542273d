"""Options and arguments that several commands share, spelt alike everywhere, and the project they open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mlops.cli.opening import project as project
from mlops.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CommandT = TypeVar("CommandT", bound=Callable[..., Any])  # Any: a command's own options

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")

yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
quiet = click.option("-q", "--quiet", is_flag=True, help="No progress, only the result.")
dry_run = click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
params = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter: max_depth=8, or train_model.max_depth=8.",
)


def target_for(help: str) -> Callable[[CommandT], CommandT]:
    """Return the option ``--target`` of a command for which it means something of its own."""
    return click.option(
        "--target",
        metavar="NAME",
        help=help,
        shell_complete=lambda ctx, param, incomplete: _complete_targets(ctx, param, incomplete),
    )


target = target_for("The target of the project's settings to use.")

connection = click.option(
    "-c",
    "--connection",
    metavar="NAME",
    help="The connection of Snowflake's connections.toml to use in place of the target's.",
)


Names = Iterable[tuple[str, str | None]]
Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _offering(names: Callable[[click.Context], Names]) -> Completer:
    """Return what offers names, each with a word about it, to a shell.

    Whatever is wrong with the project, a shell gets nothing rather than a traceback.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        del param
        try:
            return [_item(name, text) for name, text in names(ctx) if name.startswith(incomplete)]
        except Exception:  # a broken settings file, a data folder that cannot be read, …
            return []

    return complete


def _runs(ctx: click.Context) -> Names:
    del ctx
    from mlops.runs.announcement import has_records

    data = project().settings.data
    if not has_records(data):
        return []
    from mlops.runs.records import RunRecords

    with RunRecords(data) as records:
        return [("latest", None), *((one.run.run_id, one.run.pipeline) for one in records.runs(limit=50))]


def _datasets(ctx: click.Context) -> Names:
    from mlops.datasets.store import FileStore
    from mlops.runs.records import RunRecords

    current = project()
    with RunRecords(current.settings.data) as records:
        run = records.run(records.find(ctx.params.get("run_name") or "latest"))
    manifests = FileStore(run.run.folder, current.serializers).manifests().values()
    return [(record.name, record.serializer) for manifest in manifests for record in manifest.outputs]


complete_nodes = _offering(lambda ctx: [(node.name, node.origin.distribution) for node in project().registry.nodes])
complete_pipelines = _offering(lambda ctx: [(one.name, one.description) for one in project().registry.pipelines])
complete_plugins = _offering(lambda ctx: [(one.distribution, one.version) for one in project().discovery.known])
complete_runs = _offering(_runs)
complete_datasets = _offering(_datasets)
_complete_targets: Completer = _offering(lambda ctx: [(name, None) for name in project().settings.targets])


def _item(name: str, text: str | None = None) -> CompletionItem:
    from click.shell_completion import CompletionItem

    return CompletionItem(name, help=text)


def parameters(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return parameters of the form ``key=value`` by key.

    Raises:
        UsageError: those that are not.
    """
    split = [pair.partition("=") for pair in pairs]
    if wrong := [
        repr(pair) for pair, (key, equals, _) in zip(pairs, split, strict=True) if not equals or not key.strip()
    ]:
        raise UsageError(f"--param {', '.join(wrong)}: a name or its value is missing", hint="write --param KEY=VALUE")
    return {key.strip(): value for key, _, value in split}
