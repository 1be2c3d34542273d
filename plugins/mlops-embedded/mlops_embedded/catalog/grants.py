"""Grants: which role or user holds which privilege on what, and whether a role may do something.

ACCOUNTADMIN may do everything here. Every other role holds what is granted to it, to PUBLIC, and to the roles that
are granted to it, and everything on what one of them owns.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timezone

from mlops_embedded.catalog.future_grants import FutureGrant, future_grants
from mlops_embedded.catalog.identifiers import ObjectName
from mlops_embedded.catalog.store import Catalog, Document
from mlops_embedded.errors import SnowflakeError, does_not_exist

ADMINISTRATOR = "ACCOUNTADMIN"
PUBLIC = "PUBLIC"
_KIND = "grant"
_INHERITED = {"SECURITYADMIN": {"USERADMIN"}}
_SYSTEM = {
    "SYSADMIN": {"CREATE DATABASE", "CREATE WAREHOUSE", "CREATE COMPUTE POOL"},
    "SECURITYADMIN": {"MANAGE GRANTS"},
    "USERADMIN": {"CREATE ROLE", "CREATE USER"},
}
"""What the system's own roles may do on the account."""


@dataclass(frozen=True, slots=True)
class Securable:
    """What a privilege is granted on: a type in Snowflake's words (COMPUTE POOL) and a name; the account has none."""

    type: str
    name: ObjectName | None = None

    def __str__(self) -> str:
        return f"{self.type} {self.name}" if self.name else self.type


ACCOUNT = Securable("ACCOUNT")


@dataclass(frozen=True, slots=True, order=True)
class Grantee:
    """Who holds a privilege: a ROLE or a USER."""

    type: str
    name: str


@dataclass(frozen=True, slots=True)
class Grant:
    """One privilege on one securable, held by one grantee. A role granted to somebody is USAGE on that ROLE."""

    privilege: str
    on: Securable
    to: Grantee
    grant_option: bool = False
    granted_by: str = ""
    created_on: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


def grant(catalog: Catalog, given: Grant) -> None:
    """Write a grant down; granting again only ever adds the grant option."""
    with catalog.transaction():
        key = _key(given.privilege, given.on, given.to)
        before = catalog.find(_KIND, key)
        body = {
            "privilege": given.privilege, "type": given.on.type, "on": _parts(given.on.name),
            "to": [given.to.type, given.to.name], "granted_by": given.granted_by,
            "grant_option": given.grant_option or (before is not None and before.body["grant_option"]),
        }  # fmt: skip
        catalog.put(Document(_KIND, key, body, before.created_on if before else given.created_on))


def revoke(catalog: Catalog, privilege: str, on: Securable, to: Grantee, *, option_only: bool = False) -> None:
    """Take a privilege (or only its grant option) away; nothing happens if it was not held."""
    key = _key(privilege, on, to)
    if option_only:
        with catalog.transaction():
            if catalog.find(_KIND, key):
                catalog.update(_KIND, key, grant_option=False)
    else:
        catalog.delete(_KIND, key, if_exists=True)


def grants_to(catalog: Catalog, grantee: Grantee) -> list[Grant]:
    """Return what a role or user holds, by securable."""
    by_future = [g for f in future_grants(catalog) if grantee == Grantee("ROLE", f.role) for g in _given_by(catalog, f)]
    return [*(g for g in _all(catalog) if g.to == grantee), *by_future]


def grants_on(catalog: Catalog, on: Securable) -> list[Grant]:
    """Return who holds what on one securable."""
    by_future = [g for f in future_grants(catalog) if f.type == on.type for g in _given_by(catalog, f) if g.on == on]
    return [*(g for g in _all(catalog) if g.on == on), *by_future]


def forget_securable(catalog: Catalog, on: Securable) -> None:
    """Drop every grant on an object that is dropped; a role also loses what it held."""
    gone = Grantee("ROLE", on.name.name) if on.type == "ROLE" and on.name else None
    for each in _all(catalog):
        if each.on == on or each.to == gone:
            revoke(catalog, each.privilege, each.on, each.to)


def roles_of_user(catalog: Catalog, user: str) -> set[str] | None:
    """Return the roles a user may take, those inherited included; None if any.

    A user made by CREATE USER has the roles granted to it; any other name is the account's administrator, because
    the credential is what lets somebody in.
    """
    if catalog.find("user", ObjectName(None, None, user)) is None:
        return None
    granted = {g.on.name.name for g in grants_to(catalog, Grantee("USER", user)) if g.on.type == "ROLE" and g.on.name}
    if ADMINISTRATOR in granted:
        return None
    return {inherited for role in {*granted, PUBLIC} for inherited in roles_of(catalog, role)}


