"""Job services over REST: execute-job, fetch, list, drop, status, containers, instances, logs."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import Document, ObjectName, quote
from mlops_embedded.errors import unknown_here
from mlops_embedded.jobs.functions import await_status, read_logs, status_of
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.service import ENDED, KIND, JobRequest, JobService
from mlops_embedded.jobs.statements import check_name, containers, instances, read_staged, run_job, shown
from mlops_embedded.rest.aside import aside
from mlops_embedded.rest.fields import (
    READ_ONLY,
    Field,
    Record,
    Union,
    boolean,
    identifier,
    list_of,
    required,
    text,
)
from mlops_embedded.rest.resource import Creation, Level, Resource
from mlops_embedded.rest.routes import (
    collection_path,
    object_name,
    object_path,
    only_parameters,
    routes,
    success,
    whole_number,
)
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
_STATE = (
    "current_instances", "target_instances", "min_ready_instances", "min_instances", "max_instances",
    "database_name", "schema_name", "owner", "dns_name", "created_on", "updated_on", "owner_role_type", "is_job",
    "spec_digest", "is_upgrading", "auto_resume",
)  # fmt: skip
_JOB_BODY = Record(_JOB)


def _refuse_service(session: Session, asked: Creation) -> bool:
    raise unknown_here("long-running services; it runs jobs: services:execute-job, EXECUTE JOB SERVICE")


def _drop(session: Session, name: ObjectName) -> None:
    runner_of(session.account).drop(session, name)


def _shown(session: Session, document: Document) -> dict[str, Any]:
    job = JobService.of(document)
    request = job.request
    return {
        **shown(job),
        "compute_pool": quote(request.compute_pool),
        "spec": {"spec_type": "from_inline", "spec_text": request.specification},
        "external_access_integrations": list(request.external_access_integrations),
        "query_warehouse": quote(request.query_warehouse) if request.query_warehouse else None,
        "updated_on": job.updated_on.isoformat(timespec="milliseconds") if job.updated_on else None,
        "auto_resume": False,
        "is_job": True,
        "is_async_job": request.is_async,
        "is_upgrading": False,
    }


SERVICE = Resource(
    kind=KIND,
    path="services",
    level=Level.SCHEMA,
    body=Record({**_JOB, **dict.fromkeys(_STATE, READ_ONLY)}),
    create=_refuse_service,
    drop=_drop,
    shown=_shown,
    tag_domain="SERVICE",
)


def _execute_job(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    properties = _JOB_BODY(request.body)
    name = object_name(request, properties["name"])
    check_name(name)
    SERVICE.require_scope(session, name, "CREATE SERVICE")
    with aside(session, name.database, name.schema) as own:
        asked = JobRequest(
            name,
            properties["compute_pool"],
            _specification(own, properties["spec"]),
            query_warehouse=properties["query_warehouse"],
            comment=properties["comment"],
            external_access_integrations=tuple(properties["external_access_integrations"] or ()),
            is_async=bool(properties["is_async_job"]),
        )
        return success(run_job(own, asked))


def _specification(session: Session, spec: dict[str, Any]) -> str:
    if spec["spec_type"] == "from_inline":
        return str(spec["spec_text"])
    return read_staged(session, f"@{spec['stage'].lstrip('@')}", spec["spec_file"])


def _job(session: Session, request: ApiRequest) -> JobService:
    return JobService.of(SERVICE.get(session, object_name(request)))


def _logs(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"instanceId", "containerName", "numLines"})
    instance = whole_number(request, "instanceId", 0, 10_000)
    container = request.query.get("containerName")
    if instance is None or container is None:
        raise bad_request("query parameters instanceId and containerName are needed")
    lines = whole_number(request, "numLines", 0, 1_000_000)
    logs = read_logs(session, _job(session, request), instance, container, lines)
    return ApiAnswer({"system$get_service_logs": logs})


def _status(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, {"timeout"})
    job = _job(session, request)
    timeout = whole_number(request, "timeout", 0, 86_400)
    if timeout:
        await_status(session, job.name, ENDED, timeout)
        job = _job(session, request)
    return ApiAnswer({"system$get_service_status": status_of(job)})


def _containers(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    return ApiAnswer([_present(each, "last_exit_code") for each in containers(_job(session, request))])


def _instances(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    return ApiAnswer([_present(each) for each in instances(_job(session, request))])


def _nothing(session: Session, request: ApiRequest) -> ApiAnswer:
    """A job has no endpoints and no roles."""
    only_parameters(request, ())
    _job(session, request)
    return ApiAnswer([])


def _present(record: dict[str, Any], *left_out: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None and key not in left_out}


_INSIDE = {
    "logs": _logs, "status": _status, "containers": _containers, "instances": _instances, "endpoints": _nothing,
    "roles": _nothing,
}  # fmt: skip
ROUTES = [
    Route(f"{collection_path(SERVICE)}:execute-job", endpoint(_execute_job), methods=["POST"]),
    *(Route(f"{object_path(SERVICE)}/{path}", endpoint(handler), methods=["GET"]) for path, handler in _INSIDE.items()),
    *routes(SERVICE),
]
