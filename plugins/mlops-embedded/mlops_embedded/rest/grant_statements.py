"""GRANT, REVOKE and SHOW GRANTS."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.future_grants import FutureGrant, future_grants, grant_future, revoke_future
from mlops_embedded.catalog.grants import Grant, Grantee, Securable, grants_on, grants_to
from mlops_embedded.errors import syntax_error, unknown_here
from mlops_embedded.rest.privileges import (
    PRIVILEGES,
    futures,
    give,
    give_role,
    inside,
    owner_of,
    securable,
    take,
    take_role,
)
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import split_arguments
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tokens import Kind

_GRANTS = {
    "created_on": "timestamp_ltz", "privilege": "text", "granted_on": "text", "name": "text", "granted_to": "text",
    "grantee_name": "text", "grant_option": "text", "granted_by": "text",
}  # fmt: skip
_GRANTS_OF = {
    "created_on": "timestamp_ltz", "role": "text", "granted_to": "text", "grantee_name": "text", "granted_by": "text",
}  # fmt: skip


_FUTURE = {
    "created_on": "timestamp_ltz", "privilege": "text", "grant_on": "text", "name": "text", "grant_to": "text",
    "grantee_name": "text", "grant_option": "text",
}  # fmt: skip


@statement("GRANT")
def grant_statement(session: Session, found: Statement) -> Status:
    reader = found.after("GRANT")
    if reader.accept("ROLE"):
        [role] = reader.name()
        reader.expect("TO")
        give_role(session, role, _read_grantee(reader))
        reader.finish()
        return Status()
    privileges = _read_privileges(reader)
    if reader.accept("FUTURE"):
        for future in _read_future(session, reader, privileges, "TO"):
            grant_future(session.catalog, future)
        return Status()
    targets = _read_targets(session, reader)
    reader.expect("TO")
    to = _read_grantee(reader)
    grant_option = reader.accept("WITH", "GRANT", "OPTION")
    if privileges == ["OWNERSHIP"] and reader.accept("COPY", "CURRENT", "GRANTS"):
        raise unknown_here("COPY CURRENT GRANTS: a new owner gets an object without the grants on it")
    reader.accept("REVOKE", "CURRENT", "GRANTS")
    reader.finish()
    for on in targets:
        give(session, privileges, on, to, grant_option=grant_option)
    return Status()


@statement("REVOKE")
def revoke_statement(session: Session, found: Statement) -> Status:
    reader = found.after("REVOKE")
    if reader.accept("ROLE"):
        [role] = reader.name()
        reader.expect("FROM")
        take_role(session, role, _read_grantee(reader))
        reader.finish()
        return Status()
    option_only = reader.accept("GRANT", "OPTION", "FOR")
    privileges = _read_privileges(reader)
    if reader.accept("FUTURE"):
        for future in _read_future(session, reader, privileges, "FROM"):
            revoke_future(session.catalog, future)
        return Status()
    targets = _read_targets(session, reader)
    reader.expect("FROM")
    to = _read_grantee(reader)
    reader.accept_any(("CASCADE", "RESTRICT"))
    reader.finish()
    for on in targets:
        take(session, privileges, on, to, option_only=option_only)
    return Status()


def _read_privileges(reader: Reader) -> list[str]:
    """Read `SELECT, CREATE TABLE, ... ON`."""
    privileges: list[list[str]] = [[]]
    while not reader.accept("ON"):
        if reader.accept(","):
            privileges.append([])
        else:
            privileges[-1].append(reader.next().text.upper())
    if not all(privileges):
        raise syntax_error("GRANT and REVOKE name the privileges before ON")
    return [" ".join(words) for words in privileges]


def _read_targets(session: Session, reader: Reader) -> list[Securable]:
    if reader.accept("ACCOUNT"):
        return [securable(session, "ACCOUNT")]
    if reader.accept("ALL"):
        return inside(session, _read_plural(reader), _read_object(session, reader))
    return [_read_object(session, reader)]


def _read_plural(reader: Reader) -> str:
    """Read `IMAGE REPOSITORIES IN`."""
    plural = []
    while not reader.accept("IN"):
        plural.append(reader.next().text.upper())
    return " ".join(plural)


def _read_future(session: Session, reader: Reader, privileges: list[str], direction: str) -> list[FutureGrant]:
    plural, scope = _read_plural(reader), _read_object(session, reader)
    reader.expect(direction)
    to = _read_grantee(reader)
    reader.finish()
    return futures(session, privileges, plural, scope, to)


def _read_object(session: Session, reader: Reader) -> Securable:
    # the longest kind first: DYNAMIC TABLE before TABLE would start elsewhere, COMPUTE POOL is two words
    for kind in sorted(PRIVILEGES, key=len, reverse=True):
        if reader.accept(*kind.split()):
            return _read_function(session, reader) if kind == "FUNCTION" else securable(session, kind, reader.name())
    token = reader.peek()
    raise unknown_here(f"grants on {token.text if token else 'nothing'}")


def _read_function(session: Session, reader: Reader) -> Securable:
    """Read a function with the types of its arguments, which are part of its name."""
    name = session.resolve(reader.name(), "GRANT")
    types = [signature_type(reader.text_of(each)).written for each in split_arguments(reader.parenthesised())]
    on = Securable("FUNCTION", ObjectName(name.database, name.schema, f"{name.name}({', '.join(types)})"))
    owner_of(session, on)
    return on


def _read_grantee(reader: Reader) -> Grantee:
    kind = reader.accept_any(("ROLE", "USER", "DATABASE", "SHARE", "APPLICATION"))
    if kind not in {None, "ROLE", "USER"}:
        raise unknown_here(f"grants to {kind}")
    [name] = reader.name()
    return Grantee(kind or "ROLE", name)


@statement("SHOW", "GRANTS")
def show_grants(session: Session, found: Statement) -> Rowset:
    reader = found.after("SHOW", "GRANTS")
    if reader.at_end:
        return _rows(grants_to(session.catalog, Grantee("USER", session.principal.user)))
    if reader.accept("OF"):
        reader.expect("ROLE")
        [role] = reader.name()
        reader.finish()
        grants = grants_on(session.catalog, securable(session, "ROLE", (role,)))
        return Rowset.of(
            _GRANTS_OF,
            (
                {"created_on": g.created_on, "role": role, "granted_to": g.to.type, "grantee_name": g.to.name,
                 "granted_by": g.granted_by}
                for g in grants
            ),
        )  # fmt: skip
    if reader.accept("ON"):
        on = securable(session, "ACCOUNT") if reader.accept("ACCOUNT") else _read_object(session, reader)
        reader.finish()
        return _rows([*owned(session, on), *grants_on(session.catalog, on)])
    reader.expect("TO")
    token = reader.peek()
    if token is None or token.kind is not Kind.WORD or token.text.upper() not in {"ROLE", "USER"}:
        raise unknown_here("SHOW GRANTS TO anything but a ROLE or a USER")
    to = _read_grantee(reader)
    reader.finish()
    return _rows(grants_to(session.catalog, to))


@statement("SHOW", "FUTURE", "GRANTS")
def show_future_grants(session: Session, found: Statement) -> Rowset:
    reader = found.after("SHOW", "FUTURE", "GRANTS")
    everything = future_grants(session.catalog)
    if reader.accept("TO", "ROLE"):
        [role] = reader.name()
        chosen = [f for f in everything if f.role == role]
    else:
        reader.expect("IN")
        on = _read_object(session, reader)
        assert on.name is not None
        place = (on.name.name, None) if on.type == "DATABASE" else (on.name.database, on.name.name)
        chosen = [f for f in everything if (f.database, f.schema) == place]
    reader.finish()
    return Rowset.of(
        _FUTURE,
        (
            {
                "created_on": f.created_on, "privilege": f.privilege, "grant_on": f.type.replace(" ", "_"),
                "name": ".".join(filter(None, (f.database, f.schema, f"<{f.type}>"))), "grant_to": "ROLE",
                "grantee_name": f.role, "grant_option": "false",
            }
            for f in chosen
        ),
    )  # fmt: skip


def owned(session: Session, on: Securable) -> list[Grant]:
    """Return the ownership of an object as the grant that SHOW GRANTS lists it as."""
    owner = owner_of(session, on)
    return [Grant("OWNERSHIP", on, Grantee("ROLE", owner), True, owner)] if owner else []


def _rows(grants: Iterable[Grant]) -> Rowset:
    return Rowset.of(
        _GRANTS,
        (
            {
                "created_on": g.created_on, "privilege": g.privilege, "granted_on": g.on.type.replace(" ", "_"),
                "name": str(g.on.name) if g.on.name else "EMBEDDED", "granted_to": g.to.type,
                "grantee_name": g.to.name, "grant_option": str(g.grant_option).lower(), "granted_by": g.granted_by,
            }
            for g in grants
        ),
    )  # fmt: skip
