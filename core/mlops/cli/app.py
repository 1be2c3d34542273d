"""The command group: which commands there are, without importing any of them, and what an error looks like."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

import mlops
from mlops.cli.ending import ended

if TYPE_CHECKING:
    from mlops.plugins.commands import PluginCommand

COMMANDS = {
    "completion": (
        "mlops.cli.completion:completion",
        "Print what makes a shell complete names of nodes, pipelines and runs.",
    ),
    "config": ("mlops.cli.config:config", "Show the settings and where each comes from."),
    "datasets": ("mlops.cli.datasets:datasets", "Look at what nodes have written."),
    "deploy": ("mlops.cli.deploy:deploy", "Bring a pipeline to Snowflake, or what differs of it."),
    "destroy": ("mlops.cli.destroy:destroy", "Drop what was deployed."),
    "doctor": (
        "mlops.cli.doctor:doctor",
        "Check whether everything is there that the project needs, and how to mend it.",
    ),
    "exec": ("mlops.cli.run_node:run_node", "The same as run-node."),
    "generate": (
        "mlops.cli.generate:generate",
        "Write job specifications and task graphs into jobs/, or check that they are current.",
    ),
    "graph": ("mlops.cli.graph:graph", "Draw a pipeline, or a run of it, as text, Mermaid, DOT or HTML."),
    "grants": ("mlops.cli.grants:grants", "Print the least SQL that a role needs for this project and target."),
    "init": ("mlops.cli.init:init", "Make a folder a project."),
    "logs": ("mlops.cli.logs:logs", "Show what a node's container wrote in Snowflake."),
    "jobs": ("mlops.cli.jobs:jobs", "Check job files that were written by hand."),
    "image": ("mlops.cli.image:image", "Build the image of a pipeline's containers and push it to Snowflake."),
    "nodes": ("mlops.cli.nodes:nodes", "List and show the nodes that are installed."),
    "pipelines": (
        "mlops.cli.pipelines:pipelines",
        "List and show the pipelines that are installed or declared.",
    ),
    "plan": ("mlops.cli.plan:plan", "Show what a deploy would change in Snowflake."),
    "plugins": (
        "mlops.cli.plugins:plugins",
        "List, write and check plugins, also those that do not work.",
    ),
    "resume": ("mlops.cli.suspension:resume", "Let the schedule of a deployed pipeline start runs again."),
    "retry": ("mlops.cli.retry:retry", "Continue the last run of a deployed pipeline from what failed."),
    "run": ("mlops.cli.run:run", "Run a pipeline on this machine."),
    "run-node": ("mlops.cli.run_node:run_node", "Run one node, as a container does."),
    "runs": ("mlops.cli.runs:runs", "List, show, compare and prune what has run, here or in Snowflake."),
    "status": ("mlops.cli.status:status", "Show what is deployed, how it stands, and its last and next run."),
    "suspend": ("mlops.cli.suspension:suspend", "Keep the schedule of a deployed pipeline from starting runs."),
    "tasks": ("mlops.cli.tasks:tasks", "Deploy, show, resume and suspend by the verbs of earlier versions."),
    "trigger": ("mlops.cli.trigger:trigger", "Start a run of a deployed pipeline now."),
}
"""Every built-in command: where it is, and its line in ``mlops --help``."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used; plugins add theirs, built-in ones win."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*COMMANDS, *_added()} - {"exec"})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            where = COMMANDS[cmd_name][0]
        elif cmd_name in (added := _added()):
            return _of_plugin(added[cmd_name])
        else:
            return None
        module, _, attribute = where.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if not ctx.resilient_parsing and self.get_command(ctx, name) is None and not name.startswith("-"):
            from mlops.errors import closest

            similar = closest(name, self.list_commands(ctx))
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {similar!r}?" if similar else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        lines = {name: one.help for name, one in _added().items()} | {
            name: line for name, (_, line) in COMMANDS.items()
        }
        rows = [(name, lines[name]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _added() -> dict[str, PluginCommand]:
    """Return the commands that plugins add; nothing is imported to find out."""
    from mlops.plugins.commands import plugin_commands

    return plugin_commands()


def _of_plugin(added: PluginCommand) -> click.Command:
    from mlops.configuration.settings import load_settings
    from mlops.errors import PluginError
    from mlops.plugins.loading import load

    if why := load_settings(os.getcwd()).plugins.why_not(added.distribution):
        raise PluginError(plugin=added.distribution, problem=f"its commands are switched off: {why}")
    try:
        command: click.Command = load(added.value)
    except Exception as cause:  # a plugin may raise anything while it is imported
        raise PluginError(
            plugin=added.distribution,
            problem=f"its command cannot be loaded from {added.value}: {type(cause).__name__}: {cause}",
            hint="see mlops plugins list",
        ) from cause
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(mlops.__version__, "-V", "--version", prog_name="mlops", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error; may stand anywhere.")
@click.option("--no-color", is_flag=True, help="Print without colours, as NO_COLOR does; may stand anywhere.")
def cli(debug: bool, no_color: bool) -> None:
    """MLOps on Snowflake with nodes that you pip install.

    A node is a Python function of any installed package. List what is there with "mlops nodes list", run a pipeline
    with "mlops run PIPELINE", and look at what came out with "mlops runs show latest".

    \b
    Examples:
      mlops init my-project
      mlops plugins list
      mlops run churn --resume
      mlops run churn --json --debug
      mlops plan churn --target dev
    """
    del debug, no_color  # read in run(), which also meets errors that arise before this function


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code: see ``ended``."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    words, everywhere = _without(words, "--debug", "--no-color")
    if "--no-color" in everywhere:
        os.environ["NO_COLOR"] = "1"  # for the libraries that print, too
    colour = False if os.environ.get("NO_COLOR") else None

    def parse_and_call() -> object:
        try:
            return cli.main(args=words, prog_name="mlops", standalone_mode=False, color=colour)
        except click.exceptions.NoArgsIsHelpError as wrong:
            click.echo(wrong.format_message())
            return 0
        except click.ClickException as wrong:
            _tell_usage(wrong, words)
            return wrong.exit_code
        except click.Abort:
            raise KeyboardInterrupt from None

    sys.exit(ended(parse_and_call, as_json="--json" in words, debug="--debug" in everywhere))


def _without(words: Sequence[str], *flags: str) -> tuple[list[str], set[str]]:
    """Return the words without flags that may stand anywhere before ``--``, and which of these were there."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for at, word in enumerate(words) if at >= end or word not in flags]
    return kept, set(words[:end]) & set(flags)


def _tell_usage(wrong: click.ClickException, words: Sequence[str]) -> None:
    if "--json" in words:
        import json

        error = {
            "type": type(wrong).__name__,
            "message": wrong.format_message(),
            "hint": None,
            "exit_code": wrong.exit_code,
        }
        click.echo(json.dumps({"error": error}))
    else:
        wrong.show()
