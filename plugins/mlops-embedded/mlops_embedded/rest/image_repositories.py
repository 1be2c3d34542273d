"""Image repositories: names under which jobs find their images; no registry serves them, the images file does."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.jobs.images import ANYWHERE, image_file, image_names
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, identifier, required
from mlops_embedded.rest.resource import Level, Resource
from mlops_embedded.rest.routes import object_name, object_path, only_parameters, routes
from mlops_embedded.rest.statements import register_create, register_drop, register_show
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, endpoint
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement

REGISTRY = "embedded.registry.localhost"
"""The host in `repository_url`; .localhost is never looked up on a network."""


def _path(name: ObjectName) -> str:
    return "/".join(str(part).lower() for part in (name.database, name.schema, name.name))


def _shown(session: Session, repository: Document) -> dict[str, Any]:
    return {"repository_url": f"{REGISTRY}/{_path(repository.name)}"}


IMAGE_REPOSITORY = Resource(
    kind="image_repository",
    path="image-repositories",
    level=Level.SCHEMA,
    body=Record(
        {
            "name": required(identifier),
            "database_name": Field(identifier),
            "schema_name": Field(identifier),
            **dict.fromkeys(("created_on", "repository_url", "owner", "owner_role_type"), READ_ONLY),
        }
    ),
    shown=_shown,
    filters=frozenset({"like"}),
    tag_domain="IMAGE REPOSITORY",
)


def _images(session: Session, repository: Document) -> list[dict[str, Any]]:
    """The images that jobs can run from this repository; what a file names has no digest."""
    root = _path(repository.name)
    found = []
    for known in image_names(image_file(session.account.state.path)):
        name = known.replace(ANYWHERE, f"/{root}/", 1) if known.startswith(ANYWHERE) else known
        inside = name.lower().removeprefix(f"/{root}/")
        if inside != name.lower():
            image, _, tag = inside.partition(":")
            found.append({"image_name": image, "tags": tag or "latest", "image_path": f"{root}/{inside}"})
    return found


def _list_images(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    return ApiAnswer(_images(session, IMAGE_REPOSITORY.get(session, object_name(request), "READ")))


@statement("SHOW", "IMAGES", "IN", "IMAGE", "REPOSITORY")
def show_images(session: Session, found: Statement) -> Rowset:
    reader = found.after("SHOW", "IMAGES", "IN", "IMAGE", "REPOSITORY")
    name = session.resolve(reader.name(), "SHOW IMAGES")
    reader.finish()
    images = _images(session, IMAGE_REPOSITORY.get(session, name, "READ"))
    return Rowset.of(("created_on", "image_name", "tags", "digest", "image_path"), images)


register_create(IMAGE_REPOSITORY)
register_drop(IMAGE_REPOSITORY)
register_show(
    IMAGE_REPOSITORY,
    "IMAGE REPOSITORIES",
    {
        "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text",
        "repository_url": "text", "owner": "text", "owner_role_type": "text", "comment": "text",
    },
    describe=False,
)  # fmt: skip

ROUTES = [
    *routes(IMAGE_REPOSITORY),
    Route(object_path(IMAGE_REPOSITORY) + "/images", endpoint(_list_images), methods=["GET"]),
]
