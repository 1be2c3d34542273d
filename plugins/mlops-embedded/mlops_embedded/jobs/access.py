"""What a service's owner must hold on what its specification names: image repository, stages, secrets, warehouse."""

from __future__ import annotations

from mlops_embedded.catalog import Document, ObjectName, parse_name
from mlops_embedded.catalog.grants import Securable, may, require
from mlops_embedded.errors import unknown_here
from mlops_embedded.jobs.service import ServiceRequest
from mlops_embedded.jobs.specifications.specification import Specification
from mlops_embedded.sql.access import require_in_schema
from mlops_embedded.sql.locations import split_name
from mlops_embedded.sql.session import Session


def require_named(session: Session, request: ServiceRequest, specification: Specification) -> None:
    """Refuse a service whose owner, whom the session belongs to, may not use something that it names.

    Raises:
        SnowflakeError 002003, 003001: as everywhere; of a repository only if there is one of that name here.
    """
    if request.query_warehouse is not None:
        require_warehouse(session, request.query_warehouse)
    for container in specification.containers:
        repository = _repository(container.image)
        if repository is not None and (found := session.catalog.find("image_repository", repository)) is not None:
            require_use(session, found, "IMAGE REPOSITORY", "READ")
        for mount in container.secrets:
            secret = session.catalog.get("secret", session.resolve(parse_name(mount.secret)))
            require_use(session, secret, "SECRET", "READ")
    for volume in specification.volumes:
        if volume.stage is None or volume.stage.startswith(("@~", "@%")):
            continue
        stage = session.catalog.get("stage", session.resolve(split_name(volume.stage.removeprefix("@"))[0]))
        require_use(session, stage, "STAGE", "READ")
        if not may(session.catalog, session.role, "WRITE", Securable("STAGE", stage.name), stage.body.get("owner")):
            raise unknown_here(f"stage {stage.name} mounted for reading alone: role {session.role} has no WRITE on it")


def require_warehouse(session: Session, name: str) -> None:
    """Refuse a warehouse that the session's role may not use."""
    found = session.catalog.get("warehouse", ObjectName(None, None, name))
    require_use(session, found, "WAREHOUSE", "USAGE")


def require_use(session: Session, found: Document, kind: str, privilege: str) -> None:
    """Refuse what the session's role may not do with an object, or whose database or schema it may not see."""
    if found.name.schema is not None:
        require_in_schema(session, found.name, None)
    require(session.catalog, session.role, privilege, Securable(kind, found.name), found.body.get("owner"))


def _repository(image: str) -> ObjectName | None:
    """Return the repository of an image: /database/schema/repository/name, with or without a registry before it."""
    parts = image.split("/")
    if len(parts) < 5:
        return None
    database, schema, repository = (part.upper() for part in parts[1:4])
    return ObjectName(database, schema, repository)
