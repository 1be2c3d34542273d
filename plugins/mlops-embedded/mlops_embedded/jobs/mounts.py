"""What a container mounts: its volumes as folders of this machine, and its secrets as variables and files."""

from __future__ import annotations

from pathlib import Path

from mlops_embedded.catalog import parse_name
from mlops_embedded.errors import invalid_value
from mlops_embedded.jobs.runtimes.runtime import MountedVolume
from mlops_embedded.jobs.specifications.containers import Container
from mlops_embedded.jobs.specifications.specification import Specification
from mlops_embedded.sql.locations import resolve
from mlops_embedded.sql.session import Session


def volumes_of(session: Session, specification: Specification, folder: Path) -> dict[str, MountedVolume]:
    """Return the folder of every volume by name: a stage's own, or a new one that all containers of an instance share."""
    volumes = {}
    for volume in specification.volumes:
        stage = resolve(session, volume.stage).target if volume.stage is not None else None
        users = sum(any(mount.volume == volume.name for mount in c.mounts) for c in specification.containers)
        mounted = MountedVolume(volume, stage or folder / "volumes" / volume.name, shared=users > 1)
        volumes[volume.name] = mounted
        mounted.folder.mkdir(parents=True, exist_ok=True)
    return volumes


def secrets_of(session: Session, container: Container) -> tuple[dict[str, str], dict[str, str]]:
    """Return a container's secrets as variables, and as contents of files by absolute path."""
    variables: dict[str, str] = {}
    files: dict[str, str] = {}
    for mount in container.secrets:
        body = session.catalog.get("secret", session.resolve(parse_name(mount.secret))).body
        values = {key: str(body[key]) for key in ("username", "password", "secret_string") if body.get(key)}
        if mount.folder is not None:
            files.update({f"{mount.folder}/{key}": value for key, value in values.items()})
        elif mount.variable is not None and mount.key is not None:
            if mount.key not in values:
                raise invalid_value(
                    f"secret {mount.secret} has no {mount.key}: it has {', '.join(values) or 'nothing'}"
                )
            variables[mount.variable] = values[mount.key]
    return variables, files
