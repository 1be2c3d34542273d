"""A server whose jobs and services are real containers, of an engine that DOCKER_HOST names (ci/containers.sh has one).

Without an engine these tests are skipped, except in CI, where they fail.
"""

from __future__ import annotations

import io
import os
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
import snowflake.connector
import yaml
from docker.models.images import Image
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import DictCursor

Sql = Callable[..., list[dict[str, Any]]]
BASE = "docker.io/library/python:3.11-slim"
DOCKERFILE = f"""
FROM {BASE}
RUN pip install --no-cache-dir "snowflake-connector-python<5"
RUN useradd --uid 10001 worker
ENV FROM_IMAGE=yes
USER worker
WORKDIR /home/worker
ENTRYPOINT ["python"]
CMD ["-c", "print('nothing was asked for')"]
"""
"""An image as a project would have: not root, with the connector."""


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    try:
        client = docker.from_env(timeout=600)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have a container engine, and there is none: {error}")
        pytest.skip(f"there is no container engine: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def built(engine: docker.DockerClient) -> Image:
    image, _ = engine.images.build(fileobj=io.BytesIO(DOCKERFILE.encode()), tag="mlops-embedded-test:1", rm=True)
    return image


@pytest.fixture(scope="session")
def registry() -> str | None:
    """The registry on this machine; without one, images are in the engine alone."""
    return os.environ.get("MLOPS_EMBEDDED_REGISTRY")


@pytest.fixture(scope="session")
def embedded_snowflake(engine: docker.DockerClient, registry: str | None) -> Iterator[EmbeddedSnowflake]:
    with EmbeddedSnowflake(runtime="container", registry=registry) as server:
        yield server


@pytest.fixture(scope="session")
def connection(embedded_snowflake: EmbeddedSnowflake) -> Iterator[snowflake.connector.SnowflakeConnection]:
    with snowflake.connector.connect(**embedded_snowflake.connection) as connection:
        yield connection


@pytest.fixture(scope="session")
def sql(connection: snowflake.connector.SnowflakeConnection) -> Sql:
    def run(text: str) -> list[dict[str, Any]]:
        with connection.cursor(DictCursor) as cursor:
            return cursor.execute(text).fetchall()  # type: ignore[union-attr, return-value]

    run("CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    return run


@pytest.fixture(scope="session")
def repository(sql: Sql) -> str:
    """The URL of an image repository."""
    sql("CREATE IMAGE REPOSITORY EMBEDDED.PUBLIC.IMAGES")
    [shown] = sql("SHOW IMAGE REPOSITORIES LIKE 'IMAGES'")
    return str(shown["repository_url"])


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient, built: Image, repository: str, registry: str | None) -> str:
    """The image where users put it, by the name that specifications have for it."""
    push(engine, built, f"{repository}/python", "3", registry)
    return "/embedded/public/images/python:3"


def push(engine: docker.DockerClient, image: Image, name: str, tag: str, registry: str | None) -> None:
    """Tag an image, and push it if there is a registry."""
    image.tag(name, tag)
    if registry is not None:
        for said in engine.images.push(name, tag, stream=True, decode=True):
            assert "error" not in said, said


@pytest.fixture(scope="session")
def specification(image: str) -> Callable[..., str]:
    """A specification whose one container runs this Python; `endpoints` and `volumes` belong to the whole."""

    def specification(script: str, **container: Any) -> str:
        one = {"name": "main", "image": image, "args": ["-c", textwrap.dedent(script)], **container}
        whole = {key: one.pop(key) for key in ("volumes", "endpoints", "logExporters") if key in one}
        return yaml.safe_dump({"spec": {"containers": [one], **whole}})

    return specification


@pytest.fixture
def name() -> str:
    """A name that no service has."""
    return f"S_{uuid.uuid4().hex[:12].upper()}"


def job(spec: str, clauses: str = "") -> str:
    return f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL {clauses} FROM SPECIFICATION $${spec}$$"


def logs(sql: Sql, name: str, instance: int = 0) -> str:
    [row] = sql(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', {instance}, 'main') AS LOGS")
    return str(row["LOGS"])


def eventually(found: Callable[[], Any], seconds: float = 30) -> Any:
    """Return what the function finds, once it finds something."""
    until = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
    return value


def of_this_server(engine: docker.DockerClient, server: EmbeddedSnowflake, name: str) -> list[Any]:
    """The engine's containers of one service."""
    labels = [f"mlops-embedded.state={server.state}", f"mlops-embedded.service=EMBEDDED.PUBLIC.{name}"]
    return list(engine.containers.list(all=True, filters={"label": labels}))
