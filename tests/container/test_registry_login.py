"""A registry that demands a login, as Snowflake's does: its token is that of the connection's session."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import docker
import pytest
import snowflake.connector
import yaml
from mlops_embedded.life import EmbeddedSnowflake

from mlops.errors import AccountError, AuthenticationError
from mlops.image.engine import Engine
from mlops.image.path import ImagePath
from mlops.runs.connection import Connection
from mlops.snowflake.images import registry_login, repository_url
from mlops.snowflake.session import SnowflakeSession

pytestmark = [pytest.mark.container, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

PROJECT = """
target = "embedded"

[targets.embedded]
services = "embedded"
database = "EMBEDDED"
schema = "PUBLIC"
warehouse = "COMPUTE_WH"
image = "nothing:login"

[targets.embedded.pools.default]
name = "POOL"
"""
REPOSITORY = ImagePath("EMBEDDED", "PUBLIC", "MLOPS_IMAGES", "nothing", "login")


@dataclass(frozen=True)
class Place:
    """A project, its server, and the registry that sends engines to that server to log in."""

    folder: Path
    server: EmbeddedSnowflake
    registry: str

    def mlops(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mlops", *words], cwd=self.folder, capture_output=True, text=True, check=False,
            timeout=120, env={**os.environ, "MLOPS_EMBEDDED_REGISTRY": self.registry},
        )  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    binary = shutil.which("docker-registry") or shutil.which("registry")
    assert binary, "ci/containers.sh installs the package docker-registry"
    folder = tmp_path_factory.mktemp("login")
    (folder / "mlops.toml").write_text(PROJECT)
    registry = os.environ.get("MLOPS_LOGIN_REGISTRY") or _free()
    with EmbeddedSnowflake(folder / "data" / "embedded", runtime="container", registry=registry) as server:
        configuration = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
            "http": {"addr": registry},
            **yaml.safe_load((server.state / "registry" / "auth.yml").read_text()),
        }
        (folder / "registry.yml").write_text(yaml.safe_dump(configuration))
        with (folder / "registry.log").open("w") as log:
            process = subprocess.Popen([binary, "serve", folder / "registry.yml"], stdout=log, stderr=log)
        try:
            _wait_for(registry)
            yield Place(folder, server, registry)
        finally:
            process.terminate()
            process.wait()


def _free() -> str:
    """An address that nobody listens on: Docker trusts every registry on loopback, podman those that its settings name."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def _wait_for(registry: str) -> None:
    """Wait until a registry listens, and see that it lets nobody in without a login."""
    until = time.monotonic() + 20
    while True:
        asking = HTTPConnection(registry, timeout=5)
        with contextlib.closing(asking), contextlib.suppress(ConnectionRefusedError):
            asking.request("GET", "/v2/")
            assert asking.getresponse().status == HTTPStatus.UNAUTHORIZED
            return
        assert time.monotonic() < until, "the registry does not start"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def nothing(engine: docker.DockerClient) -> str:
    """An image that holds one program, which ends at once."""
    program = shutil.which("catatonit")
    assert program, "ci/containers.sh installs the package catatonit"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(program, "catatonit")
        text = b'FROM scratch\nCOPY catatonit /\nENTRYPOINT ["/catatonit", "-V"]\n'
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    content.seek(0)
    engine.images.build(fileobj=content, custom_context=True, tag="nothing:login", pull=False)
    return "nothing:login"


def test_the_session_s_token_is_the_login_and_the_image_runs_from_there(place: Place, nothing: str) -> None:
    pushed = place.mlops("image", "push", "--json")

    assert pushed.returncode == 0, pushed.stderr
    answer = json.loads(pushed.stdout)
    assert answer["repository"] == f"{place.registry}/embedded/public/mlops_images"
    assert answer["digest"].startswith("sha256:")
    spec = yaml.safe_dump(
        {"spec": {"containers": [{"name": "main", "image": f"{answer['image']}@{answer['digest']}"}]}}
    )
    with snowflake.connector.connect(**place.server.connection) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE COMPUTE POOL IF NOT EXISTS POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS"
        )
        cursor.execute(f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = NOTHING FROM SPECIFICATION $${spec}$$")
        assert "DONE" in str(cursor.fetchall())


@pytest.fixture
def session(place: Place) -> Iterator[SnowflakeSession]:
    session = SnowflakeSession(Connection("connection dev", dict(place.server.connection)))
    yield session
    session.close()


def push(session: SnowflakeSession, login: dict[str, str]) -> None:
    engine = Engine()
    try:
        url = repository_url(session, REPOSITORY)
        engine.push("nothing:login", f"{url}/{REPOSITORY.name}", "refused", login=login)
    finally:
        engine.close()


@pytest.mark.parametrize("how", ["expired", "wrong"])
def test_a_token_that_is_expired_or_wrong_is_told_with_its_mend_and_not_shown(
    session: SnowflakeSession, nothing: str, how: str, place: Place
) -> None:
    other = SnowflakeSession(Connection("connection dev", dict(place.server.connection)))
    login = registry_login(other)
    other.close()
    if how == "wrong":
        login["password"] = json.dumps({"token": "planted-token-1f2e3d4c5b6a"})

    with pytest.raises(AuthenticationError) as caught:
        push(session, login)

    told = f"{caught.value} {caught.value.hint}"
    assert f"the registry {place.registry} does not take the login" in told
    assert "mlops doctor --session" in told
    assert json.loads(login["password"])["token"] not in told
    assert caught.value.exit_code == 3


def test_a_role_that_may_not_write_to_the_repository_is_told_what_it_needs(
    session: SnowflakeSession, nothing: str, place: Place
) -> None:
    repository_url(session, REPOSITORY)
    for statement in (
        "CREATE ROLE IF NOT EXISTS READER",
        "GRANT USAGE ON DATABASE EMBEDDED TO ROLE READER",
        "GRANT USAGE ON SCHEMA EMBEDDED.PUBLIC TO ROLE READER",
        "GRANT READ ON IMAGE REPOSITORY EMBEDDED.PUBLIC.MLOPS_IMAGES TO ROLE READER",
    ):
        session.rows(statement)
    reader = SnowflakeSession(Connection("connection dev", {**place.server.connection, "role": "READER"}))

    with pytest.raises(AccountError) as caught:
        push(session, registry_login(reader))
    reader.close()

    assert not isinstance(caught.value, AuthenticationError)
    assert "needs READ and WRITE on the image repository" in str(caught.value.hint)
