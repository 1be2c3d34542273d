"""A plugin that breaks every check of the contract once, and can be run all the same."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import uuid

import click
import snowflake.connector  # noqa: F401  it is not needed here

from mlops import Cron, Pipeline, Resources, node

print("hello")
subprocess.run([sys.executable, "-c", "pass"], check=True)
with socket.socket() as _probe:
    _probe.connect_ex(("127.0.0.1", 9))
_begun = time.process_time()
while time.process_time() - _begun < 0.6:
    pass


@node(outputs=["model"])
def train_model() -> int:
    """Has the name of a node of another plugin."""
    return 1


@node(outputs=["nothing"])
def undocumented() -> int:
    return 1


@node(outputs=["name"])
def another_name() -> str:
    """Goes by another name than its entry point."""
    return "another"


@node(outputs=["seen"])
def secretive(*, api_key: str = "") -> str:
    """Takes a secret as a parameter."""
    return "seen"


@node(outputs=["grain"], resources=Resources(memory="4000Gi"))
def greedy() -> int:
    """Asks for more memory than there is."""
    return 1


@node(outputs=["kept", "forgotten"])
def forgetful():
    """Writes one of its two outputs."""
    return {"kept": 1}


@node(outputs=["draw"], deterministic=True)
def fickle() -> str:
    """Says it is deterministic, and is not."""
    return uuid.uuid4().hex


@node(outputs=["face"])
def two_faced(session=None):
    """Writes another type of value where there is a session."""
    return "plain" if session is None else 1


@node(outputs=["never"])
def waiting(what_nobody_writes: int) -> int:
    """Reads a dataset that no pipeline gives it."""
    return what_nobody_writes


@click.command()
def command() -> None:
    """Takes the name of a command of mlops."""


careless = Pipeline("careless", nodes=["undocumented", "forgetful", "fickle", "two_faced"])
misspelt = Pipeline("misspelt", nodes=["undocumented", "waiting"])
large = Pipeline("large", nodes=["greedy"], schedule=Cron("99 2 * * *", "Mars/Olympus"))
