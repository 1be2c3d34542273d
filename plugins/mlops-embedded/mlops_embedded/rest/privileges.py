"""Giving and taking privileges: which ones a kind of object has, who may give them, and what a name in a grant means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.future_grants import FutureGrant
from mlops_embedded.catalog.grants import (
    ACCOUNT,
    Grant,
    Grantee,
    Securable,
    forget_securable,
    grant,
    grants_on,
    insufficient,
    may,
    privileges_on,
    revoke,
    roles_of,
)
from mlops_embedded.errors import SnowflakeError, does_not_exist, invalid_value, unknown_here
from mlops_embedded.sql.relations import find_relation, relations
from mlops_embedded.sql.session import Session

_TABLE = {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES"}
_OF_ACCOUNT: dict[str, set[str]] = {
    "DATABASE": {"USAGE", "MODIFY", "MONITOR", "CREATE SCHEMA"},
    "WAREHOUSE": {"USAGE", "OPERATE", "MODIFY", "MONITOR"},
    "COMPUTE POOL": {"USAGE", "OPERATE", "MODIFY", "MONITOR"},
    "INTEGRATION": {"USAGE"},
    "ROLE": {"USAGE"},
    "USER": {"MONITOR", "IMPERSONATE"},
}
_OF_SCHEMA: dict[str, set[str]] = {
    "TABLE": _TABLE,
    "VIEW": {"SELECT", "REFERENCES"},
    "DYNAMIC TABLE": {"SELECT", "OPERATE", "MONITOR"},
    "EVENT TABLE": {"SELECT", "INSERT", "DELETE", "TRUNCATE"},
    "STAGE": {"READ", "WRITE", "USAGE"},
    "IMAGE REPOSITORY": {"READ", "WRITE"},
    "SECRET": {"USAGE", "READ"},
    "STREAM": {"SELECT"},
    "TASK": {"OPERATE", "MONITOR"},
    "ALERT": {"OPERATE", "MONITOR"},
    "SERVICE": {"USAGE", "OPERATE", "MONITOR"},
    "MODEL": {"USAGE", "READ", "WRITE"},
    "DATASET": {"USAGE", "READ", "WRITE"},
    "EXPERIMENT": {"USAGE"},
    "TAG": {"APPLY", "READ"},
    "FILE FORMAT": {"USAGE"},
    "FUNCTION": {"USAGE"},
    "PROCEDURE": {"USAGE"},
}
PRIVILEGES: dict[str, set[str]] = {
    "ACCOUNT": {
        "CREATE DATABASE", "CREATE WAREHOUSE", "CREATE ROLE", "CREATE USER", "CREATE COMPUTE POOL",
        "CREATE INTEGRATION", "EXECUTE TASK", "EXECUTE MANAGED TASK", "EXECUTE ALERT", "EXECUTE MANAGED ALERT",
        "MANAGE GRANTS", "MONITOR EXECUTION", "MONITOR USAGE", "BIND SERVICE ENDPOINT",
    },
    "SCHEMA": {"USAGE", "MODIFY", "MONITOR", *(f"CREATE {kind}" for kind in _OF_SCHEMA)},
    **_OF_ACCOUNT,
    **_OF_SCHEMA,
}  # fmt: skip
"""What can be granted on each kind of object, beside OWNERSHIP."""

_CATALOG_KINDS = {"INTEGRATION": "notification_integration"}


def securable(session: Session, kind: str, parts: Sequence[str] = ()) -> Securable:
    """Return what a kind and the stored parts of a name mean, if it is there.

    Raises:
        SnowflakeError 002003: it is not.
    """
    if kind == "ACCOUNT":
        return ACCOUNT
    if kind not in PRIVILEGES or kind in {"FUNCTION", "PROCEDURE"}:
        raise unknown_here(f"grants on {kind}")
    if kind in _OF_ACCOUNT:
        on = Securable(kind, ObjectName(None, None, parts[-1]))
    elif kind == "SCHEMA":
        database = parts[0] if len(parts) == 2 else session.resolve_schema(tuple(parts), "GRANT")[0]
        on = Securable(kind, ObjectName(database, None, parts[-1]))
    else:
        on = Securable(kind, session.resolve(tuple(parts), "GRANT"))
    owner_of(session, on)
    return on


def owner_of(session: Session, on: Securable) -> str | None:
    """Return the role that owns an object; 002003 if it is not there."""
    if on.name is None:
        return None
    if on.type in {"TABLE", "VIEW", "EVENT TABLE", "DYNAMIC TABLE"}:
        relation = find_relation(session, on.name)
        if relation is None:
            raise does_not_exist(on.type.lower(), on.name)
        return str(relation.body.get("owner"))
    document = session.catalog.get(_catalog_kind(on.type), on.name)
    return document.body.get("owner")


def inside(session: Session, plural: str, scope: Securable) -> list[Securable]:
    """Return what ALL TABLES IN SCHEMA s means."""
    kind = singular(plural)
    database, schema = _scope(scope)
    if kind in {"TABLE", "VIEW"}:
        found = [r.name for r in relations(session, database, schema) if r.is_view == (kind == "VIEW")]
    elif kind in {*_OF_SCHEMA, "SCHEMA"}:
        found = [d.name for d in session.catalog.list(_catalog_kind(kind), database=database, schema=schema)]
    else:
        raise unknown_here(f"grants on ALL {plural}")
    return [Securable(kind, name) for name in found]


def singular(plural: str) -> str:
    """Return the kind of IMAGE REPOSITORIES or TASKS."""
    plural = plural.upper()
    return plural.removesuffix("IES") + "Y" if plural.endswith("IES") else plural.removesuffix("S")


def _scope(scope: Securable) -> tuple[str, str | None]:
    """Return database and schema of what IN SCHEMA s or IN DATABASE d names."""
    assert scope.name is not None
    if scope.type == "DATABASE":
        return scope.name.name, None
    return scope.name.database or "", scope.name.name


def futures(
    session: Session, privileges: Iterable[str], plural: str, scope: Securable, to: Grantee
) -> list[FutureGrant]:
    """Return what ON FUTURE TASKS IN SCHEMA s means, if the role may give and take it."""
    kind = singular(plural)
    if kind not in _OF_SCHEMA or kind in {"FUNCTION", "PROCEDURE"} or to.type != "ROLE":
        raise unknown_here(f"grants on FUTURE {plural} to a {to.type}")
    if not may(session.catalog, session.role, "MANAGE GRANTS", ACCOUNT):
        _require_right_to_give(session, "OWNERSHIP", scope)
    _require_grantee(session, to)
    database, schema = _scope(scope)
    wanted = _known(privileges, Securable(kind))
    return [FutureGrant(each, kind, database, schema, to.name, session.role) for each in wanted]


def give(
    session: Session, privileges: Iterable[str], on: Securable, to: Grantee, *, grant_option: bool = False
) -> None:
    """Grant privileges; OWNERSHIP passes the object on, and grants on it fall away."""
    wanted = _known(privileges, on)
    _require_grantee(session, to)
    for privilege in wanted:
        _require_right_to_give(session, privilege, on)
        if privilege == "OWNERSHIP":
            _pass_on(session, on, to)
        else:
            grant(session.catalog, Grant(privilege, on, to, grant_option, session.role))


def take(session: Session, privileges: Iterable[str], on: Securable, to: Grantee, *, option_only: bool = False) -> None:
    """Revoke privileges, or their grant options only."""
    _require_grantee(session, to)
    for privilege in _known(privileges, on):
        if privilege == "OWNERSHIP":
            raise invalid_value("OWNERSHIP is not revoked: grant it to another role")
        _require_right_to_give(session, privilege, on)
        revoke(session.catalog, privilege, on, to, option_only=option_only)


def give_role(session: Session, role: str, to: Grantee) -> None:
    """Let a role or a user take a role; a circle of roles is refused."""
    on = securable(session, "ROLE", (role,))
    if to.type == "ROLE" and to.name in roles_of(session.catalog, role) - {"PUBLIC"}:
        raise SnowflakeError(
            f"Role '{role}' cannot be granted to role '{to.name}': that would make a circle.",
            code="003005", sqlstate="42501",
        )  # fmt: skip
    give(session, ["USAGE"], on, to)


def take_role(session: Session, role: str, to: Grantee) -> None:
    """Take a role from a role or a user."""
    take(session, ["USAGE"], securable(session, "ROLE", (role,)), to)


def _known(privileges: Iterable[str], on: Securable) -> list[str]:
    """Return the privileges in upper case, ALL as what it means.

    Raises:
        SnowflakeError 001008: this kind of object has no such privilege.
    """
    has = PRIVILEGES[on.type]
    wanted = [" ".join(privilege.upper().split()) for privilege in privileges]
    for privilege in wanted:
        if privilege not in {*has, "OWNERSHIP", "ALL", "ALL PRIVILEGES"}:
            raise invalid_value(f"{on.type} has no privilege {privilege}; it has {', '.join(sorted(has))}")
    if {"ALL", "ALL PRIVILEGES"} & set(wanted):
        return sorted(has)
    return wanted


def _require_right_to_give(session: Session, privilege: str, on: Securable) -> None:
    catalog, role = session.catalog, session.role
    if may(catalog, role, "MANAGE GRANTS", ACCOUNT):
        return
    owner = owner_of(session, on)
    if "OWNERSHIP" in privileges_on(catalog, role, on, owner):
        return
    roles = roles_of(catalog, role)
    passed_on = (g for g in grants_on(catalog, on) if g.to.type == "ROLE" and g.to.name in roles and g.grant_option)
    if privilege == "OWNERSHIP" or all(g.privilege != privilege for g in passed_on):
        if on != ACCOUNT and not privileges_on(catalog, role, on, owner):
            raise does_not_exist(on.type.lower(), on.name)
        raise insufficient(on)


def _require_grantee(session: Session, to: Grantee) -> None:
    session.catalog.get(to.type.lower(), ObjectName(None, None, to.name))


def _pass_on(session: Session, on: Securable, to: Grantee) -> None:
    if on.name is None or to.type != "ROLE":
        raise invalid_value("OWNERSHIP of an object goes to a role")
    kind = _catalog_kind(on.type)
    if on.type == "EVENT TABLE":
        session.catalog.update("table", on.name, owner=to.name)
    session.catalog.update(kind, on.name, owner=to.name)
    forget_securable(session.catalog, on)


def _catalog_kind(kind: str) -> str:
    return _CATALOG_KINDS.get(kind, kind.replace(" ", "_").lower())
