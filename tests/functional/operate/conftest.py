"""A deployed graph on an embedded Snowflake, made of objects of compile/ by calls of snowflake-core."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
import yaml
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import SnowflakeConnection
from snowflake.core import Root
from snowflake.core.task import Task as SdkTask

from mlops.compile.objects import Deployment, Task
from mlops.deploy.ownership import comment_of, ownership_in
from tests.command_line import CommandLine

IMAGE = "/embedded/public/images/shell"
SETTINGS = """
project = "shop"
target = "embedded"

[targets.embedded]
database = "EMBEDDED"
schema = "PUBLIC"

[targets.nowhere]
connection = "not_there"
database = "A"
schema = "B"
"""


def job(script: str) -> str:
    container = {"name": "main", "image": IMAGE, "args": [script]}
    return (
        "EXECUTE JOB SERVICE IN COMPUTE POOL POOL FROM SPECIFICATION $$\n"
        f"{yaml.safe_dump({'spec': {'containers': [container]}})}$$"
    )


def line(text: str, level: str = "INFO", **attributes: str) -> str:
    """A shell command that logs as our containers do."""
    said = {"timestamp": "NOW", "severity_text": level, "body": text, "attributes": attributes}
    return "echo '" + json.dumps(said).replace("NOW", "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'") + "'"


RETURNED = {
    "node": "shop:clean", "run": "r", "attempt": 1, "seconds": 0.5, "metrics": {"rows_kept": 90.5},
    "outputs": [{"name": "cleaned", "type": "pandas.DataFrame", "rows": 90, "bytes": 1200, "sha256": "ab" * 32}],
}  # fmt: skip


def sales(folder: Path) -> Deployment:
    """load → clean → train → report, and a finalizer. Training fails as long as a file says so."""
    flag = folder / "train-fails"
    train = f"{line('fitting')}; if [ -e {flag} ]; then {line('no labels', 'ERROR')}; exit 10; fi; {line('fitted')}"
    return Deployment(
        project="shop",
        pipeline="sales",
        target="embedded",
        database="EMBEDDED",
        schema="PUBLIC",
        versions={"mlops-framework": "0.1.0", "shop": "1.2"},
        tasks=(
            Task("SALES", job(line("loaded 100 rows") + "; echo plain words"), ("shop:load",),
                 config={"load.rows": 100, "train.depth": 3, "train.names": '["a","b"]'}),
            Task("SALES$CLEAN", f"CALL SYSTEM$SET_RETURN_VALUE('{json.dumps(RETURNED)}')", ("shop:clean",), ("SALES",)),
            Task("SALES$TRAIN", job(train), ("shop:train",), ("SALES$CLEAN",)),
            Task("SALES$REPORT", "SELECT 1", ("shop:report",), ("SALES$TRAIN",)),
            Task("SALES$TIDY", "SELECT 1", ("shop:tidy",), finalize="SALES"),
        ),
    )  # fmt: skip


def create(connection: SnowflakeConnection, deployment: Deployment) -> None:
    """Create the tasks, those below the root started, as a deployment leaves them."""
    schema = Root(connection).databases[deployment.database].schemas[deployment.schema]
    for task in deployment.tasks:
        schema.tasks.create(
            SdkTask(
                name=task.name,
                definition=task.definition,
                predecessors=list(task.predecessors) or None,
                finalize=task.finalize,
                config=dict(task.config) or None,
                comment=comment_of(ownership_in(deployment, task)),
            )
        )
    for task in deployment.tasks[1:]:
        schema.tasks[task.name].resume()


class Shop(CommandLine):
    """The project's folder, its account, and the command line in it."""

    def __init__(self, folder: Path, server: EmbeddedSnowflake, connection: SnowflakeConnection) -> None:
        super().__init__(folder)
        self.server, self.connection = server, connection

    def sql(self, text: str) -> list[Any]:
        with self.connection.cursor() as cursor:
            return list(cursor.execute(text).fetchall())  # type: ignore[union-attr]  # never None here

    def reset(self) -> None:
        """Suspend the root, start what is below it as it was deployed, and let nothing fail."""
        self.flag.unlink(missing_ok=True)
        self.sql("ALTER TASK SALES SUSPEND")
        self.sql("ALTER TASK SALES$REPORT MODIFY AS SELECT 1")
        for name in ("CLEAN", "TRAIN", "REPORT", "TIDY"):
            self.sql(f"ALTER TASK SALES${name} RESUME")

    @property
    def flag(self) -> Path:
        return self.folder / "train-fails"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "mlops.toml").write_text(SETTINGS)
    with EmbeddedSnowflake(folder / "data" / "embedded") as server:
        (server.state / "images.yaml").write_text(yaml.safe_dump({IMAGE: {"entrypoint": ["sh", "-c"]}}))
        with snowflake.connector.connect(**server.connection) as connection:
            connection.cursor().execute(
                "CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS"
            )
            create(connection, sales(folder))
            yield Shop(folder, server, connection)
