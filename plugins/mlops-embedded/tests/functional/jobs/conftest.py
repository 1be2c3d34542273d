"""A compute pool, an image that is Python, and specifications whose containers run a script."""

from __future__ import annotations

import socket
import subprocess
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest
import snowflake.connector
import yaml
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import DictCursor, SnowflakeConnection

IMAGE = "/embedded/public/images/python:3"
Sql = Callable[..., list[dict[str, Any]]]
CONNECT = """
import os, pathlib, snowflake.connector
connection = snowflake.connector.connect(
    host=os.environ["SNOWFLAKE_HOST"], port=os.environ["SNOWFLAKE_PORT"], protocol=os.environ["SNOWFLAKE_PROTOCOL"],
    account=os.environ["SNOWFLAKE_ACCOUNT"], authenticator="oauth",
    token=pathlib.Path(os.environ["SNOWFLAKE_TOKEN_FILE"]).read_text(),
    database=os.environ["SNOWFLAKE_DATABASE"], schema=os.environ["SNOWFLAKE_SCHEMA"])
"""


def specification(script: str, **container: Any) -> str:
    """A specification whose one container runs this Python; `endpoints` and `volumes` belong to the whole."""
    one = {"name": "main", "image": IMAGE, "args": ["-c", textwrap.dedent(script)], **container}
    whole = {key: one.pop(key) for key in ("volumes", "endpoints", "logExporters") if key in one}
    return yaml.safe_dump({"spec": {"containers": [one], **whole}})


def job(spec: str, clauses: str = "") -> str:
    return f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL {clauses} FROM SPECIFICATION $${spec}$$"


@pytest.fixture(scope="module")
def pool(embedded_snowflake: EmbeddedSnowflake) -> EmbeddedSnowflake:
    images = {IMAGE.rpartition(":")[0]: {"entrypoint": ["python"], "env": {"FROM_IMAGE": "yes"}}}
    (embedded_snowflake.state / "images.yaml").write_text(yaml.safe_dump(images))
    with snowflake.connector.connect(**embedded_snowflake.connection) as connection:
        connection.cursor().execute("CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    return embedded_snowflake


@pytest.fixture
def sql(pool: EmbeddedSnowflake, connection: SnowflakeConnection) -> Sql:
    def run(text: str) -> list[dict[str, Any]]:
        with connection.cursor(DictCursor) as cursor:
            return cursor.execute(text).fetchall()  # type: ignore[union-attr, return-value]

    run("USE SCHEMA EMBEDDED.PUBLIC")
    return run


def logs(sql: Sql, name: str) -> str:
    [row] = sql(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', 0, 'main') AS LOGS")
    return str(row["LOGS"])


def is_running(pid: int) -> bool:
    """Whether a process goes on; one that has ended and that nobody has waited for does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()[:1] not in {"", "Z"}


def eventually(found: Callable[[], Any], seconds: float = 20) -> Any:
    """Return what the function finds, once it finds something."""
    until = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
    return value


@pytest.fixture
def port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
