"""``mlops tasks``: the verbs that task graphs had before, each the same command as its plain one."""

from __future__ import annotations

from importlib import import_module

import click

VERBS = {
    "create-sdk": "mlops.cli.deploy:deploy",
    "status": "mlops.cli.status:status",
    "resume": "mlops.cli.suspension:resume",
    "suspend": "mlops.cli.suspension:suspend",
}


class Verbs(click.Group):
    """A group whose commands are other commands, imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.command(cls=Verbs)
def tasks() -> None:
    """The task graph by its earlier verbs: create-sdk is mlops deploy, the others are the commands of their names."""
