"""The least that roles must hold, from the objects of a deployment."""

from __future__ import annotations

from typing import Any

import pytest

from mlops.compile.objects import (
    ComputePool,
    Deployment,
    ImageRepository,
    Service,
    ServiceFunction,
    Stage,
    Task,
)
from mlops.compile.other_roles import caller_privileges, operator_privileges
from mlops.compile.privileges import (
    HeldPrivilege,
    Privilege,
    missing,
    owner_privileges,
)
from mlops.compile.statement import execute_job_service
from mlops.compile.yaml_text import to_yaml


def specification(image: str = "/app/public/images/mlops:1", **spec: Any) -> str:
    container = {"name": "main", "image": image, **spec.pop("container", {})}
    return to_yaml({"spec": {"containers": [container], **spec}})


def job(text: str | None = None, **clauses: Any) -> str:
    return execute_job_service(text or specification(), compute_pool=clauses.pop("pool", "POOL"), **clauses)


def deployed(*tasks: Task, **objects: Any) -> Deployment:
    given = {
        "compute_pools": (ComputePool("POOL", "CPU_X64_S", 1, 1, True, 300),),
        "image_repositories": (ImageRepository("IMAGES"),),
        "stages": (Stage("DATA"),),
    }
    tasks = tasks or (Task("P", job(), ("d:n",)),)
    return Deployment("shop", "p", "t", "APP", "PUBLIC", tasks, **{**given, **objects})


def owned(deployment: Deployment, **facts: Any) -> dict[str, tuple[str, ...]]:
    found = owner_privileges(deployment, **facts)
    return {" ".join(filter(None, [one.privilege, "ON", one.kind, one.name])): one.purposes for one in found}


def test_a_graph_of_jobs_takes_no_more_than_this():
    assert owned(deployed()) == {
        "CREATE COMPUTE POOL ON ACCOUNT": ("deploy",),
        "EXECUTE TASK ON ACCOUNT": ("deploy", "run"),
        "EXECUTE MANAGED TASK ON ACCOUNT": ("deploy", "run"),
        "USAGE ON DATABASE APP": ("deploy", "run"),
        "USAGE ON SCHEMA APP.PUBLIC": ("deploy", "run"),
        "CREATE TASK ON SCHEMA APP.PUBLIC": ("deploy",),
        "CREATE IMAGE REPOSITORY ON SCHEMA APP.PUBLIC": ("deploy",),
        "CREATE STAGE ON SCHEMA APP.PUBLIC": ("deploy",),
        "CREATE SERVICE ON SCHEMA APP.PUBLIC": ("run",),
    }


def test_tasks_with_a_warehouse_need_that_and_no_managed_tasks():
    found = owned(deployed(Task("P", job(query_warehouse="QUERIES"), ("d:n",), warehouse="WH")))

    assert "EXECUTE MANAGED TASK ON ACCOUNT" not in found
    assert found["USAGE ON WAREHOUSE WH"] == ("run",)
    assert found["USAGE ON WAREHOUSE QUERIES"] == ("run",)


def test_a_pool_of_others_is_used_and_not_created():
    found = owned(deployed(compute_pools=(ComputePool("POOL", "CPU_X64_S", 1, 1, True, 300, managed=False),)))

    assert found["USAGE ON COMPUTE POOL POOL"] == ("run",)
    assert "CREATE COMPUTE POOL ON ACCOUNT" not in found


def test_an_image_a_secret_and_a_stage_elsewhere_are_read_where_they_are():
    container = {"secrets": [{"snowflakeSecret": "vault.keys.api", "envVarName": "K", "secretKeyRef": "password"}]}
    volumes = [{"name": "v", "source": "stage", "stageConfig": {"name": "@vault.files.raw/in"}}]
    text = specification("/lib/public/images/mlops:1", container=container, volumes=volumes)

    found = owned(deployed(Task("P", job(text), ("d:n",))))

    assert {name: purposes for name, purposes in found.items() if "LIB" in name or "VAULT" in name} == {
        "USAGE ON DATABASE LIB": ("run",),
        "USAGE ON SCHEMA LIB.PUBLIC": ("run",),
        "READ ON IMAGE REPOSITORY LIB.PUBLIC.IMAGES": ("run",),
        "USAGE ON DATABASE VAULT": ("run",),
        "USAGE ON SCHEMA VAULT.KEYS": ("run",),
        "READ ON SECRET VAULT.KEYS.API": ("run",),
        "USAGE ON SCHEMA VAULT.FILES": ("run",),
        "READ ON STAGE VAULT.FILES.RAW": ("run",),
        "WRITE ON STAGE VAULT.FILES.RAW": ("run",),
    }


def test_integrations_and_streams_are_used():
    task = Task(
        "P", job(external_access_integrations=("PYPI", "HUB")), ("d:n",), error_integration="ALARMS",
        condition="SYSTEM$STREAM_HAS_DATA('APP.PUBLIC.NEW_ROWS')",
    )  # fmt: skip

    found = owned(deployed(task), notification="mail")

    assert {"USAGE ON INTEGRATION PYPI", "USAGE ON INTEGRATION HUB", "USAGE ON INTEGRATION ALARMS",
            "USAGE ON INTEGRATION MAIL", "SELECT ON STREAM APP.PUBLIC.NEW_ROWS"} <= set(found)  # fmt: skip


