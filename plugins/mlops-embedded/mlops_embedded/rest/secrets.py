"""Secrets: kept for containers that mount them, and never answered, neither by REST nor by SHOW."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import Document
from mlops_embedded.rest.fields import READ_ONLY, Field, Union, identifier, integer, list_of, required, text
from mlops_embedded.rest.resource import Level, Resource, replace_properties
from mlops_embedded.rest.routes import routes
from mlops_embedded.rest.statements import register_alter, register_create, register_drop, register_show
from mlops_embedded.sql.session import Session


def _hidden(*, needed: bool) -> Field:
    return Field(text, required=needed, write_only=True)


_BODY = Union(
    tag="type",
    shared={
        "name": required(identifier),
        "comment": Field(),
        **dict.fromkeys(("created_on", "database_name", "schema_name", "owner", "owner_role_type"), READ_ONLY),
    },
    variants={
        "PASSWORD": {"username": required(), "password": _hidden(needed=True)},
        "GENERIC_STRING": {"secret_string": _hidden(needed=True)},
        "OAUTH2": {
            "api_authentication": required(identifier),
            "oauth_refresh_token": _hidden(needed=False),
            "oauth_refresh_token_expiry_time": Field(),
            "oauth_scopes": Field(list_of(text)),
        },
        "SYMMETRIC_KEY": {"algorithm": required()},
        "CLOUD_PROVIDER_TOKEN": {"api_authentication": required(identifier)},
        "JWT_KEY_PAIR": {"algorithm": Field(), "key_length": Field(integer(2048, 4096))},
    },
)


def _shown(session: Session, secret: Document) -> dict[str, Any]:
    return {"secret_type": secret.body["type"]}


SECRET = Resource(
    kind="secret",
    path="secrets",
    level=Level.SCHEMA,
    body=_BODY,
    alter=replace_properties,
    put=False,
    shown=_shown,
)

_SHOWN = {
    "created_on": "timestamp_ltz", "name": "text", "schema_name": "text", "database_name": "text", "owner": "text",
    "comment": "text", "secret_type": "text", "oauth_scopes": "variant", "owner_role_type": "text",
}  # fmt: skip
register_create(SECRET)
register_alter(SECRET)
register_drop(SECRET)
register_show(SECRET, "SECRETS", _SHOWN)

ROUTES = routes(SECRET)
