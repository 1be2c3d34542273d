"""Tests against a real account: they run when MLOPS_LIVE_CONNECTION names a section of Snowflake's connections.toml.

The connection's role needs CREATE SCHEMA on the connection's database, and CREATE COMPUTE POOL on the account, or
MLOPS_LIVE_POOL names a pool that it may use. Everything is made in a schema of its own, which is dropped at the end. With
MLOPS_LIVE_IMAGE (/database/schema/repository/mlops:tag, made by `mlops image push`) the pipeline also runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.command_line import CommandLine

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


class LiveProject(CommandLine):
    """A project whose target is a schema of the account that lives as long as a test module."""

    def __init__(self, folder: Path, database: str, schema: str, warehouse: str) -> None:
        super().__init__(folder)
        self.database, self.schema, self.warehouse = database, schema, warehouse
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
