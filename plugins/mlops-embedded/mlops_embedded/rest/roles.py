"""Roles and users, and over REST what is granted to a role."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import Document, ObjectName, quote
from mlops_embedded.catalog.grants import Grant, Grantee, Securable, grants_on, grants_to
from mlops_embedded.errors import invalid_value
from mlops_embedded.rest.fields import (
    READ_ONLY,
    Field,
    Record,
    boolean,
    identifier,
    list_of,
    one_of,
    required,
    text,
)
from mlops_embedded.rest.privileges import give, give_role, inside, securable, take, take_role
from mlops_embedded.rest.resource import Level, Resource, replace_properties
from mlops_embedded.rest.routes import object_name, object_path, only_parameters, routes, success, whole_number
from mlops_embedded.rest.statements import register_alter, register_create, register_drop, register_show
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, bad_request, endpoint
from mlops_embedded.sql.session import Session

_SYSTEM_ROLES = {"ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC"}


def _shown(session: Session, role: Document) -> dict[str, Any]:
    name = role.name.name
    holders = grants_on(session.catalog, Securable("ROLE", role.name))
    held = grants_to(session.catalog, Grantee("ROLE", name))
    return {
        "is_default": False,
        "is_current": name == session.role,
        "is_inherited": False,
        "assigned_to_users": sum(g.to.type == "USER" for g in holders),
        "granted_to_roles": sum(g.to.type == "ROLE" for g in holders),
        "granted_roles": sum(g.on.type == "ROLE" for g in held),
    }


def _drop_role(session: Session, name: ObjectName) -> None:
    if name.name in _SYSTEM_ROLES:
        raise invalid_value(f"role {name} is Snowflake's own and cannot be dropped")
    session.catalog.delete("role", name)


def _drop_user(session: Session, name: ObjectName) -> None:
    session.catalog.delete("user", name)
    for each in grants_to(session.catalog, Grantee("USER", name.name)):
        take(session, [each.privilege], each.on, each.to)


ROLE = Resource(
    kind="role",
    path="roles",
    level=Level.ACCOUNT,
    body=Record(
        {
            "name": required(identifier),
            "comment": Field(),
            **dict.fromkeys(
                ("created_on", "owner", "is_default", "is_current", "is_inherited", "assigned_to_users",
                 "granted_to_roles", "granted_roles"),
                READ_ONLY,
            ),
        }
    ),
    alter=replace_properties,
    put=False,
    drop=_drop_role,
    shown=_shown,
    tag_domain="ROLE",
)  # fmt: skip
USER = Resource(
    kind="user",
    path="users",
    level=Level.ACCOUNT,
    body=Record(
        {
            "name": required(identifier),
            "default_role": Field(identifier),
            "default_warehouse": Field(identifier),
            "comment": Field(),
        }
    ),
    alter=replace_properties,
    drop=_drop_user,
)
"""In SQL only. All users share the credential of the state folder; a user's name says which roles it may take."""

register_create(ROLE)
register_alter(ROLE)
register_drop(ROLE)
register_show(
    ROLE,
    "ROLES",
    {
        "created_on": "timestamp_ltz", "name": "text", "is_default": "text", "is_current": "text",
        "is_inherited": "text", "assigned_to_users": "fixed", "granted_to_roles": "fixed", "granted_roles": "fixed",
        "owner": "text", "comment": "text",
    },
    describe=False,
)  # fmt: skip
register_create(USER)
register_alter(USER)
register_drop(USER)
register_show(
    USER,
    "USERS",
    {
        "name": "text", "created_on": "timestamp_ltz", "comment": "text", "default_warehouse": "text",
        "default_role": "text", "owner": "text",
    },
)  # fmt: skip

# -- what a role holds, over REST

_GRANT = Record(
    {
        "securable": Field(
            Record(
                {
                    "database": Field(identifier),
                    "schema": Field(identifier),
                    "service": Field(identifier),
                    "name": required(identifier),
                }
            )
        ),
        "containing_scope": Field(Record({"database": required(identifier), "schema": Field(identifier)})),
        "securable_type": required(),
        "grant_option": Field(boolean, default=False),
        "privileges": Field(list_of(text)),
        "created_on": READ_ONLY,
        "granted_by": READ_ONLY,
    }
)


