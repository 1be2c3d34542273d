"""The container runtime: containers of an engine that speaks Docker's API (Docker, or podman's socket).

An image `/db/schema/repo/image:tag` is `<registry>/db/schema/repo/image:tag` in the engine, which is what the image
repository's `repository_url` says: it is pulled from that registry if one was named, else it must be in the engine.
Containers use the machine's network, because the server listens on loopback.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.jobs.runtimes.engine_container import PreparedContainer, digest_of, remove, said_by
from mlops_embedded.jobs.runtimes.images import without_registry
from mlops_embedded.jobs.runtimes.registry import LOCAL_REGISTRY, images_in
from mlops_embedded.jobs.runtimes.runtime import ContainerPlan, ImageFacts, command_of
from mlops_embedded.jobs.service import ContainerState

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.images import Image

    from mlops_embedded.jobs.runtimes.registry_login import RegistryLogin

_STATE_LABEL, _SERVICE_LABEL = "mlops-embedded.state", "mlops-embedded.service"
_TIMEOUT_SECONDS = 7 * 24 * 3600
"""A container that says nothing for long is no engine that does not answer."""
logger = logging.getLogger("mlops_embedded.jobs")


class ContainerRuntime:
    """Runs images of an engine; the engine is looked for when it is needed, where DOCKER_HOST says."""

    name: ClassVar[str] = "container"
    shares_disk: ClassVar[bool] = False

    def __init__(self, state: Path, registry: str | None, login: RegistryLogin) -> None:
        self._state = state
        self._registry, self._login = registry, login
        self._client: DockerClient | None = None
        self._lock = threading.Lock()

    def prepare(self, plan: ContainerPlan) -> PreparedContainer:
        client = self._connect()
        image = self._image(client, plan.container.image)
        config = image.attrs.get("Config") or {}
        command = command_of(
            plan.container, tuple(config.get("Entrypoint") or ()), tuple(config.get("Cmd") or ())
        )  # fmt: skip
        if not command:
            raise invalid_value(
                f"container {plan.container.name}: neither its image nor its specification has a command"
            )
        labels = {
            _STATE_LABEL: str(self._state),
            _SERVICE_LABEL: f"{plan.place.database}.{plan.place.schema}.{plan.place.service}",
        }
        return PreparedContainer(client, image, command, plan, labels)

    def end_orphan(self, state: ContainerState) -> bool:
        if state.engine_id is None:
            return False
        try:
            client = self._connect()
        except SnowflakeError as error:
            logger.warning("a container of an earlier server may still run: %s", error.message)
            return False
        remove(client, [state.engine_id])
        return True

    def images(self) -> list[ImageFacts]:
        prefix = f"{self._registry or LOCAL_REGISTRY}/"
        found = {}
        for image in self._connect().images.list():
            for tag in image.tags:
                if tag.startswith(prefix):
                    found[f"/{tag.removeprefix(prefix)}"] = digest_of(image)
        if self._registry is not None:
            found.update(images_in(self._registry, self._login))
        return [ImageFacts(name, digest) for name, digest in sorted(found.items())]

    def _connect(self) -> DockerClient:
        """Return the engine's client; the first time, what an earlier server left running is ended.

        Raises:
            SnowflakeError: no engine answers.
        """
        with self._lock:
            if self._client is None:
                import docker

                try:
                    client = docker.from_env(timeout=_TIMEOUT_SECONDS)
                    client.ping()
                except (docker.errors.DockerException, OSError) as error:
                    raise _no_engine(error) from error
                left = client.containers.list(all=True, filters={"label": f"{_STATE_LABEL}={self._state}"})
                remove(client, [container.id for container in left])
                self._client = client
            return self._client

    def _image(self, client: DockerClient, name: str) -> Image:
        """Return the image that a specification's name means now: the registry's, if one was named and has it."""
        import docker

        full = f"{self._registry or LOCAL_REGISTRY}{_repository_in_lower_case(without_registry(name))}"
        with_tag = _one_way(full)
        reason = "is not in the container engine"
        if self._registry is not None:
            try:
                return client.images.pull(with_tag, auth_config=self._login.credentials())
            except docker.errors.APIError as error:
                reason = f"is neither in the registry {self._registry} ({said_by(error)}) nor in the container engine"
        try:
            return client.images.get(with_tag)
        except docker.errors.ImageNotFound:
            raise SnowflakeError(
                f"Failed to retrieve image: {name} {reason}. Build or tag it as {with_tag}"
                + (" and push it." if self._registry is not None else "."),
                code="395023",
                sqlstate="22023",
            ) from None


def _repository_in_lower_case(path: str) -> str:
    """/DB/SCHEMA/REPO/image:tag as registries want it; an image's own name and tag are as they are written."""
    repository, _, image = path.rpartition("/")
    return f"{repository.lower()}/{image}"


def _one_way(name: str) -> str:
    """Return an image's name with a digest or a tag: engines do not take both, and a digest says more."""
    tagged, at, digest = name.partition("@")
    folder, slash, image = tagged.rpartition("/")
    if at:
        return f"{folder}{slash}{image.partition(':')[0]}@{digest}"
    return tagged if ":" in image else f"{tagged}:latest"


def _no_engine(cause: Exception) -> SnowflakeError:
    where = os.environ.get("DOCKER_HOST")
    place = f"at DOCKER_HOST={where}" if where else "at Docker's default socket, and DOCKER_HOST is not set"
    return SnowflakeError(
        f"runtime=container needs a container engine, and none answers {place} ({cause}). Start Docker, or podman's socket "
        "(ci/containers.sh does that) and set DOCKER_HOST to it before the server starts, or use runtime=process.",
        code="395099",
        sqlstate="58030",
    )