def roles_of(catalog: Catalog, role: str) -> set[str]:
    """Return a role with every role it inherits."""
    inherits: dict[str, set[str]] = {name: set(roles) for name, roles in _INHERITED.items()}
    for each in _all(catalog):
        if each.on.type == "ROLE" and each.on.name and each.privilege == "USAGE" and each.to.type == "ROLE":
            inherits.setdefault(each.to.name, set()).add(each.on.name.name)
    found, ahead = {PUBLIC}, [role]
    while ahead:
        current = ahead.pop()
        if current not in found or current == role:
            found.add(current)
            ahead.extend(inherits.get(current, set()) - found)
    return found


def privileges_on(catalog: Catalog, role: str, on: Securable, owner: str | None = None) -> set[str]:
    """Return what a role may do with a securable; OWNERSHIP stands for everything."""
    if role == ADMINISTRATOR:
        return {"OWNERSHIP"}
    roles = roles_of(catalog, role)
    held = {g.privilege for g in grants_on(catalog, on) if g.to.type == "ROLE" and g.to.name in roles}
    if owner in roles:
        held.add("OWNERSHIP")
    if on == ACCOUNT:
        held.update(privilege for name in roles for privilege in _SYSTEM.get(name, set()))
    return held


def may(catalog: Catalog, role: str, privilege: str, on: Securable, owner: str | None = None) -> bool:
    """Whether a role holds a privilege, or OWNERSHIP or ALL which include it."""
    return bool(privileges_on(catalog, role, on, owner) & {privilege, "OWNERSHIP", "ALL"})


def require(catalog: Catalog, role: str, privilege: str, on: Securable, owner: str | None = None) -> None:
    """Refuse what a role may not do.

    Raises:
        SnowflakeError 003001: the role holds another privilege, so it may know that the object is there.
        SnowflakeError 002003: the role holds none; as in Snowflake, the object might as well not exist.
    """
    held = privileges_on(catalog, role, on, owner)
    if held & {privilege, "OWNERSHIP", "ALL"}:
        return
    if not held and on != ACCOUNT and on.type not in {"DATABASE", "SCHEMA"}:
        raise does_not_exist(on.type.lower(), on.name)
    raise insufficient(on)


def insufficient(on: Securable) -> SnowflakeError:
    """003001, in Snowflake's words."""
    where = "account 'EMBEDDED'" if on == ACCOUNT else f"{on.type.lower()} '{on.name.name if on.name else ''}'"
    return SnowflakeError(
        f"SQL access control error:\nInsufficient privileges to operate on {where}.",
        code="003001",
        sqlstate="42501",
        http_status=403,
    )


def _given_by(catalog: Catalog, future: FutureGrant) -> list[Grant]:
    """Return the grants that a future grant has become."""
    documents = catalog.list(future.type.replace(" ", "_").lower(), database=future.database, schema=future.schema)
    to = Grantee("ROLE", future.role)
    return [
        Grant(future.privilege, Securable(future.type, d.name), to, False, future.granted_by, d.created_on)
        for d in documents
        if future.covers(future.type, d)
    ]


def _all(catalog: Catalog) -> list[Grant]:
    found = []
    for document in catalog.list(_KIND):
        body = document.body
        name = None if body["on"] is None else ObjectName(*body["on"])
        on, to = Securable(body["type"], name), Grantee(*body["to"])
        given_by = body["granted_by"]
        found.append(Grant(body["privilege"], on, to, body["grant_option"], given_by, document.created_on))
    return sorted(found, key=lambda g: (g.on.type, str(g.on.name), g.privilege, g.to))


def _parts(name: ObjectName | None) -> list[str | None] | None:
    return None if name is None else [name.database, name.schema, name.name]


def _key(privilege: str, on: Securable, to: Grantee) -> ObjectName:
    """A document's key that lives (and is dropped) with the securable's schema or database."""
    named = json.dumps([privilege, on.type, _parts(on.name), to.type, to.name])
    digest = hashlib.sha256(named.encode()).hexdigest()
    if on.name is None:
        return ObjectName(None, None, digest)
    database = on.name.name if on.type == "DATABASE" else on.name.database
    schema = on.name.name if on.type == "SCHEMA" else on.name.schema
    return ObjectName(database, schema, digest)
