"""Service roles: which endpoints of a service another role than its owner may use, given and taken as GRANT says.

Each service has one over all of its endpoints, beside those of its specification. They go with the service.

Source: Snowflake documentation, "GRANT SERVICE ROLE"; "Service specification reference", serviceRoles.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.grants import (
    Grant,
    Grantee,
    Securable,
    forget_securable,
    grant,
    insufficient,
    may,
    require,
    revoke,
)
from mlops_embedded.errors import does_not_exist
from mlops_embedded.jobs.placing import read_specification
from mlops_embedded.jobs.service import KIND, Service
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.results import Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement

ALL_ENDPOINTS = "ALL_ENDPOINTS_USAGE"


@statement("GRANT", "SERVICE", "ROLE")
def grant_service_role(session: Session, found: Statement) -> Status:
    on, to = _read(session, found.after("GRANT", "SERVICE", "ROLE"), "TO")
    grant(session.catalog, Grant("USAGE", on, to, False, session.role))
    return Status()


@statement("REVOKE", "SERVICE", "ROLE")
def revoke_service_role(session: Session, found: Statement) -> Status:
    on, to = _read(session, found.after("REVOKE", "SERVICE", "ROLE"), "FROM")
    revoke(session.catalog, "USAGE", on, to)
    return Status()


def endpoints_by_role(service: Service) -> dict[str, tuple[str, ...]]:
    """Return the endpoints that each service role of a service may use; upper case, as SQL's names are."""
    specification = read_specification(service.request.specification)
    everything = tuple(each.name.upper() for each in specification.endpoints)
    declared = {
        role.upper(): tuple(each.upper() for each in endpoints) for role, endpoints in specification.roles.items()
    }
    return {ALL_ENDPOINTS: everything, **declared}


def require_endpoint(session: Session, service: Service, endpoint: str) -> None:
    """Refuse a role that neither owns the service nor has a service role for the endpoint."""
    catalog, owned = session.catalog, Securable("SERVICE", service.name)
    if may(catalog, session.role, "OWNERSHIP", owned, service.owner):
        return
    for role, endpoints in endpoints_by_role(service).items():
        if endpoint.upper() in endpoints and may(catalog, session.role, "USAGE", _securable(service.name, role)):
            return
    raise insufficient(owned)


def forget_roles(session: Session, service: Service) -> None:
    """Take what was granted on a service that is dropped."""
    for on in _securables(service):
        forget_securable(session.catalog, on)


def _securables(service: Service) -> Iterator[Securable]:
    return (_securable(service.name, role) for role in endpoints_by_role(service))


def _securable(service: ObjectName, role: str) -> Securable:
    return Securable("SERVICE ROLE", ObjectName(service.database, service.schema, f"{service.name}!{role}"))


def _read(session: Session, reader: Reader, direction: str) -> tuple[Securable, Grantee]:
    name = session.resolve(reader.name(), "SERVICE ROLE")
    reader.expect("!")
    role = reader.identifier()
    reader.expect(direction)
    reader.expect("ROLE")
    [to] = reader.name()
    reader.finish()
    service = Service.of(session.catalog.get(KIND, name))
    require(session.catalog, session.role, "OWNERSHIP", Securable("SERVICE", name), service.owner)
    if role not in endpoints_by_role(service):
        raise does_not_exist("service role", ObjectName(name.database, name.schema, f"{name.name}!{role}"))
    session.catalog.get("role", ObjectName(None, None, to))
    return _securable(name, role), Grantee("ROLE", to)
