"""A container engine, Docker or podman, through the ``docker`` SDK: it builds images, and pushes them to a registry."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlops.credentials import HIDDEN
from mlops.errors import AccountError, AuthenticationError, MlopsError, ProjectError
from mlops.image.context import ImageContext

PLATFORM = "linux/amd64"
"""What Snowpark Container Services runs. Source: "Service specification reference", containers.image."""

_QUIET_SECONDS = 900
"""How long an engine may say nothing: a large layer takes its time, and podman tells nothing of it."""
_NOT_IN = ("unauthorized", "authentication required", "invalid username/password", "no basic auth credentials", " 401")
_NOT_ALLOWED = ("access to the resource is denied", "denied:", "insufficient_scope", "forbidden", " 403")
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

        ``login`` is a user and a password for the registry; no error has the password.

        Raises:
            EngineError: there is no such image, or it cannot be pushed.
            AuthenticationError: the registry does not take the login.
            AccountError: the registry lets it in, and not push.
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
            raise _refused(f"{repository}:{tag}", _without(error, login))


def _refused(image: str, said: str) -> MlopsError:
    """Return the error of a push, from what the engine says; only its words tell who has refused."""
    registry = image.partition("/")[0]
    if any(word in said.lower() for word in _NOT_ALLOWED):
        return AccountError(
            f"the registry {registry} refuses {image}: {said}",
            hint="the role of the connection needs READ and WRITE on the image repository, and USAGE on its database and schema",
        )
    if any(word in said.lower() for word in _NOT_IN):
        return AuthenticationError(
            f"the registry {registry} does not take the login for {image}: {said}",
            hint="its token comes from the session of the connection, and is good for about an hour: push again, and look at "
            "mlops doctor --session",
        )
    return EngineError(
        f"{image} cannot be pushed: {said}",
        hint="is the registry within reach, and does this engine trust it?",
    )


def _without(said: str, login: Mapping[str, str] | None) -> str:
    """Return what an engine says without the password that it was given, which is JSON with a token in it."""
    if login is None:
        return said
    password = login["password"]
    secrets = [password, *re.findall(r"[^\s\"':,{}]{8,}", password)]
    secrets += [base64.b64encode(f"{login['username']}:{password}".encode()).decode()]
    for secret in secrets:
        said = said.replace(secret, HIDDEN)
    return said


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
