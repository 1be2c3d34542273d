"""A project whose pipeline is deployed to an embedded Snowflake by the commands that people use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import SnowflakeConnection

from tests.command_line import CommandLine

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


class Shop(CommandLine):
    """The project's folder, its account, and the command line in it."""

    def __init__(self, folder: Path, server: EmbeddedSnowflake, connection: SnowflakeConnection) -> None:
        super().__init__(folder)
        self.server, self.connection = server, connection
        self.configure()

    def configure(self, more: str = "", *, target: str = "") -> None:
        """Write the project's settings, with more of them, and with more of the target's."""
        (self.folder / "mlops.toml").write_text(SETTINGS.format(more=more, target=target), encoding="utf-8")

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
