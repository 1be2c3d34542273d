"""Image repositories: names under which services find their images, in the images file or in a registry."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.runtimes.images import ANYWHERE
from mlops_embedded.jobs.runtimes.registry import LOCAL_REGISTRY
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, identifier, required
from mlops_embedded.rest.resource import Level, Resource
from mlops_embedded.rest.routes import object_name, object_path, only_parameters, routes
from mlops_embedded.rest.statements import register_create, register_drop, register_show
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, endpoint
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement


def _path(name: ObjectName) -> str:
    return "/".join(str(part).lower() for part in (name.database, name.schema, name.name))


def _shown(session: Session, repository: Document) -> dict[str, Any]:
    return {"repository_url": f"{session.account.settings.registry or LOCAL_REGISTRY}/{_path(repository.name)}"}


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
    for known in runner_of(session.account).runtime.images():
        name = known.name.replace(ANYWHERE, f"/{root}/", 1) if known.name.startswith(ANYWHERE) else known.name
        inside = name.lower().removeprefix(f"/{root}/")
        if inside != name.lower():
            image, _, tag = inside.partition(":")
            facts = {"image_name": image, "tags": tag or "latest", "image_path": f"{root}/{inside}"}
            found.append({**facts, **({"digest": known.digest} if known.digest else {})})
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
