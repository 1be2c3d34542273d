"""A project whose pipeline is deployed to an embedded Snowflake by the commands that people use."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click.testing
import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import SnowflakeConnection

from mlops.cli.app import cli
from mlops.errors import MlopsError

SETTINGS = """
project = "shop"
target = "dev"

[targets.dev]
database = "EMBEDDED"
schema = "PUBLIC"
warehouse = "COMPUTE_WH"
width = 8
{target}

[targets.dev.pools.default]
name = "SHOP_POOL"

[targets.dev.tasks]
started = true

{more}
"""


@dataclass(frozen=True)
class Answer:
    """What a command answered: its exit code, both streams, and the error that it ended with."""

    code: int
    stdout: str
    stderr: str
    error: MlopsError | None


class Shop:
    """The project's folder, its account, and the command line in it."""

    def __init__(self, folder: Path, server: EmbeddedSnowflake, connection: SnowflakeConnection) -> None:
        self.folder, self.server, self.connection = folder, server, connection
        self.configure()

    def configure(self, more: str = "", *, target: str = "") -> None:
        """Write the project's settings, with more of them, and with more of the target's."""
        (self.folder / "mlops.toml").write_text(SETTINGS.format(more=more, target=target), encoding="utf-8")

    def run(self, *words: str, stdin: str | None = None) -> Answer:
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            result = click.testing.CliRunner().invoke(cli, list(words), input=stdin, standalone_mode=False)
        finally:
            os.chdir(before)
        wrong = result.exception
        if wrong is not None and not isinstance(wrong, MlopsError):
            raise wrong
        code = result.return_value if wrong is None else wrong.exit_code
        return Answer(code if isinstance(code, int) else 0, result.stdout, result.stderr, wrong)

    def json(self, *words: str) -> Any:
        answer = self.run(*words, "--json")
        if answer.error is not None:
            raise answer.error
        return json.loads(answer.stdout)

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            return list(cursor.execute(text).fetchall())  # type: ignore[union-attr]  # never None here

    def calls(self) -> list[tuple[str, str]]:
        """Every call of the deployment since the server started: verb and path, or the statement."""
        said = self.server.admin.calls()["calls"]
        kept = (call for call in said if call["path"].startswith("/api/v2") or call["sql"])
        return [(call["method"], call["sql"] or call["path"]) for call in kept]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A project on an account that is empty at first; tests of a module go on from what others left."""
    folder = tmp_path_factory.mktemp("shop")
    with (
        EmbeddedSnowflake(folder / "data" / "embedded") as server,
        snowflake.connector.connect(**server.connection) as connection,
    ):
        yield Shop(folder, server, connection)
