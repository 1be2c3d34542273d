"""Every test here talks through a recorder, and what went over the wire is held against Snowflake's published API."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
import yaml
from mlops_embedded import EmbeddedSnowflake
from mlops_embedded.contract import Contract
from mlops_embedded.recorder import Recorder, recorder
from snowflake.core import Root

PUBLISHED = Path(__file__).parents[6] / "shared" / "snowflake-openapi"


@pytest.fixture(scope="session")
def contract() -> Contract | None:
    """Snowflake's OpenAPI files, which are beside the project; None where they are not."""
    if PUBLISHED.is_dir():
        return Contract(PUBLISHED)
    if os.environ.get("CI") == "true":
        pytest.fail(f"{PUBLISHED} is not there: the published API must be at hand in CI")
    return None


@pytest.fixture(scope="session")
def published_api(contract: Contract | None) -> Contract:
    if contract is None:
        pytest.skip(f"Snowflake's published API is not at {PUBLISHED}")
    return contract


@pytest.fixture(scope="session")
def embedded_snowflake() -> Iterator[EmbeddedSnowflake]:
    """One account for the whole folder: every test names objects of its own."""
    with EmbeddedSnowflake() as server:
        yield server


@pytest.fixture(scope="session")
def wire(embedded_snowflake: EmbeddedSnowflake) -> Iterator[Recorder]:
    """The recorder between the clients and the server."""
    with recorder(embedded_snowflake.connection["port"]) as server:
        yield server


@pytest.fixture(autouse=True)
def _keeps_to_the_published_api(wire: Recorder, contract: Contract | None) -> Iterator[None]:
    before = len(wire.exchanges)
    yield
    if contract is not None:
        violations = [v for exchange in wire.exchanges[before:] for v in contract.violations(exchange)]
        assert violations == []


Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def connect(embedded_snowflake: EmbeddedSnowflake, wire: Recorder) -> Iterator[Connect]:
    """Open a connection through the recorder; keyword arguments go over those of the account."""
    opened = []

    def connect(**changes: Any) -> Any:
        settings = {**embedded_snowflake.connection, "port": wire.server_port, **changes}
        opened.append(snowflake.connector.connect(**settings))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture(scope="session")
def connection(connect: Connect) -> Any:
    return connect()


@pytest.fixture(scope="session")
def root(connection: Any) -> Root:
    """Snowflake's own REST client, on the administrator's connection."""
    return Root(connection)


@pytest.fixture
def sql(connection: Any) -> Callable[[str], list[dict[str, Any]]]:
    """Run a statement and return its rows as dictionaries; at first in the schema PUBLIC, whatever other tests have used."""

    def run(statement: str) -> list[dict[str, Any]]:
        with connection.cursor(snowflake.connector.DictCursor) as cursor:
            return list(cursor.execute(statement).fetchall())

    run("USE SCHEMA EMBEDDED.PUBLIC")
    return run


def add_images(state: Path, *names: str) -> None:
    """Let jobs find these images: each is the shell, and its container's arguments are a script."""
    file = state / "images.yaml"
    entries = yaml.safe_load(file.read_text()) if file.exists() else {}
    file.write_text(yaml.safe_dump({**entries, **{name: {"entrypoint": ["sh", "-c"]} for name in names}}))


Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(connection: Any, wire: Recorder) -> Call:
    """Send what the SDK would never send, and return status and body."""

    def call(method: str, path: str, body: Any = None, *, token: str | None = None) -> tuple[int, Any]:
        client = http.client.HTTPConnection("127.0.0.1", wire.server_port, timeout=30)
        headers = {"Authorization": f'Snowflake Token="{token or connection.rest.token}"'}
        client.request(method, f"/api/v2{path}", None if body is None else json.dumps(body), headers)
        answer = client.getresponse()
        content = json.loads(answer.read())
        client.close()
        return answer.status, content

    return call