def _targets(session: Session, asked: dict[str, Any]) -> list[Securable]:
    kind = asked["securable_type"].upper()
    named, scope = asked["securable"], asked["containing_scope"]
    if scope is not None:
        within = "SCHEMA" if scope["schema"] else "DATABASE"
        parts = [part for part in (scope["database"], scope["schema"]) if part]
        return inside(session, kind if kind.endswith("S") else f"{kind}S", securable(session, within, parts))
    if kind == "ACCOUNT":
        return [securable(session, "ACCOUNT")]
    if named is None:
        raise bad_request(f"property 'securable' is missing: which {kind}?")
    return [securable(session, kind, [named[key] for key in ("database", "schema", "name") if named[key]])]


def _grant(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    asked, to = _GRANT(request.body), _grantee(request)
    if asked["privileges"] is None and asked["securable_type"].upper() == "ROLE" and asked["securable"]:
        give_role(session, asked["securable"]["name"], to)
        return success()
    for on in _targets(session, asked):
        give(session, _privileges(asked), on, to, grant_option=asked["grant_option"])
    return success()


def _revoke(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"mode"})
    one_of("restrict", "cascade")(request.query.get("mode", "restrict"), "query parameter mode")
    asked, to = _GRANT(request.body), _grantee(request)
    if asked["privileges"] is None and asked["securable_type"].upper() == "ROLE" and asked["securable"]:
        take_role(session, asked["securable"]["name"], to)
        return success()
    for on in _targets(session, asked):
        take(session, _privileges(asked), on, to, option_only=asked["grant_option"])
    return success()


def _privileges(asked: dict[str, Any]) -> list[str]:
    if not asked["privileges"]:
        raise bad_request("property 'privileges' is missing")
    return list(asked["privileges"])


def _grantee(request: ApiRequest) -> Grantee:
    return Grantee("ROLE", object_name(request).name)


def _grants_to_role(session: Session, request: ApiRequest) -> ApiAnswer:
    role = _shown_role(session, request)
    grants = grants_to(session.catalog, Grantee("ROLE", role.name))
    return ApiAnswer([_held(g) for g in _limited(request, grants)])


def _grants_of_role(session: Session, request: ApiRequest) -> ApiAnswer:
    role = _shown_role(session, request)
    grants = grants_on(session.catalog, Securable("ROLE", role))
    return ApiAnswer(
        [
            {
                "created_on": g.created_on.isoformat(), "role": quote(role.name), "granted_to": g.to.type,
                "grantee_name": quote(g.to.name), "granted_by": g.granted_by,
            }
            for g in _limited(request, grants)
        ]
    )  # fmt: skip


def _grants_on_role(session: Session, request: ApiRequest) -> ApiAnswer:
    role = _shown_role(session, request)
    grants = grants_on(session.catalog, Securable("ROLE", role))
    return ApiAnswer(
        [
            {
                "created_on": g.created_on.isoformat(), "privilege": g.privilege, "granted_on": "ROLE",
                "name": quote(role.name), "granted_to": g.to.type, "grantee_name": quote(g.to.name),
                "grant_option": str(g.grant_option).lower(), "granted_by": g.granted_by,
                "granted_by_role_type": "ROLE",
            }
            for g in _limited(request, grants)
        ]
    )  # fmt: skip


def _shown_role(session: Session, request: ApiRequest) -> ObjectName:
    only_parameters(request, {"showLimit"})
    return session.catalog.get("role", object_name(request)).name


def _limited(request: ApiRequest, grants: list[Grant]) -> list[Grant]:
    limit = whole_number(request, "showLimit", 1, 10_000)
    return grants if limit is None else grants[:limit]


def _held(given: Grant) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "securable_type": given.on.type,
        "grant_option": given.grant_option,
        "privileges": [given.privilege],
        "created_on": given.created_on.isoformat(),
        "granted_by": given.granted_by,
    }
    name = given.on.name
    if name is not None:
        parts = {"database": name.database, "schema": name.schema, "name": name.name}
        answer["securable"] = {key: quote(part) for key, part in parts.items() if part}
    return answer


_one = object_path(ROLE)
ROUTES = [
    *routes(ROLE, fetch=False),
    Route(f"{_one}/grants", endpoint(_grants_to_role), methods=["GET"]),
    Route(f"{_one}/grants", endpoint(_grant), methods=["POST"]),
    Route(f"{_one}/grants:revoke", endpoint(_revoke), methods=["POST"]),
    Route(f"{_one}/grants-of", endpoint(_grants_of_role), methods=["GET"]),
    Route(f"{_one}/grants-on", endpoint(_grants_on_role), methods=["GET"]),
]
