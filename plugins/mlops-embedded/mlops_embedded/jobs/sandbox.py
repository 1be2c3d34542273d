"""What Snowflake gives a container, for a process: variables, a token file, mounted folders.

A process has the machine's file system, not one of its own. So `root` is the folder that stands for the container's
`/`: the token is at root/snowflake/session/token, a volume that is mounted at /data is root/data. The process finds
them by variables (SNOWFLAKE_TOKEN_FILE, SNOWFLAKE_HOME, MLOPS_EMBEDDED_ROOT), and an argument or a variable of the
specification that starts with a mounted path is given with the local one instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_embedded.jobs.containers import Container
from mlops_embedded.jobs.images import Image

HOST, ACCOUNT = "127.0.0.1", "embedded"
_KEPT_FROM_SERVER = ("LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")
"""What a process needs from this machine; everything else a container would not see either."""


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
class Sandbox:
    """A container's folder, ready to run its process in."""

    root: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    workdir: Path
    token: TokenFile | None


def prepare(
    folder: Path,
    container: Container,
    image: Image,
    place: Place,
    *,
    volumes: Mapping[str, Path],
    secrets: Mapping[str, str],
    secret_files: Mapping[str, str],
    mint: Callable[[], str],
) -> Sandbox:
    """Make a container's folder and return how to run it.

    `secrets` are variables, `secret_files` contents by absolute path in the container.
    """
    root = folder / "root"
    home = root / "home"
    home.mkdir(parents=True)
    local: dict[str, Path] = {}
    for mount in container.mounts:
        at = _inside(root, mount.path)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.symlink_to(volumes[mount.volume], target_is_directory=True)
        local[mount.path] = at
    for path, content in secret_files.items():
        at = _inside(root, path)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(content, encoding="utf-8")
        at.chmod(0o600)
        local[path] = at
    given: dict[str, str] = _snowflake_variables(place)
    token = None
    if container.token is not None:
        at = _inside(root, f"{container.token.folder}/token")
        at.parent.mkdir(parents=True, exist_ok=True)
        token = TokenFile(at, container.token.mode, mint)
        token.rotate()
        given["SNOWFLAKE_TOKEN_FILE"] = str(at)
        local[container.token.folder] = at.parent
        if container.token.connection_config:
            given["SNOWFLAKE_HOME"] = str(_write_connection(home / ".snowflake", place, at))
    return Sandbox(
        root,
        tuple(_localized(word, local) for word in _command(container, image)),
        {
            **{name: os.environ[name] for name in _KEPT_FROM_SERVER if name in os.environ},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            **(image.env or {}),
            **{name: _localized(value, local) for name, value in container.env.items()},
            **secrets,
            **given,
            "MLOPS_EMBEDDED_ROOT": str(root),
        },
        Path(image.workdir) if image.workdir else root,
        token,
    )


def _snowflake_variables(place: Place) -> dict[str, str]:
    """PORT and PROTOCOL are not Snowflake's: there it is always 443 and https."""
    variables = {
        "SNOWFLAKE_ACCOUNT": ACCOUNT,
        "SNOWFLAKE_HOST": HOST,
        "SNOWFLAKE_PORT": str(place.port),
        "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_DATABASE": place.database,
        "SNOWFLAKE_SCHEMA": place.schema,
        "SNOWFLAKE_SERVICE_NAME": place.service,
        "SNOWFLAKE_RUNNING_INSIDE_SPCS": "true",
        "SKIP_TOKEN_FILE_PERMISSIONS_VERIFICATION": "true",
    }
    if place.replicas is not None:
        variables["SNOWFLAKE_JOBS_COUNT"] = str(place.replicas)
        variables["SNOWFLAKE_JOB_INDEX"] = str(place.instance)
    return variables


def _write_connection(home: Path, place: Place, token: Path) -> Path:
    home.mkdir(parents=True)
    lines = [
        "[default]",
        f'host = "{HOST}"',
        f"port = {place.port}",
        'protocol = "http"',
        f'account = "{ACCOUNT}"',
        f'database = "{place.database}"',
        f'schema = "{place.schema}"',
        'authenticator = "oauth"',
        f'token_file_path = "{token}"',
    ]
    file = home / "connections.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    file.chmod(0o600)
    return home


def _command(container: Container, image: Image) -> tuple[str, ...]:
    """The words that run, as a container's are put together: `command` alone does not take the image's arguments."""
    if container.command is not None:
        return container.command + (container.args or ())
    return image.entrypoint + (image.command if container.args is None else container.args)


def _localized(value: str, local: Mapping[str, Path]) -> str:
    for path, folder in sorted(local.items(), key=lambda each: -len(each[0])):
        if value == path or value.startswith(path.rstrip("/") + "/"):
            return str(folder) + value[len(path.rstrip("/")) :]
    return value


def _inside(root: Path, path: str) -> Path:
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    return root.joinpath(*parts)
