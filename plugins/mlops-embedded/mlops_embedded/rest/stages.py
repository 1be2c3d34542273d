"""Stages and their files over REST; their SQL statements are in sql/stages.py."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.errors import unknown_here
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, boolean, identifier, integer, one_of, required
from mlops_embedded.rest.resource import CreateMode, Creation, Level, Resource
from mlops_embedded.rest.routes import object_name, object_path, only_parameters, routes
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, endpoint
from mlops_embedded.sql.locations import Location, resolve
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.stages import create_stage, drop_stage, file_not_found, listed_file

_EXTERNAL = ("url", "endpoint", "storage_integration", "credentials")
_ENCRYPTIONS = (
    "SNOWFLAKE_FULL", "SNOWFLAKE_SSE", "AWS_CSE", "AWS_SSE_S3", "AWS_SSE_KMS", "GCS_SSE_KMS", "AZURE_CSE", "NONE",
)  # fmt: skip
_BODY = Record(
    {
        "name": required(identifier),
        "kind": Field(one_of("PERMANENT", "TEMPORARY"), default="PERMANENT"),
        "comment": Field(),
        "encryption": Field(
            Record({"type": Field(one_of(*_ENCRYPTIONS)), "master_key": Field(), "kms_key_id": Field()}),
            write_only=True,
        ),
        "directory_table": Field(
            Record(
                {
                    "enable": Field(boolean, default=False),
                    "refresh_on_create": Field(boolean, default=True),
                    "auto_refresh": Field(boolean, default=False),
                    "notification_integration": Field(),
                }
            )
        ),
        **dict.fromkeys(_EXTERNAL, Field(lambda value, place: value, write_only=True)),
        **dict.fromkeys(
            ("created_on", "has_credentials", "has_encryption_key", "owner", "owner_role_type", "region", "cloud"),
            READ_ONLY,
        ),
    }
)
_PRESIGN = Record({"expiration_time": Field(integer(1, 604_800), default=3600)})


def _create(session: Session, asked: Creation) -> bool:
    external = [key for key in _EXTERNAL if asked.properties.pop(key) is not None]
    if external:
        raise unknown_here(f"external stages ({', '.join(external)}); an internal stage has none of these")
    temporary = asked.properties.pop("kind") == "TEMPORARY"
    directory = asked.properties["directory_table"]
    properties = {
        **asked.properties,
        "comment": asked.properties["comment"] or "",
        "directory": bool(directory and directory["enable"]),
    }
    return create_stage(
        session, asked.name, properties, temporary=temporary,
        or_replace=asked.mode is CreateMode.OR_REPLACE, if_not_exists=asked.mode is CreateMode.IF_NOT_EXISTS,
    )  # fmt: skip


def _drop(session: Session, name: ObjectName) -> None:
    drop_stage(session, name)


def _visible(session: Session, stage: Document) -> bool:
    return bool(stage.body.get("session", session.id) == session.id)


def _shown(session: Session, stage: Document) -> dict[str, Any]:
    return {
        "kind": "TEMPORARY" if stage.body.get("temporary") else "PERMANENT",
        "has_credentials": False,
        "has_encryption_key": False,
    }


STAGE = Resource(
    kind="stage",
    path="stages",
    level=Level.SCHEMA,
    body=_BODY,
    create=_create,
    drop=_drop,
    shown=_shown,
    visible=_visible,
    filters=frozenset({"like"}),
)


def _list_files(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"pattern"})
    location = _location(session, STAGE.get(session, object_name(request), "READ"))
    files = (listed_file(location, name, file) for name, file in location.files(request.query.get("pattern")))
    return ApiAnswer([{**file, "size": str(file["size"])} for file in files])


def _presigned_url(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    wanted = _PRESIGN({} if request.body is None else request.body)
    stage = STAGE.get(session, object_name(request), "READ")
    location = _location(session, stage, request.path_params["file"])
    if not location.path or not location.target.is_file():
        missing = file_not_found(location)
        missing.http_status = 404
        raise missing
    return ApiAnswer({"presigned_url": session.account.presign(location.target, wanted["expiration_time"])})


def _location(session: Session, stage: Document, path: str = "") -> Location:
    return resolve(session, f"@{stage.name}/{path}")


ROUTES = [
    *routes(STAGE),
    Route(object_path(STAGE) + "/files", endpoint(_list_files), methods=["GET"]),
    Route(object_path(STAGE) + "/files/{file:path}:presigned-url", endpoint(_presigned_url), methods=["POST"]),
]
