"""The container runtime: containers of an engine that speaks Docker's API (Docker, or podman's socket).

An image `/db/schema/repo/image:tag` is `<registry>/db/schema/repo/image:tag` in the engine, which is what the image
repository's `repository_url` says: it is pulled from that registry if one was named, else it must be in the engine.
Containers use the machine's network, because the server listens on loopback.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.jobs.logs import ContainerLog
from mlops_embedded.jobs.runtimes.images import without_registry
from mlops_embedded.jobs.runtimes.registry import LOCAL_REGISTRY, images_in
from mlops_embedded.jobs.runtimes.runtime import ContainerPlan, Exit, ImageFacts, TokenFile, command_of
from mlops_embedded.jobs.runtimes.sandbox import snowflake_variables, write_connection
from mlops_embedded.jobs.service import ContainerState

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer
    from docker.models.images import Image

    from mlops_embedded.jobs.runtimes.registry_login import RegistryLogin

CONFIG_FOLDER = "/snowflake/config"
"""Where SNOWFLAKE_HOME points with `mountConnectionConfig`."""
_STATE_LABEL, _SERVICE_LABEL = "mlops-embedded.state", "mlops-embedded.service"
_TIMEOUT_SECONDS = 7 * 24 * 3600
"""A container that says nothing for long is no engine that does not answer."""
_OUT_OF_MEMORY = 137
_NOT_STARTED = {"not found": 127, "no such file": 127, "permission denied": 126}
Output = Iterable[tuple[bytes | None, bytes | None]]
"""What a container writes, piece by piece, each a text of its stdout or of its stderr."""
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
        _remove(client, [state.engine_id])
        return True

    def images(self) -> list[ImageFacts]:
        prefix = f"{self._registry or LOCAL_REGISTRY}/"
        found = {}
        for image in self._connect().images.list():
            for tag in image.tags:
                if tag.startswith(prefix):
                    found[f"/{tag.removeprefix(prefix)}"] = _digest(image)
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
                _remove(client, [container.id for container in left])
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
                reason = f"is neither in the registry {self._registry} ({_said(error)}) nor in the container engine"
        try:
            return client.images.get(with_tag)
        except docker.errors.ImageNotFound:
            raise SnowflakeError(
                f"Failed to retrieve image: {name} {reason}. Build or tag it as {with_tag}"
                + (" and push it." if self._registry is not None else "."),
                code="395023",
                sqlstate="22023",
            ) from None


class PreparedContainer:
    """An image, its command, and the folders it mounts."""

    def __init__(
        self, client: DockerClient, image: Image, command: tuple[str, ...], plan: ContainerPlan, labels: dict[str, str]
    ) -> None:
        self.image_digest: str | None = _digest(image)
        self.token: TokenFile | None = None
        self._client, self._image, self._plan, self._labels = client, image, plan, labels
        self._command = command
        self._environment, self._mounts = self._give()

    def _give(self) -> tuple[dict[str, str], list[Any]]:
        """Write what the container is given into its folder; return its variables and its mounts."""
        plan, container = self._plan, self._plan.container
        for name in ("session", "config", "secrets"):
            shutil.rmtree(plan.folder / name, ignore_errors=True)
        given = {**container.env, **plan.secrets, **snowflake_variables(plan.place)}
        mounts = []
        if container.token is not None:
            session = plan.folder / "session"
            session.mkdir(parents=True)
            self.token = TokenFile(session / "token", container.token.mode, plan.mint)
            self.token.rotate()
            mounts.append(_bind(session, container.token.folder, read_only=True))
            if container.token.connection_config:
                config = write_connection(plan.folder / "config", plan.place, f"{container.token.folder}/token")
                (config / "connections.toml").chmod(0o644)  # the container's user may be any
                mounts.append(_bind(config, CONFIG_FOLDER))
                given["SNOWFLAKE_HOME"] = CONFIG_FOLDER
        folders: dict[str, Path] = {}
        for path, content in plan.secret_files.items():
            at, _, file = path.rpartition("/")
            if at not in folders:
                folders[at] = plan.folder / "secrets" / str(len(folders))
                folders[at].mkdir(parents=True)
                mounts.append(_bind(folders[at], at, read_only=True))
            (folders[at] / file).write_text(content, encoding="utf-8")
        for mount in container.mounts:
            mounts.append(self._volume(mount.volume, mount.path))
        return given, mounts

    def _volume(self, name: str, path: str) -> Any:
        """A stage is its own folder; memory that one container has is memory; what containers share is a folder."""
        mounted = self._plan.volumes[name]
        volume = mounted.volume
        if volume.source == "memory" and not mounted.shared:
            from docker.types import Mount

            return Mount(path, None, type="tmpfs", tmpfs_size=volume.size, tmpfs_mode=0o1777)
        if volume.source == "stage":
            if os.geteuid() == 0 and (volume.uid is not None or volume.gid is not None):
                _give_to(mounted.folder, volume.uid, volume.gid)
        else:
            mounted.folder.chmod(0o777)
        return _bind(mounted.folder, path)

    def start(self, log: ContainerLog) -> EngineRun | FailedRun:
        """Create and start a container; one that the engine cannot start ends as in a shell (127, 126) or with 125."""
        import docker

        resources = self._plan.container.resources
        cpus = min(resources.cpu_limit or 0, os.cpu_count() or 1)
        try:
            container = self._client.containers.create(
                self._image.id, list(self._command[1:]), entrypoint=[self._command[0]],
                environment=self._environment, mounts=self._mounts, labels=self._labels, network_mode="host",
                mem_limit=resources.memory_limit, memswap_limit=resources.memory_limit,
                nano_cpus=int(cpus * 10**9) or None,
            )  # fmt: skip
            try:
                output = container.attach(stdout=True, stderr=True, stream=True, demux=True)
                container.start()
            except docker.errors.APIError:
                container.remove(force=True, v=True)
                raise
        except docker.errors.APIError as error:
            said = _said(error)
            log.write("stderr", f"{said}\n".encode())
            log.end()
            code = next((code for words, code in _NOT_STARTED.items() if words in said.lower()), 125)
            return FailedRun(Exit(code, f"Container could not be started: {said}"))
        return EngineRun(container, output, log, resources.memory_limit)


class FailedRun:
    """A container that did not start."""

    facts: Mapping[str, Any] = {}

    def __init__(self, ended: Exit) -> None:
        self._ended = ended

    def wait(self) -> Exit:
        return self._ended

    def terminate(self, grace_seconds: float) -> None:
        """There is nothing to end."""


class EngineRun:
    """A container that runs; its output is read until it ends, and it is removed then.

    The output is that of an attachment made before the start, whose end tells that the container has ended: the engine is
    asked to wait only then, because podman waits, and follows a log, by looking again and again.
    """

    def __init__(self, container: EngineContainer, output: Output, log: ContainerLog, memory_limit: int | None) -> None:
        self._container, self._output, self._log, self._memory_limit = container, output, log, memory_limit
        self._ended = threading.Event()
        self._terminated = False

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"engine_id": self._container.id}

    def wait(self) -> Exit:
        self._read()
        code = int(self._container.wait(timeout=None)["StatusCode"])
        self._ended.set()
        self._log.end()
        self._container.reload()
        killed = bool(self._container.attrs["State"].get("OOMKilled"))
        _remove(self._container.client, [self._container.id])
        # podman does not say so, but nobody else kills a container that was not asked to end
        if killed or (code == _OUT_OF_MEMORY and self._memory_limit and not self._terminated):
            limit = (
                f"its limit is {self._memory_limit / 2**20:.0f} MiB"
                if self._memory_limit
                else "the machine has no more"
            )
            return Exit(code, f"Container was killed with code {code}: it ran out of memory, {limit}")
        return Exit(code)

    def terminate(self, grace_seconds: float) -> None:
        self._terminated = True
        self._kill("SIGTERM")
        threading.Thread(target=self._kill_after, args=(grace_seconds,), daemon=True).start()

    def _kill_after(self, seconds: float) -> None:
        if not self._ended.wait(seconds):
            self._kill("SIGKILL")

    def _kill(self, signal: str) -> None:
        import docker

        with suppress(docker.errors.APIError):  # it has ended meanwhile
            self._container.kill(signal)

    def _read(self) -> None:
        try:
            for texts in self._output:
                for stream, text in zip(("stdout", "stderr"), texts, strict=True):
                    if text:
                        self._log.write(stream, text)
        except Exception:  # the engine went away: how the container ended says more
            logger.warning("the output of container %s was cut off", self._container.id, exc_info=True)


def _remove(client: DockerClient, containers: Iterable[str]) -> None:
    import docker

    for each in containers:
        with suppress(docker.errors.APIError):  # it is gone already
            client.api.remove_container(each, force=True, v=True)


def _bind(folder: Path, path: str, *, read_only: bool = False) -> Any:
    from docker.types import Mount

    return Mount(path, str(folder), type="bind", read_only=read_only)


def _give_to(folder: Path, uid: int | None, gid: int | None) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, -1 if uid is None else uid, -1 if gid is None else gid)


def _digest(image: Image) -> str | None:
    digests = image.attrs.get("RepoDigests") or []
    return str(digests[0]).rpartition("@")[2] if digests else image.id


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


def _said(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error).strip()


def _no_engine(cause: Exception) -> SnowflakeError:
    where = os.environ.get("DOCKER_HOST")
    place = f"at DOCKER_HOST={where}" if where else "at Docker's default socket, and DOCKER_HOST is not set"
    return SnowflakeError(
        f"runtime=container needs a container engine, and none answers {place} ({cause}). Start Docker, or podman's socket "
        "(ci/containers.sh does that) and set DOCKER_HOST to it before the server starts, or use runtime=process.",
        code="395099",
        sqlstate="58030",
    )
