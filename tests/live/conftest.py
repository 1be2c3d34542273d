"""Tests against a real account: they run when MLOPS_LIVE_CONNECTION names a section of Snowflake's connections.toml.

The connection's role needs CREATE SCHEMA on the connection's database, and CREATE COMPUTE POOL on the account, or
MLOPS_LIVE_POOL names a pool that it may use. Everything is made in a schema of its own, which is dropped at the end. With
MLOPS_LIVE_IMAGE (/database/schema/repository/mlops:tag, made by `mlops image push`) the pipeline also runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import click.testing
import pytest

from mlops.cli.app import cli
from mlops.errors import MlopsError

CONNECTION = os.environ.get("MLOPS_LIVE_CONNECTION")
POOL = os.environ.get("MLOPS_LIVE_POOL")
IMAGE = os.environ.get("MLOPS_LIVE_IMAGE")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here as live, and skip it where no connection is given."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.live)
            if CONNECTION is None:
                item.add_marker(pytest.mark.skip(reason="MLOPS_LIVE_CONNECTION names no connection"))


@dataclass(frozen=True)
class Answer:
    """What a command answered: its exit code, both streams, and the error that it ended with."""

    code: int
    stdout: str
    stderr: str
    error: MlopsError | None

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.stdout}\n{self.stderr}\n{self.error or ''}"


class LiveProject:
    """A project whose target is a schema of the account that lives as long as a test module."""

    def __init__(self, folder: Path, database: str, schema: str, warehouse: str) -> None:
        self.folder, self.database, self.schema, self.warehouse = folder, database, schema, warehouse
        self.configure()

    def configure(self, more: str = "") -> None:
        """Write the project's settings, with more of them."""
        image = f'image = "{IMAGE}"' if IMAGE else ""
        (self.folder / "mlops.toml").write_text(
            f"""
project = "mlops-live"
target = "live"

[targets.live]
connection = "{CONNECTION}"
database = "{self.database}"
schema = "{self.schema}"
warehouse = "{self.warehouse}"
{image}

[targets.live.pools.default]
name = "{POOL or self.schema + "_POOL"}"
instance_family = "CPU_X64_XS"
managed = {"false" if POOL else "true"}
auto_suspend_secs = 60

[targets.live.tasks]
started = false

{more}
""",
            encoding="utf-8",
        )

    def run(self, *words: str) -> Answer:
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            result = click.testing.CliRunner().invoke(cli, list(words), standalone_mode=False)
        finally:
            os.chdir(before)
        wrong = result.exception
        if wrong is not None and not isinstance(wrong, MlopsError):
            raise wrong
        code = result.return_value if wrong is None else wrong.exit_code
        return Answer(code if isinstance(code, int) else 0, result.stdout, result.stderr, wrong)

    def json(self, *words: str) -> Any:
        answer = self.run(*words, "--json")
        assert answer.error is None, answer
        return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProject]:
    """A project on a new schema, which is dropped with all that is in it."""
    import snowflake.connector

    schema = f"MLOPS_LIVE_{uuid4().hex[:8].upper()}"
    with snowflake.connector.connect(connection_name=CONNECTION) as connection:
        database = connection.database
        assert database, f"connection {CONNECTION} names no database"
        assert connection.warehouse, f"connection {CONNECTION} names no warehouse"
        connection.cursor().execute(f'CREATE SCHEMA "{database}".{schema}')
        project = LiveProject(tmp_path_factory.mktemp("live"), database, schema, connection.warehouse)
        try:
            yield project
        finally:
            project.run("destroy", "--pools", "--data", "--yes")
            connection.cursor().execute(f'DROP SCHEMA IF EXISTS "{database}".{schema}')
