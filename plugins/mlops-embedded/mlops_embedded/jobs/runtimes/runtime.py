"""What runs containers: as processes of this machine, or with a container engine; the rest of jobs/ knows only this."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from mlops_embedded.jobs.logs import ContainerLog
from mlops_embedded.jobs.service import ContainerState
from mlops_embedded.jobs.specifications.containers import Container
from mlops_embedded.jobs.specifications.volumes import Volume


@dataclass(frozen=True, slots=True)
class Place:
    """Which instance of which service a container belongs to, and how it reaches the server."""

    database: str
    schema: str
    service: str
    port: int
    instance: int = 0
    replicas: int | None = None
    """How many instances a job was asked for; None if it was not."""


@dataclass(frozen=True, slots=True)
class MountedVolume:
    """A volume, and the folder of this machine that holds it (memory volumes may be elsewhere)."""

    volume: Volume
    folder: Path
    shared: bool = False
    """Whether several containers of an instance mount it."""


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """Everything that a container is started with; `folder` is its own, in the state folder."""

    folder: Path
    container: Container
    place: Place
    volumes: Mapping[str, MountedVolume]
    secrets: Mapping[str, str]
    """Secrets that are variables, by name."""
    secret_files: Mapping[str, str]
    """Contents of secrets that are files, by absolute path in the container."""
    mint: Callable[[], str]
    """Makes a new login token."""


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The container's login token, replaced in one step, so that no reader ever sees half of one."""

    path: Path
    mode: int
    mint: Callable[[], str]

    def rotate(self) -> None:
        """Write a new token; connections that are open are not affected."""
        temporary = self.path.with_name(f".{self.path.name}.new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self.mint())
        temporary.chmod(self.mode)
        temporary.replace(self.path)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended: 128 + N is death by signal N; the message says more than the code, if there is more."""

    code: int
    message: str | None = None


class ContainerRun(Protocol):
    """One run of a container, from its start to its end."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What finds it after a crash of the server, as fields of `ContainerState`."""

    def wait(self) -> Exit:
        """Wait for the end; its output is complete then."""

    def terminate(self, grace_seconds: float) -> None:
        """Ask it to end with SIGTERM, and end it after the grace if it has not; returns at once."""


class PreparedContainer(Protocol):
    """A container that can be started, again and again: each run is a new one."""

    @property
    def token(self) -> TokenFile | None: ...

    @property
    def image_digest(self) -> str | None:
        """What the image's name meant when the container was prepared; a process has none."""

    def start(self, log: ContainerLog) -> ContainerRun: ...


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image that a specification may name, /database/schema/repository/image:tag; a process has no digest."""

    name: str
    digest: str | None = None


class Runtime(Protocol):
    """Runs containers in one way."""

    name: ClassVar[str]
    shares_disk: ClassVar[bool]
    """Whether what runs sees this machine's files, so that PUT and GET can copy them."""

    def prepare(self, plan: ContainerPlan) -> PreparedContainer:
        """Make everything ready that a start needs.

        Raises:
            SnowflakeError: there is no such image, nothing that the container would run, or no engine.
        """

    def end_orphan(self, state: ContainerState) -> bool:
        """End what an earlier server left running in this way; False if it is gone, or was run in another way."""

    def images(self) -> list[ImageFacts]:
        """Return the images there are, by name."""


def command_of(container: Container, entrypoint: tuple[str, ...], command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that run: a specification's `command` alone does not take the image's arguments."""
    if container.command is not None:
        return container.command + (container.args or ())
    return entrypoint + (command if container.args is None else container.args)