def test_a_service_with_a_public_endpoint_is_created_at_once():
    text = specification(endpoints=[{"name": "api", "port": 8000, "public": True}])
    service = Service("P_SERVE", "d:serve", "POOL", text, query_warehouse="WH")
    function = ServiceFunction("SCORE", "P_SERVE", "api", "/score")

    found = owned(deployed(services=(service,), functions=(function,)))

    assert found["BIND SERVICE ENDPOINT ON ACCOUNT"] == ("deploy", "run")
    assert found["CREATE SERVICE ON SCHEMA APP.PUBLIC"] == ("deploy", "run")
    assert found["CREATE FUNCTION ON SCHEMA APP.PUBLIC"] == ("deploy",)
    assert found["USAGE ON WAREHOUSE WH"] == ("deploy", "run")


def test_nodes_that_ask_for_services_create_what_these_keep():
    found = owned(deployed(), services={"d:n": ("feature_store", "model_registry", "session")})

    assert {"CREATE DYNAMIC TABLE ON SCHEMA APP.PUBLIC", "CREATE MODEL ON SCHEMA APP.PUBLIC"} <= set(found)


def test_two_reasons_for_one_privilege_are_one_statement():
    [one] = [
        one for one in owner_privileges(deployed(), services={"d:a": ("model_registry",), "d:b": ("model_registry",)})
        if one.privilege == "CREATE MODEL"
    ]  # fmt: skip

    assert one.why == "nodes a, b ask for model_registry"
    assert one.grant("R") == "GRANT CREATE MODEL ON SCHEMA APP.PUBLIC TO ROLE R;"


def test_who_operates_needs_nothing_to_create():
    found = operator_privileges(deployed(), warehouse="WH")

    assert [one.grant("OP") for one in found] == [
        "GRANT USAGE ON DATABASE APP TO ROLE OP;",
        "GRANT USAGE ON SCHEMA APP.PUBLIC TO ROLE OP;",
        "GRANT USAGE ON WAREHOUSE WH TO ROLE OP;",
        "GRANT MONITOR ON FUTURE SERVICES IN SCHEMA APP.PUBLIC TO ROLE OP;",
        "GRANT MONITOR ON TASK APP.PUBLIC.P TO ROLE OP;",
        "GRANT OPERATE ON TASK APP.PUBLIC.P TO ROLE OP;",
    ]


@pytest.mark.parametrize("privilege", ["USAGE", "OWNERSHIP", "ALL"])
def test_what_is_held_or_owned_is_not_missing(privilege: str):
    needed = [Privilege("WAREHOUSE", "WH", "USAGE"), Privilege("ACCOUNT", "", "EXECUTE TASK")]

    assert missing(needed, [HeldPrivilege("WAREHOUSE", "WH", privilege)]) == needed[1:]
    assert missing(needed, []) == needed


def test_who_calls_services_needs_their_functions_and_service_roles_and_no_more():
    text = specification(endpoints=[{"name": "api", "port": 8000}])
    services = (Service("P_SERVE", "d:serve", "POOL", text), Service("P_QUIET", "d:quiet", "POOL", specification()))
    function = ServiceFunction("SCORE", "P_SERVE", "api", "/score", {"AGE": "INT", "NAME": "VARCHAR"})

    found = caller_privileges(deployed(services=services, functions=(function,)))

    assert [one.grant("C") for one in found] == [
        "GRANT USAGE ON DATABASE APP TO ROLE C;",
        "GRANT USAGE ON SCHEMA APP.PUBLIC TO ROLE C;",
        "GRANT USAGE ON FUNCTION APP.PUBLIC.SCORE(INT, VARCHAR) TO ROLE C;",
        "GRANT SERVICE ROLE APP.PUBLIC.P_SERVE!ALL_ENDPOINTS_USAGE TO ROLE C;",
    ]
    assert {one.purposes for one in found} == {("call",)}
    assert caller_privileges(deployed()) == []


def test_what_several_nodes_ask_for_is_told_once():
    services = {"d:a": ("model_registry",), "d:b": ("feature_store", "model_registry"), "d:c": ()}

    found = {one.privilege: one.why for one in owner_privileges(deployed(), services=services)}

    assert found["CREATE MODEL"] == "nodes a, b ask for model_registry"
    assert found["CREATE VIEW"] == "node b asks for feature_store"
    assert found["CREATE EXPERIMENT"] == "metrics of nodes a, b are kept as an experiment, too"


def test_an_operator_is_given_each_privilege_for_all_tasks_before_the_next():
    tasks = (Task("P", job(), ("d:n",)), Task("P$B", job(), ("d:b",), ("P",)))

    found = [one for one in operator_privileges(deployed(*tasks), warehouse=None) if one.kind == "TASK"]

    assert [(one.privilege, one.name) for one in found] == [
        ("MONITOR", "APP.PUBLIC.P"), ("MONITOR", "APP.PUBLIC.P$B"), ("OPERATE", "APP.PUBLIC.P"),
        ("OPERATE", "APP.PUBLIC.P$B"),
    ]  # fmt: skip
