"""`mlops embedded start|stop|status`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from mlops_embedded import life
from mlops_embedded.life import EmbeddedSnowflake, Running, ServerError
from mlops_embedded.settings import REGISTRY_VARIABLE, RUNTIME_VARIABLE, RUNTIMES


def default_state() -> Path:
    """Return the folder that runs of the project in the current folder use, so that they find a server started here."""
    return Path(os.environ.get("MLOPS_DATA", "data"), "embedded")


_state = click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), default=default_state, show_default="data/embedded",
    help="Folder that holds the account.",
)  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, on stdout alone.")


@click.group()
def embedded() -> None:
    """A Snowflake of your own on this machine, for development and tests."""


@embedded.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on loopback; 0 is any free one.")
@_state
@click.option(
    "--runtime",
    type=click.Choice(RUNTIMES),
    help="How jobs and services run: as processes of this machine, or as containers of an engine (DOCKER_HOST). "
    f"Without it: {RUNTIME_VARIABLE}, else as the last time, else process.",
)
@click.option(
    "--registry",
    metavar="HOST:PORT",
    help=f"Container registry on this machine that images are pulled from. Without it: {REGISTRY_VARIABLE}, else as the "
    "last time, else none.",
)
@click.option("--detach", is_flag=True, help="Come back when it answers, and leave it running.")
@_json
def start(port: int, state: Path, runtime: str | None, registry: str | None, detach: bool, as_json: bool) -> None:
    """Start the embedded Snowflake (until Ctrl-C, unless --detach).

    \b
    Examples:
      mlops embedded start --detach
      mlops embedded start --state data/embedded --port 8000
    """
    try:
        if detach:
            _say(life.start(state, port=port, runtime=runtime, registry=registry), as_json)
            return
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        with EmbeddedSnowflake(state, port=port, runtime=runtime, registry=registry) as server:
            _say(server.running, as_json)
            while not stopped.wait(0.5) and server.is_alive:
                pass
    except ServerError as error:
        raise click.ClickException(str(error)) from error


@embedded.command()
@_state
@_json
def stop(state: Path, as_json: bool) -> None:
    """Stop the embedded Snowflake; what is in its folder stays.

    \b
    Examples:
      mlops embedded stop
      mlops embedded stop --json
    """
    try:
        stopped = life.stop(state)
    except ServerError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps({"stopped": stopped}))
    else:
        click.echo("stopped" if stopped else f"no embedded Snowflake runs on {str(state)!r}")


@embedded.command()
@_state
@_json
def status(state: Path, as_json: bool) -> None:
    """Say whether the embedded Snowflake runs; exit code 1 if it does not.

    \b
    Examples:
      mlops embedded status
      mlops embedded status --json
    """
    running = life.status(state)
    if as_json:
        click.echo(json.dumps({"running": running is not None, **(_facts(running) if running else {})}))
    elif running is None:
        click.echo(f"no embedded Snowflake runs on {str(state)!r}")
    else:
        click.echo(f"runs on 127.0.0.1:{running.port} as process {running.pid}, account in {str(running.state.path)!r}")
    if running is None:
        sys.exit(1)


def _say(running: Running, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_facts(running)))
        return
    click.echo(f"the embedded Snowflake runs on 127.0.0.1:{running.port}, account in {str(running.state.path)!r}")
    click.echo(f"connection: [embedded] in {str(running.state.connections_toml)!r}")


def _facts(running: Running) -> dict[str, Any]:
    return {
        "connection": running.connection,
        "pid": running.pid,
        "state": str(running.state.path),
        "connections_toml": str(running.state.connections_toml),
    }
