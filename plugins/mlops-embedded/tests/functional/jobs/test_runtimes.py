"""A server is told how to run containers, and says what it lacks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake, ServerError
from snowflake.connector.errors import ProgrammingError

from .conftest import job, specification


def test_a_container_runtime_without_an_engine_names_docker_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setenv("MLOPS_EMBEDDED_RUNTIME", "container")

    with (
        EmbeddedSnowflake(tmp_path, registry="127.0.0.1:9") as server,
        snowflake.connector.connect(**server.connection) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
        cursor.execute("CREATE IMAGE REPOSITORY IMAGES")
        shown = cursor.execute("SHOW IMAGE REPOSITORIES").fetchall()

        with pytest.raises(ProgrammingError, match=r"none answers at DOCKER_HOST=unix:///nowhere/docker\.sock"):
            cursor.execute(job(specification("pass")))

        assert "127.0.0.1:9/embedded/public/images" in shown[0]


def test_a_server_is_not_started_with_a_runtime_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="there is no runtime 'vm': it is one of process, container"):
        EmbeddedSnowflake(tmp_path, runtime="vm").__enter__()
