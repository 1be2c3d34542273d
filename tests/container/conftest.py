"""The image of this repository, built once a session with the engine that DOCKER_HOST names (see ci/containers.sh)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.readme import console

ROOT = Path(__file__).parents[2]
TAG = "mlops:tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests here need an engine; without one they are left out, but never where CI is set."""
    if os.environ.get("DOCKER_HOST") or os.environ.get("CI"):
        return
    for item in items:
        if "tests/container/" in str(item.path):
            item.add_marker(pytest.mark.skip("no engine: ci/containers.sh prepares one, make test-containers uses it"))


@dataclass(frozen=True)
class Image:
    """The image, and what built it."""

    tag: str
    facts: dict[str, Any]
    engine: docker.DockerClient
    log: str = field(repr=False, default="")

    def run(
        self,
        *words: str,
        environment: dict[str, str] | None = None,
        entrypoint: list[str] | None = None,
        cpus: float | None = None,
        user: str | None = None,
        tmpfs: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """Run a container that may do as little as possible: no network, a read-only root, no capability."""
        container = self.engine.containers.create(
            self.tag,
            list(words),
            entrypoint=entrypoint,
            environment=environment,
            network_mode="none",
            nano_cpus=None if cpus is None else int(cpus * 10**9),
            read_only=True,
            tmpfs={"/tmp": ""} if tmpfs is None else tmpfs,
            user=user,
            cap_drop=["all"],
            security_opt=["no-new-privileges"],
        )
        try:
            container.start()
            code = container.wait(timeout=60)["StatusCode"]
            return code, container.logs().decode()
        finally:
            container.remove(force=True)


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> Image:
    """The image, built by the command as a user would, with the repository as the project."""
    (build,) = [step for step in console("In real containers") if step.command.startswith("mlops image build")]
    built = subprocess.run(
        [sys.executable, "-m", "mlops", *build.words, "--tag", TAG, "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return Image(TAG, json.loads(built.stdout), engine, built.stderr)
