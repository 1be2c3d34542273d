"""Services and job services over REST: their life, and what is inside: status, containers, instances, logs, endpoints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import Document, ObjectName, quote
from mlops_embedded.jobs.clauses import check_scale, read_staged
from mlops_embedded.jobs.functions import read_logs, status_of, steady
from mlops_embedded.jobs.listings import containers, endpoints, instances, roles, shown
from mlops_embedded.jobs.placing import check_name
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.service import KIND, Scale, Service, ServiceRequest
from mlops_embedded.jobs.statements import run_job
from mlops_embedded.rest.fields import (
    READ_ONLY,
    Field,
    Record,
    Union,
    boolean,
    identifier,
    integer,
    list_of,
    required,
    text,
)
from mlops_embedded.rest.resource import Action, CreateMode, Creation, Level, Resource
from mlops_embedded.rest.routes import (
    collection_path,
    object_name,
    object_path,
    only_parameters,
    routes,
    success,
    whole_number,
)
from mlops_embedded.rest.separate_session import separate_session
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, bad_request, endpoint
from mlops_embedded.sql.session import Session

_SPEC = Union(
    "spec_type",
    {
        "from_inline": {"spec_text": required()},
        "from_file": {"stage": required(), "spec_file": required()},
    },
)
_JOB = {
    "name": required(identifier),
    "compute_pool": required(identifier),
    "spec": required(_SPEC),
    "status": READ_ONLY,
    "external_access_integrations": Field(list_of(text)),
    "query_warehouse": Field(identifier),
    "comment": Field(),
    "is_async_job": Field(boolean, default=False),
}
_SCALE = {
    "auto_resume": Field(boolean),
    "min_instances": Field(integer(1)),
    "max_instances": Field(integer(1)),
    "min_ready_instances": Field(integer(0)),
    "auto_suspend_secs": Field(integer(0)),
}
_STATE = (
    "current_instances", "target_instances", "database_name", "schema_name", "owner", "dns_name", "created_on",
    "updated_on", "resumed_on", "suspended_on", "owner_role_type", "is_job", "spec_digest", "is_upgrading",
    "managing_object_domain", "managing_object_name",
)  # fmt: skip
_JOB_BODY = Record(_JOB)


def _request(session: Session, name: ObjectName, properties: dict[str, Any]) -> ServiceRequest:
    """Return what a body asks for, job or service; a specification on a stage is read now."""
    with separate_session(session, name.database, name.schema) as own:
        specification = _specification(own, properties["spec"])
    return ServiceRequest(
        name,
        properties["compute_pool"],
        specification,
        query_warehouse=properties["query_warehouse"],
        comment=properties["comment"],
        external_access_integrations=tuple(properties["external_access_integrations"] or ()),
    )


def _create(session: Session, asked: Creation) -> bool:
    check_name(asked.name)
    if asked.properties["is_async_job"]:
        raise bad_request("is_async_job is for services:execute-job, not for a long-running service")
    if asked.mode is CreateMode.IF_NOT_EXISTS and session.catalog.find(KIND, asked.name) is not None:
        return False
    request = _request(session, asked.name, asked.properties)
    with separate_session(session, asked.name.database, asked.name.schema) as own:
        runner_of(session.account).create(own, replace(request, scale=Scale(**check_scale(asked.properties))))
    return True


def _alter(session: Session, document: Document, properties: dict[str, Any]) -> None:
    before = Service.of(document).request
    request = _request(session, document.name, properties)
    if request.compute_pool != before.compute_pool:
        raise bad_request(f"a service stays on its compute pool, which is {quote(before.compute_pool)}")
    scaled = replace(request, scale=Scale(**check_scale(properties)))
    runner_of(session.account).change(session, document.name, scaled)


def _drop(session: Session, name: ObjectName) -> None:
    runner_of(session.account).drop(session, name)


def _suspend(session: Session, document: Document, request: ApiRequest) -> None:
    runner_of(session.account).suspend(session, document.name)


def _resume(session: Session, document: Document, request: ApiRequest) -> None:
    runner_of(session.account).resume(session, document.name)


def _shown(session: Session, document: Document) -> dict[str, Any]:
    service = Service.of(document)
    request = service.request
    times = {key: getattr(service, key) for key in ("updated_on", "resumed_on", "suspended_on")}
    return {
        **shown(session, service),
        "compute_pool": quote(request.compute_pool),
        "spec": {"spec_type": "from_inline", "spec_text": request.specification},
        "external_access_integrations": list(request.external_access_integrations),
        "query_warehouse": quote(request.query_warehouse) if request.query_warehouse else None,
        **{key: time.isoformat(timespec="milliseconds") if time else None for key, time in times.items()},
        "auto_resume": request.scale is not None and request.scale.auto_resume,
        "is_job": service.is_job,
        "is_async_job": request.is_async,
        "is_upgrading": runner_of(session.account).is_upgrading(service.name),
    }


SERVICE = Resource(
    kind=KIND,
    path="services",
    level=Level.SCHEMA,
    body=Record({**_JOB, **_SCALE, **dict.fromkeys(_STATE, READ_ONLY)}),
    create=_create,
    alter=_alter,
    drop=_drop,
    shown=_shown,
    actions={
        "suspend": Action(_suspend, "OPERATE", frozenset({"ifExists"})),
        "resume": Action(_resume, "OPERATE", frozenset({"ifExists"})),
    },
    modes=frozenset({CreateMode.ERROR_IF_EXISTS, CreateMode.IF_NOT_EXISTS}),
    tag_domain="SERVICE",
)


def _execute_job(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    properties = _JOB_BODY(request.body)
    name = object_name(request, properties["name"])
    check_name(name)
    SERVICE.require_scope(session, name, "CREATE SERVICE")
    asked = replace(_request(session, name, properties), is_async=bool(properties["is_async_job"]))
    with separate_session(session, name.database, name.schema) as own:
        return success(run_job(own, asked))


def _specification(session: Session, spec: dict[str, Any]) -> str:
    if spec["spec_type"] == "from_inline":
        return str(spec["spec_text"])
    return read_staged(session, f"@{spec['stage'].lstrip('@')}", spec["spec_file"])


def _service(session: Session, request: ApiRequest) -> Service:
    return Service.of(SERVICE.get(session, object_name(request)))


def _logs(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"instanceId", "containerName", "numLines"})
    instance = whole_number(request, "instanceId", 0, 10_000)
    container = request.query.get("containerName")
    if instance is None or container is None:
        raise bad_request("query parameters instanceId and containerName are needed")
    lines = whole_number(request, "numLines", 0, 1_000_000)
    logs = read_logs(session, _service(session, request), instance, container, lines)
    return ApiAnswer({"system$get_service_logs": logs})


def _status(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"timeout"})
    timeout = whole_number(request, "timeout", 0, 86_400) or 0
    return ApiAnswer({"system$get_service_status": status_of(steady(session, _service(session, request), timeout))})


def _containers(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    found = containers(_service(session, request))
    return ApiAnswer([_present(each, "last_exit_code", "last_restart_time") for each in found])


def _instances(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    return ApiAnswer([_present(each, "ip_address") for each in instances(_service(session, request))])


def _endpoints(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    found = endpoints(_service(session, request))
    return ApiAnswer(
        [
            _present({**each, "portRange": each["port_range"], "is_public": each["is_public"] == "true"}, "port_range")
            for each in found
        ]
    )


def _roles(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    found = roles(_service(session, request))
    return ApiAnswer(
        [_present({**each, "created_on": each["created_on"].isoformat(timespec="milliseconds")}) for each in found]
    )


def _present(record: dict[str, Any], *left_out: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None and key not in left_out}


_INSIDE = {
    "logs": _logs, "status": _status, "containers": _containers, "instances": _instances, "endpoints": _endpoints,
    "roles": _roles,
}  # fmt: skip
ROUTES = [
    Route(f"{collection_path(SERVICE)}:execute-job", endpoint(_execute_job), methods=["POST"]),
    *(Route(f"{object_path(SERVICE)}/{path}", endpoint(handler), methods=["GET"]) for path, handler in _INSIDE.items()),
    *routes(SERVICE),
]
