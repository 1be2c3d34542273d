"""Grants over REST as `root.grants` asks for them: everything is in the path."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import parse_name, quote
from mlops_embedded.catalog.grants import Grant, Grantee, Securable, grants_to
from mlops_embedded.errors import SnowflakeError, unknown_here
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, boolean, identifier, list_of, one_of, text
from mlops_embedded.rest.privileges import give, give_role, inside, securable, take, take_role
from mlops_embedded.rest.routes import only_parameters, success, whole_number
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, bad_request, endpoint
from mlops_embedded.sql.session import Session

_GRANT = Record(
    {
        "privileges": Field(list_of(text)),
        "grant_option": Field(boolean, default=False),
        **dict.fromkeys(
            ("created_on", "grantee_type", "grantee_name", "securable_type", "securable_name", "granted_by_role_type",
             "granted_by_name"),
            READ_ONLY,
        ),
    }
)  # fmt: skip


def _grant(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    asked, to = _GRANT(request.body), _grantee(request)
    targets = _targets(session, request)
    for on in targets:
        if on.type == "ROLE" and on.name and not asked["privileges"]:
            give_role(session, on.name.name, to)
        elif not asked["privileges"]:
            raise bad_request("property 'privileges' is missing")
        else:
            give(session, asked["privileges"], on, to, grant_option=asked["grant_option"])
    return success()


def _revoke(session: Session, request: ApiRequest) -> ApiAnswer:
    return _take(session, request, option_only=False)


def _revoke_option(session: Session, request: ApiRequest) -> ApiAnswer:
    return _take(session, request, option_only=True)


def _take(session: Session, request: ApiRequest, *, option_only: bool) -> ApiAnswer:
    only_parameters(request, {"deleteMode"})
    one_of("restrict", "cascade")(request.query.get("deleteMode", "restrict"), "query parameter deleteMode")
    to, privilege = _grantee(request), request.path_params["privilege"]
    for on in _targets(session, request):
        if on.type == "ROLE" and on.name and privilege.upper() == "USAGE" and not option_only:
            take_role(session, on.name.name, to)
        else:
            take(session, [privilege], on, to, option_only=option_only)
    return success()


def _list(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"showLimit"})
    to = _grantee(request)
    session.catalog.get(to.type.lower(), securable(session, to.type, (to.name,)).name)  # type: ignore[arg-type] # named
    limit = whole_number(request, "showLimit", 1, 10_000)
    grants = grants_to(session.catalog, to)
    return ApiAnswer([_json(g) for g in (grants if limit is None else grants[:limit])])


def _json(given: Grant) -> dict[str, Any]:
    return {
        "privileges": [given.privilege],
        "grant_option": given.grant_option,
        "created_on": given.created_on.isoformat(),
        "grantee_type": given.to.type,
        "grantee_name": quote(given.to.name),
        "securable_type": given.on.type,
        "securable_name": str(given.on.name) if given.on.name else "EMBEDDED",
        "granted_by_role_type": "ROLE",
        "granted_by_name": given.granted_by,
    }


def _grantee(request: ApiRequest) -> Grantee:
    kind = request.path_params["grantee_type"].upper()
    if kind not in {"ROLE", "USER"}:
        raise unknown_here(f"grants to {kind}")
    return Grantee(kind, identifier(request.path_params["grantee_name"], "granteeName"))


def _targets(session: Session, request: ApiRequest) -> list[Securable]:
    path = request.path_params
    if "bulk_type" in path:
        if path["bulk_type"].upper() != "ALL":
            raise unknown_here(f"grants on {path['bulk_type'].upper()} objects")
        scope = securable(session, _kind(path["scope_type"]), _parts(path["scope_name"]))
        return inside(session, _kind(path["securable_type"]), scope)
    kind = _kind(path["securable_type"])
    return [securable(session, kind, () if kind == "ACCOUNT" else _parts(path["securable_name"]))]


def _kind(word: str) -> str:
    return word.upper().replace("-", " ").replace("_", " ")


def _parts(name: str) -> tuple[str, ...]:
    try:
        return parse_name(name)
    except SnowflakeError as error:
        raise bad_request(error.message.splitlines()[-1]) from error


_to = "/grants/{grantee_type}/{grantee_name:identifier}"
_one = _to + "/{securable_type}/{securable_name}/privileges"
_all = _to + "/{bulk_type}/{securable_type}/{scope_type}/{scope_name}/privileges"
ROUTES = [
    Route(_to, endpoint(_list), methods=["GET"]),
    *(Route(path, endpoint(_grant), methods=["POST"]) for path in (_one, _all)),
    *(Route(path + "/{privilege}", endpoint(_revoke), methods=["DELETE"]) for path in (_one, _all)),
    *(Route(path + "/{privilege}/grant-option", endpoint(_revoke_option), methods=["DELETE"]) for path in (_one, _all)),
]
