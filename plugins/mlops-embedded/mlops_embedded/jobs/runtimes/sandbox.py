"""What Snowflake gives a container, for a process: variables, a token file, mounted folders.

A process has the machine's file system, not one of its own. So `root` is the folder that stands for the container's
`/`: the token is at root/snowflake/session/token, a volume that is mounted at /data is root/data. The process finds
them by variables (SNOWFLAKE_TOKEN_FILE, SNOWFLAKE_HOME, MLOPS_EMBEDDED_ROOT), and an argument or a variable of the
specification that starts with a mounted path is given with the local one instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_embedded.jobs.runtimes.images import Image
from mlops_embedded.jobs.runtimes.runtime import ContainerPlan, Place, TokenFile, command_of

HOST, ACCOUNT = "127.0.0.1", "embedded"
_KEPT_FROM_SERVER = ("LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")
"""What a process needs from this machine; everything else a container would not see either."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A container's folder, ready to run its process in."""

    root: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    workdir: Path
    token: TokenFile | None


def prepare(plan: ContainerPlan, image: Image) -> Sandbox:
    """Make a container's folder and return how to run it."""
    container = plan.container
    root = plan.folder / "root"
    home = root / "home"
    home.mkdir(parents=True)
    local: dict[str, Path] = {}
    for mount in container.mounts:
        at = _inside(root, mount.path)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.symlink_to(plan.volumes[mount.volume].folder, target_is_directory=True)
        local[mount.path] = at
    for path, content in plan.secret_files.items():
        at = _inside(root, path)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(content, encoding="utf-8")
        at.chmod(0o600)
        local[path] = at
    given: dict[str, str] = snowflake_variables(plan.place)
    token = None
    if container.token is not None:
        at = _inside(root, f"{container.token.folder}/token")
        at.parent.mkdir(parents=True, exist_ok=True)
        token = TokenFile(at, container.token.mode, plan.mint)
        token.rotate()
        given["SNOWFLAKE_TOKEN_FILE"] = str(at)
        local[container.token.folder] = at.parent
        if container.token.connection_config:
            given["SNOWFLAKE_HOME"] = str(write_connection(home / ".snowflake", plan.place, str(at)))
    return Sandbox(
        root,
        tuple(_localized(word, local) for word in command_of(container, image.entrypoint, image.command)),
        {
            **{name: os.environ[name] for name in _KEPT_FROM_SERVER if name in os.environ},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            **(image.env or {}),
            **{name: _localized(value, local) for name, value in container.env.items()},
            **plan.secrets,
            **given,
            "MLOPS_EMBEDDED_ROOT": str(root),
        },
        Path(image.workdir) if image.workdir else root,
        token,
    )


def snowflake_variables(place: Place) -> dict[str, str]:
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


def write_connection(home: Path, place: Place, token: str) -> Path:
    """Write a connections.toml whose default connection is the container's own; `token` is where it finds the file."""
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


def _localized(value: str, local: Mapping[str, Path]) -> str:
    for path, folder in sorted(local.items(), key=lambda each: -len(each[0])):
        if value == path or value.startswith(path.rstrip("/") + "/"):
            return str(folder) + value[len(path.rstrip("/")) :]
    return value


def _inside(root: Path, path: str) -> Path:
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    return root.joinpath(*parts)
