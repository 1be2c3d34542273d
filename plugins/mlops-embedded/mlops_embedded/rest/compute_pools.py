"""Compute pools: the machines that services and jobs run on, here this machine under another name."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from starlette.routing import Route

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.service import KIND as SERVICE
from mlops_embedded.jobs.service import Service
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, boolean, identifier, integer, one_of, required
from mlops_embedded.rest.resource import Action, Creation, Level, Resource, replace_properties, store
from mlops_embedded.rest.routes import only_parameters, routes
from mlops_embedded.rest.statements import register_alter, register_create, register_drop, register_show
from mlops_embedded.server.resources import ApiAnswer, ApiRequest, bad_request, endpoint
from mlops_embedded.sql.session import Session

_FAMILIES = {
    # name: vCPU, memory GiB, GPU, GPUs, GiB a GPU; as Snowflake's documentation of CREATE COMPUTE POOL has them
    "CPU_X64_XS": (1, 6, None, 0, 0),
    "CPU_X64_S": (3, 13, None, 0, 0),
    "CPU_X64_M": (6, 28, None, 0, 0),
    "CPU_X64_SL": (14, 54, None, 0, 0),
    "CPU_X64_L": (28, 116, None, 0, 0),
    "HIGHMEM_X64_S": (6, 58, None, 0, 0),
    "HIGHMEM_X64_M": (28, 240, None, 0, 0),
    "HIGHMEM_X64_L": (124, 984, None, 0, 0),
    "GPU_NV_S": (6, 27, "NVIDIA A10G", 1, 24),
    "GPU_NV_M": (44, 178, "NVIDIA A10G", 4, 24),
    "GPU_NV_L": (92, 1112, "NVIDIA A100", 8, 40),
}
_STATE = (
    "state", "num_services", "num_jobs", "active_nodes", "idle_nodes", "target_nodes", "created_on", "resumed_on",
    "updated_on", "owner", "is_exclusive", "application", "budget", "error_code", "status_message", "desired_nodes",
    "desired_nodes_expire_after", "optimize_for_capacity", "placement_group",
)  # fmt: skip
_BODY = Record(
    {
        "name": required(identifier),
        "min_nodes": required(integer(minimum=1)),
        "max_nodes": required(integer(minimum=1)),
        "instance_family": required(one_of(*_FAMILIES)),
        "auto_resume": Field(boolean, default=True),
        "auto_suspend_secs": Field(integer(minimum=0), default=3600),
        "comment": Field(),
        **dict.fromkeys(_STATE, READ_ONLY),
    }
)


def _create(session: Session, asked: Creation) -> bool:
    _check_nodes(asked.properties)
    suspended = asked.query.get("initiallySuspended", "false").lower()
    if suspended not in {"true", "false"}:
        raise bad_request(f"query parameter initiallySuspended must be true or false, not {suspended!r}")
    now = _now()
    state = {"state": "SUSPENDED"} if suspended == "true" else {"state": "IDLE", "resumed_on": now}
    return store(session, "compute_pool", asked, updated_on=now, **state)


def _alter(session: Session, pool: Document, properties: dict[str, Any]) -> None:
    _check_nodes(properties)
    replace_properties(session, pool, {**properties, "updated_on": _now()})


def _check_nodes(properties: dict[str, Any]) -> None:
    if properties["max_nodes"] < properties["min_nodes"]:
        raise bad_request(f"max_nodes ({properties['max_nodes']}) is less than min_nodes ({properties['min_nodes']})")


def resume(session: Session, pool: Document) -> None:
    """Resume a suspended pool.

    Raises:
        SnowflakeError 400: it is not suspended.
    """
    if pool.body["state"] != "SUSPENDED":
        raise SnowflakeError(
            f"Invalid state: compute pool {pool.name.name} is {pool.body['state']}, only a suspended one can be resumed.",
            code="392507",
            sqlstate="22023",
        )
    session.catalog.update("compute_pool", pool.name, state="IDLE", resumed_on=_now(), updated_on=_now())


def suspend(session: Session, pool: Document) -> None:
    """Suspend a pool with its long-running services; jobs run to their end. Nothing happens if it is suspended."""
    session.catalog.update("compute_pool", pool.name, state="SUSPENDED", updated_on=_now())
    runner_of(session.account).suspend_all(_services_on(session, pool.name))


def _stop_all(session: Session, pool: Document, request: ApiRequest) -> None:
    """Drop every service on the pool, ended jobs too."""
    runner = runner_of(session.account)
    for service in _services_on(session, pool.name):
        runner.drop(session, service.name)


def _drop(session: Session, name: ObjectName) -> None:
    running = [str(service.name) for service in _services_on(session, name) if not service.ended]
    if running:
        raise SnowflakeError(
            f"Invalid state: compute pool {name} still runs {', '.join(running)}. Stop all services first.",
            code="392507",
            sqlstate="22023",
        )
    session.catalog.delete("compute_pool", name)


def _services_on(session: Session, pool: ObjectName) -> list[Service]:
    services = (Service.of(document) for document in session.catalog.list(SERVICE))
    return [service for service in services if service.request.compute_pool == pool.name]


def _shown(session: Session, pool: Document) -> dict[str, Any]:
    running = [service for service in _services_on(session, pool.name) if not service.ended]
    jobs = sum(service.is_job for service in running)
    suspended = pool.body["state"] == "SUSPENDED"
    nodes = 0 if suspended else pool.body["min_nodes"]
    active = min(len(running), nodes)
    return {
        "state": "ACTIVE" if active else pool.body["state"], "num_services": len(running) - jobs, "num_jobs": jobs,
        "active_nodes": active, "idle_nodes": nodes - active, "target_nodes": nodes, "is_exclusive": False,
    }  # fmt: skip


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _instance_families(session: Session, request: ApiRequest) -> ApiAnswer:
    only_parameters(request, ())
    return ApiAnswer(
        [
            {
                "name": name, "description": f"{vcpu} vCPU, {memory} GiB memory", "vcpu": vcpu, "memory_gib": memory,
                "storage_gib": 100.0, "gpu": gpu, "gpu_count": gpus, "gpu_memory_gib": gpu_memory,
                "current_node_usage": 0,
            }
            for name, (vcpu, memory, gpu, gpus, gpu_memory) in _FAMILIES.items()
        ]
    )  # fmt: skip


COMPUTE_POOL = Resource(
    kind="compute_pool",
    path="compute-pools",
    level=Level.ACCOUNT,
    body=_BODY,
    create=_create,
    alter=_alter,
    drop=_drop,
    shown=_shown,
    actions={
        "resume": Action(lambda session, pool, request: resume(session, pool), "OPERATE"),
        "suspend": Action(lambda session, pool, request: suspend(session, pool), "OPERATE"),
        "stop-all-services": Action(_stop_all, "OPERATE"),
        "stopallservices": Action(_stop_all, "OPERATE"),
    },
    filters=frozenset({"like", "startsWith", "showLimit"}),
    create_parameters=frozenset({"initiallySuspended"}),
    alter_privilege="MODIFY",
    tag_domain="COMPUTE POOL",
)

register_create(COMPUTE_POOL, flags={"INITIALLY_SUSPENDED": "initiallySuspended"})
register_alter(COMPUTE_POOL, {"RESUME": "resume", "SUSPEND": "suspend", "STOP ALL": "stop-all-services"})
register_drop(COMPUTE_POOL)
register_show(
    COMPUTE_POOL,
    "COMPUTE POOLS",
    {
        "name": "text", "state": "text", "min_nodes": "fixed", "max_nodes": "fixed", "instance_family": "text",
        "num_services": "fixed", "num_jobs": "fixed", "auto_suspend_secs": "fixed", "auto_resume": "text",
        "active_nodes": "fixed", "idle_nodes": "fixed", "target_nodes": "fixed", "created_on": "timestamp_ltz",
        "resumed_on": "timestamp_ltz", "updated_on": "timestamp_ltz", "owner": "text", "comment": "text",
        "is_exclusive": "text", "application": "text",
    },
)  # fmt: skip

ROUTES = [
    Route("/compute-pools/instance-families", endpoint(_instance_families), methods=["GET"]),
    *routes(COMPUTE_POOL),
]
