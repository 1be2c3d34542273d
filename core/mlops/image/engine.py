"""A container engine, Docker or podman, through the ``docker`` SDK: it builds images, and pushes them to a registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlops.errors import ProjectError
from mlops.image.context import ImageContext

PLATFORM = "linux/amd64"
"""What Snowpark Container Services runs. Source: "Service specification reference", containers.image."""

_QUIET_SECONDS = 900
"""How long an engine may say nothing: a large layer takes its time, and podman tells nothing of it."""
_WITHOUT = "mlops image context FOLDER writes a folder that any builder takes"


class EngineError(ProjectError):
    """No engine answers, or it could not do what it was asked for."""


class Engine:
    """The engine that DOCKER_HOST names, or the one of this machine."""

    def __init__(self) -> None:
        """Connect.

        Raises:
            EngineError: the SDK is not installed, or no engine answers.
        """
        try:
            import docker
            from docker.errors import DockerException
        except ImportError as cause:
            raise EngineError(
                f"images are built with the package {cause.name}, which is not installed",
                hint=f"pip install 'mlops-framework[image]'; without an engine {_WITHOUT}",
            ) from cause
        try:
            self._client = docker.from_env(timeout=_QUIET_SECONDS)
            self._client.ping()
        except (DockerException, OSError) as cause:
            raise EngineError(
                f"no container engine answers: {cause}",
                hint=f"start Docker, or podman system service and set DOCKER_HOST to its socket; without one {_WITHOUT}",
            ) from cause

    def close(self) -> None:
        self._client.close()

    def build(
        self,
        context: ImageContext,
        tag: str,
        *,
        arguments: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> tuple[str, int]:
        """Build an image; ``say`` is told each line of the engine. Return its id and its size in bytes.

        Raises:
            EngineError: a step failed, with the end of what it said.
        """
        lines: list[str] = []

        def heard(line: str) -> None:
            lines.append(line)
            say(line)

        answers = self._client.api.build(
            path=context.folder,
            tag=tag,
            buildargs=dict(arguments or {}),
            labels=context.labels,
            platform=PLATFORM,
            rm=True,
            forcerm=True,
            pull=False,
            decode=True,
        )
        error = _follow(answers, heard)
        if error is not None:
            raise EngineError(
                f"the image cannot be built: {error}\n" + "\n".join(f"    {line}" for line in lines[-15:]),
                hint="the last lines say which step failed",
            )
        image = self._client.images.get(tag)
        return str(image.id), int(image.attrs["Size"])

    def push(
        self,
        local: str,
        repository: str,
        tag: str,
        *,
        login: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Push a local image as ``repository:tag``. Its digest is to be asked of the registry: podman tells another one.

        Raises:
            EngineError: there is no such image, or the registry refuses it.
        """
        from docker.errors import ImageNotFound

        try:
            self._client.images.get(local).tag(repository, tag)
        except ImageNotFound as cause:
            raise EngineError(f"there is no image {local!r} here", hint=f"mlops image build --tag {local}") from cause
        answers = self._client.api.push(
            repository, tag=tag, stream=True, decode=True, auth_config=dict(login) if login else {}
        )
        error = _follow(answers, say)
        if error is not None:
            raise EngineError(
                f"{repository}:{tag} cannot be pushed: {error}",
                hint="the role needs WRITE on the image repository; is its registry one that this engine trusts?",
            )


def _follow(answers: Iterable[Mapping[str, Any]], heard: Callable[[str], None]) -> str | None:  # Any: JSON
    """Hand on what an engine says line by line; return its error, or None. An engine raises nothing by itself."""
    error = None
    for answer in answers:
        if "error" in answer:
            error = str(answer["error"]).strip()
        progress = answer.get("progressDetail")
        text = str(answer.get("stream") or ("" if progress else answer.get("status", "")))
        for line in text.splitlines():
            if line.strip():
                heard(line.rstrip())
    return error
