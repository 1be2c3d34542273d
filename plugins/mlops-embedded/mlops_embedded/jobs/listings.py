"""What SHOW and DESCRIBE say of services: themselves, their instances, containers, endpoints and roles."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog.grants import Securable, privileges_on
from mlops_embedded.jobs.placing import read_specification
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.runtimes.sandbox import HOST
from mlops_embedded.jobs.service import KIND, Service
from mlops_embedded.jobs.service_roles import endpoints_by_role
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Statement

SHOWN = {
    "name": "text", "status": "text", "database_name": "text", "schema_name": "text", "owner": "text",
    "compute_pool": "text", "spec": "text", "dns_name": "text", "current_instances": "fixed",
    "target_instances": "fixed", "min_ready_instances": "fixed", "min_instances": "fixed", "max_instances": "fixed",
    "auto_resume": "text", "external_access_integrations": "text", "created_on": "timestamp_ltz",
    "updated_on": "timestamp_ltz", "resumed_on": "timestamp_ltz", "suspended_on": "timestamp_ltz",
    "auto_suspend_secs": "fixed", "comment": "text", "owner_role_type": "text", "query_warehouse": "text",
    "is_job": "text", "is_async_job": "text", "spec_digest": "text", "is_upgrading": "text",
    "managing_object_domain": "text", "managing_object_name": "text",
}  # fmt: skip
CONTAINERS = {
    "database_name": "text", "schema_name": "text", "service_name": "text", "service_status": "text",
    "instance_id": "text", "instance_status": "text", "container_name": "text", "status": "text", "message": "text",
    "image_name": "text", "image_digest": "text", "restart_count": "fixed", "start_time": "text",
    "last_exit_code": "fixed", "last_restart_time": "text",
}  # fmt: skip
INSTANCES = {
    "database_name": "text", "schema_name": "text", "service_name": "text", "service_status": "text",
    "instance_id": "text", "status": "text", "spec_digest": "text", "creation_time": "text", "start_time": "text",
    "ip_address": "text",
}  # fmt: skip
ENDPOINTS = {
    "name": "text", "port": "fixed", "port_range": "text", "protocol": "text", "is_public": "text",
    "ingress_url": "text",
}  # fmt: skip
"""The role that Snowflake gives every service, over all its endpoints."""


@statement("SHOW", "SERVICES")
def show_services(session: Session, found: Statement) -> Rowset:
    return _show(session, found, ("SHOW", "SERVICES"))


@statement("SHOW", "JOB", "SERVICES")
def show_job_services(session: Session, found: Statement) -> Rowset:
    return _show(session, found, ("SHOW", "JOB", "SERVICES"), jobs=True)


def _show(session: Session, found: Statement, words: tuple[str, ...], *, jobs: bool | None = None) -> Rowset:
    reader = found.after(*words)
    columns = dict(SHOWN)
    if jobs is None and reader.accept("EXCLUDE", "JOBS"):
        jobs = False
        del columns["is_async_job"]
    pool = reader.identifier() if reader.accept("IN", "COMPUTE", "POOL") else None
    options = read_show_options(session, reader, schema_objects=pool is None)
    services = [Service.of(document) for document in options.documents(session, KIND)]
    wanted = (
        service
        for service in services
        if _seen(session, service) and jobs in {None, service.is_job} and pool in {None, service.request.compute_pool}
    )
    return Rowset.of(columns, (shown(session, service) for service in wanted))


def _seen(session: Session, service: Service) -> bool:
    return bool(privileges_on(session.catalog, session.role, Securable("SERVICE", service.name), service.owner))


def shown(session: Session, service: Service) -> dict[str, Any]:
    """Return a service as SHOW SERVICES lists it."""
    request, scale, count = service.request, service.request.scale, len(service.instances)
    return {
        "name": service.name.name, "status": service.status, "database_name": service.name.database,
        "schema_name": service.name.schema, "owner": service.owner, "compute_pool": request.compute_pool,
        "spec": request.specification, "current_instances": service.current_instances,
        "target_instances": service.target_instances,
        "dns_name": f"{service.name.name.lower().replace('_', '-')}.local",
        "min_ready_instances": scale.min_ready_instances if scale else count,
        "min_instances": scale.min_instances if scale else count,
        "max_instances": scale.max_instances if scale else count,
        "auto_resume": str(scale is not None and scale.auto_resume).lower(),
        "auto_suspend_secs": scale.auto_suspend_secs if scale else 0,
        "external_access_integrations": ", ".join(request.external_access_integrations) or None,
        "created_on": service.created_on, "updated_on": service.updated_on, "resumed_on": service.resumed_on,
        "suspended_on": service.suspended_on, "comment": request.comment, "owner_role_type": "ROLE",
        "query_warehouse": request.query_warehouse, "is_job": str(service.is_job).lower(),
        "is_async_job": str(request.is_async).lower(), "spec_digest": request.digest,
        "is_upgrading": str(runner_of(session.account).is_upgrading(service.name)).lower(),
    }  # fmt: skip


@statement("DESCRIBE", "SERVICE")
def describe_service(session: Session, found: Statement) -> Rowset:
    return Rowset.of(SHOWN, [shown(session, _named(session, found, "DESCRIBE", "SERVICE"))])


@statement("SHOW", "SERVICE", "CONTAINERS", "IN", "SERVICE")
def show_service_containers(session: Session, found: Statement) -> Rowset:
    service = _named(session, found, "SHOW", "SERVICE", "CONTAINERS", "IN", "SERVICE")
    return Rowset.of(CONTAINERS, containers(service) or [_head(service)])


@statement("SHOW", "SERVICE", "INSTANCES", "IN", "SERVICE")
def show_service_instances(session: Session, found: Statement) -> Rowset:
    return Rowset.of(INSTANCES, instances(_named(session, found, "SHOW", "SERVICE", "INSTANCES", "IN", "SERVICE")))


@statement("SHOW", "ENDPOINTS", "IN", "SERVICE")
def show_endpoints(session: Session, found: Statement) -> Rowset:
    return Rowset.of(ENDPOINTS, endpoints(_named(session, found, "SHOW", "ENDPOINTS", "IN", "SERVICE")))


@statement("SHOW", "ROLES", "IN", "SERVICE")
def show_service_roles(session: Session, found: Statement) -> Rowset:
    service = _named(session, found, "SHOW", "ROLES", "IN", "SERVICE")
    return Rowset.of({"created_on": "timestamp_ltz", "name": "text", "comment": "text"}, roles(service))


def _named(session: Session, found: Statement, *words: str) -> Service:
    reader = found.after(*words)
    name = session.resolve(reader.name(), " ".join(words))
    reader.finish()
    return runner_of(session.account).service(session, name)


def containers(service: Service) -> list[dict[str, Any]]:
    """Return every container of every instance; a service that rests has none."""
    return [
        {
            **_of_instance(service, number), "instance_status": service.instance_status(number),
            "container_name": state.name, "status": state.status, "message": state.message, "image_name": state.image,
            "image_digest": state.image_digest, "restart_count": state.restarts, "start_time": state.started,
            "last_exit_code": state.exit_code, "last_restart_time": state.restarted,
        }
        for number, instance in enumerate(service.instances)
        for state in instance
    ]  # fmt: skip


def instances(service: Service) -> list[dict[str, Any]]:
    return [
        {
            **_of_instance(service, number), "status": service.instance_status(number),
            "spec_digest": service.request.digest, "creation_time": service.created_on.isoformat(),
            "start_time": instance[0].started, "ip_address": HOST,
        }
        for number, instance in enumerate(service.instances)
    ]  # fmt: skip


def endpoints(service: Service) -> list[dict[str, Any]]:
    """Return the endpoints of a service's specification; each is a port of this machine, which only it can reach."""
    return [
        {
            "name": each.name, "port": each.port if each.port == each.last_port else None,
            "port_range": None if each.port == each.last_port else f"{each.port}-{each.last_port}",
            "protocol": each.protocol, "is_public": str(each.public).lower(),
            "ingress_url": f"{HOST}:{each.port}" if each.public else None,
        }
        for each in read_specification(service.request.specification).endpoints
    ]  # fmt: skip


def roles(service: Service) -> list[dict[str, Any]]:
    """Return the service roles: the one over all endpoints, and those of the specification."""
    return [{"created_on": service.created_on, "name": name, "comment": None} for name in endpoints_by_role(service)]


def _head(service: Service) -> dict[str, Any]:
    return {
        "database_name": service.name.database, "schema_name": service.name.schema,
        "service_name": service.name.name, "service_status": service.status,
    }  # fmt: skip


def _of_instance(service: Service, number: int) -> dict[str, Any]:
    return {**_head(service), "instance_id": str(number)}
