"""A container of an engine: made ready with what it is given, started, read until it ends, and removed then."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_embedded.jobs.logs import ContainerLog
from mlops_embedded.jobs.runtimes.runtime import ContainerPlan, Exit, TokenFile
from mlops_embedded.jobs.runtimes.sandbox import snowflake_variables, write_connection

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer
    from docker.models.images import Image

CONFIG_FOLDER = "/snowflake/config"
"""Where SNOWFLAKE_HOME points with `mountConnectionConfig`."""
_OUT_OF_MEMORY = 137
_NOT_STARTED = {"not found": 127, "no such file": 127, "permission denied": 126}
Output = Iterable[tuple[bytes | None, bytes | None]]
"""What a container writes, piece by piece, each a text of its stdout or of its stderr."""
logger = logging.getLogger("mlops_embedded.jobs")


class PreparedContainer:
    """An image, its command, and the folders it mounts."""

    def __init__(
        self, client: DockerClient, image: Image, command: tuple[str, ...], plan: ContainerPlan, labels: dict[str, str]
    ) -> None:
        self.image_digest: str | None = digest_of(image)
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
            said = said_by(error)
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
        remove(self._container.client, [self._container.id])
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


def remove(client: DockerClient, containers: Iterable[str]) -> None:
    """Remove containers, whatever they are doing."""
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


def digest_of(image: Image) -> str | None:
    """Return the digest that a registry has for an image, else what the engine calls it by."""
    digests = image.attrs.get("RepoDigests") or []
    return str(digests[0]).rpartition("@")[2] if digests else image.id


def said_by(error: Exception) -> str:
    """Return what the engine said was wrong."""
    return str(getattr(error, "explanation", None) or error).strip()
