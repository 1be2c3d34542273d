"""Tasks and job services over REST, held against Snowflake's published API like everything in this folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml
from mlops_embedded import EmbeddedSnowflake
from snowflake.core import CreateMode, Root
from snowflake.core.compute_pool import ComputePool
from snowflake.core.exceptions import APIError, ConflictError, NotFoundError
from snowflake.core.schema import SchemaResource
from snowflake.core.service import JobService, Service, ServiceResource, ServiceSpec
from snowflake.core.task import Cron, Task
from snowflake.core.task.dagv1 import DAG, DAGOperation, DAGTask

from .conftest import add_images

IMAGE = "/embedded/public/images/sh"
TASKS = "/databases/EMBEDDED/schemas/PUBLIC/tasks"
Call = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def schema(root: Root, embedded_snowflake: EmbeddedSnowflake) -> SchemaResource:
    """A schema with a compute pool at hand, and an image that is the shell."""
    add_images(embedded_snowflake.state, IMAGE)
    pool = ComputePool("job_pool", min_nodes=1, max_nodes=1, instance_family="CPU_X64_XS")
    root.compute_pools.create(pool)
    return root.databases["EMBEDDED"].schemas["PUBLIC"]


def spec(script: str) -> str:
    return yaml.safe_dump({"spec": {"containers": [{"name": "main", "image": f"{IMAGE}:1", "args": [script]}]}})


def served(script: str) -> str:
    """The same with an endpoint, and a role that may use it."""
    whole = yaml.safe_load(spec(script))
    whole["spec"]["endpoints"] = [{"name": "api", "port": 4711, "public": True}]
    whole["serviceRoles"] = [{"name": "reader", "endpoints": ["api"]}]
    return yaml.safe_dump(whole)


def await_status(service: ServiceResource, status: str) -> None:
    until = time.monotonic() + 20
    while service.fetch().status != status:
        assert time.monotonic() < until, service.fetch()
        time.sleep(0.05)


@pytest.mark.embedded("Tasks over REST: create modes, create_or_alter, fetch, iterate, dependents, drop, errors")
def test_a_task_round_trips_in_every_property(schema: SchemaResource) -> None:
    task = Task(
        "every",
        "select 1",
        warehouse="COMPUTE_WH",
        schedule=Cron("0 9 * * MON", "Europe/Berlin"),
        comment="it's all",
        config={"a": 1, "b": "two", "c": True},
        session_parameters={"TIMEZONE": "UTC"},
        task_auto_retry_attempts=2,
        user_task_timeout_ms=60_000,
        suspend_task_after_num_failures=3,
        condition="1 = 1",
        overlap_policy="ALLOW_CHILD_OVERLAP",
    )
    reference = schema.tasks.create(task)

    fetched = reference.fetch()

    for name in (
        "warehouse", "schedule", "comment", "config", "session_parameters", "task_auto_retry_attempts",
        "user_task_timeout_ms", "suspend_task_after_num_failures", "condition", "overlap_policy", "definition",
    ):  # fmt: skip
        assert getattr(fetched, name) == getattr(task, name), name
    assert (fetched.name, fetched.state, fetched.owner) == ("EVERY", "suspended", "ACCOUNTADMIN")
    reference.resume()
    assert reference.fetch().state == "started"
    [upcoming] = reference.get_current_graphs()
    assert (upcoming.state, upcoming.scheduled_time.weekday()) == ("SCHEDULED", 0)
    reference.suspend()
    reference.create_or_alter(Task("every", "select 2", schedule=Cron("0 * * * *", "UTC")))
    altered = reference.fetch()
    assert (altered.definition, altered.comment) == ("select 2", None)
    assert altered.schedule == Cron("0 * * * *", "UTC")
    assert altered.id == fetched.id
    reference.drop()


def test_every_create_mode_and_error_class(schema: SchemaResource) -> None:
    schema.tasks.create(Task("moded", "select 1"))

    with pytest.raises(ConflictError):
        schema.tasks.create(Task("moded", "select 2"))
    schema.tasks.create(Task("moded", "select 2"), mode=CreateMode.if_not_exists)
    assert schema.tasks["moded"].fetch().definition == "select 1"
    schema.tasks.create(Task("moded", "select 2"), mode=CreateMode.or_replace)
    assert schema.tasks["moded"].fetch().definition == "select 2"
    child = Task("moded_child", "select 1", predecessors=["moded"])
    schema.tasks.create(child)
    names = [t.name for t in schema.tasks["moded"].fetch_task_dependents()]
    assert names == ["MODED", "MODED_CHILD"]
    assert [t.name for t in schema.tasks.iter(like="moded%", root_only=True)] == ["MODED"]
    with pytest.raises(APIError, match="SCHEDULE is for root tasks"):
        schema.tasks.create(Task("x", "select 1", predecessors=["moded"], schedule=timedelta(minutes=1)))
    with pytest.raises(NotFoundError):
        schema.tasks["never"].fetch()
    with pytest.raises(NotFoundError):
        schema.tasks["never"].execute()
    schema.tasks["moded_child"].drop()
    schema.tasks["moded"].drop()
    schema.tasks["moded"].drop(if_exists=True)


@pytest.mark.embedded("Job services over REST: execute_job, fetch, list, status, containers, instances, logs, drop")
def test_a_job_service_over_rest_runs_and_shows_its_logs(schema: SchemaResource) -> None:
    asked = JobService(
        name="rest_job",
        compute_pool="job_pool",
        spec=ServiceSpec(spec("echo one; echo two")),
        is_async_job=True,
    )

    service = schema.services.execute_job(asked)

    until = time.monotonic() + 20
    while service.fetch().status != "DONE":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert service.get_service_logs("0", "main") == "one\ntwo"
    assert service.get_service_logs("0", "main", 1) == "two"
    fetched = service.fetch()
    assert (fetched.name, fetched.compute_pool, fetched.is_job, fetched.is_async_job) == (
        "REST_JOB",
        "JOB_POOL",
        True,
        True,
    )
    assert [c.status for c in service.get_containers()] == ["DONE"]
    assert [i.instance_id for i in service.get_instances()] == ["0"]
    with pytest.raises(ConflictError):
        schema.services.execute_job(asked)
    service.drop()
    with pytest.raises(NotFoundError):
        service.fetch()


def test_a_job_over_rest_that_fails_says_how(schema: SchemaResource) -> None:
    asked = JobService(name="rest_bad", compute_pool="job_pool", spec=ServiceSpec(spec("exit 4")))

    with pytest.raises(APIError, match="exited with code 4"):
        schema.services.execute_job(asked)

    assert schema.services["rest_bad"].fetch().status == "FAILED"
    schema.services["rest_bad"].drop()


@pytest.mark.embedded(
    "Services over REST: create, create_or_alter, fetch, suspend, resume, status, endpoints, roles, drop"
)
def test_a_service_over_rest_lives_and_shows_what_is_inside(schema: SchemaResource) -> None:
    def asked(**changes: Any) -> Service:
        settings: dict[str, Any] = {
            "name": "rest_service", "compute_pool": "job_pool", "spec": ServiceSpec(served("echo up; sleep 300")),
            "min_instances": 1, "max_instances": 2, "comment": "first", **changes,
        }  # fmt: skip
        return Service(**settings)

    service = schema.services.create(asked())

    await_status(service, "RUNNING")
    with pytest.raises(ConflictError):
        schema.services.create(asked())
    schema.services.create(asked(comment="other"), mode=CreateMode.if_not_exists)
    fetched = service.fetch()
    assert (fetched.name, fetched.is_job, fetched.comment, fetched.min_instances, fetched.max_instances) == (
        "REST_SERVICE", False, "first", 1, 2,
    )  # fmt: skip
    assert (fetched.auto_resume, fetched.auto_suspend_secs, fetched.current_instances) == (True, 0, 1)
    assert [(c.status, c.restart_count) for c in service.get_containers()] == [("READY", 0)]
    assert [i.status for i in service.get_instances()] == ["READY"]
    assert [(e.name, e.port, e.is_public, e.ingress_url) for e in service.get_endpoints()] == [
        ("api", 4711, True, "127.0.0.1:4711")
    ]
    assert [role.name for role in service.get_roles()] == ["ALL_ENDPOINTS_USAGE", "READER"]
    assert service.get_service_logs("0", "main") == "up"
    with pytest.deprecated_call():
        assert service.get_service_status(timeout=5)[0]["status"] == "READY"
    service.suspend()
    await_status(service, "SUSPENDED")
    assert list(service.get_containers()) == []
    service.resume()
    await_status(service, "RUNNING")
    service.create_or_alter(asked(comment="second", auto_resume=False, max_instances=1))
    altered = service.fetch()
    assert (altered.comment, altered.auto_resume, altered.max_instances) == ("second", False, 1)
    assert [s.name for s in schema.services.iter(like="rest_serv%")] == ["REST_SERVICE"]
    service.drop()
    with pytest.raises(NotFoundError):
        service.fetch()
    service.drop(if_exists=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"min_instances": 3, "max_instances": 2}, "less than MIN_INSTANCES"),
        ({"is_async_job": True}, "is for services:execute-job"),
        ({"spec": ServiceSpec("spec: {}")}, "containers: is missing"),
        ({"auto_suspend_secs": 5}, "at least 300"),
    ],
)
def test_a_service_over_rest_that_cannot_be_is_refused(
    schema: SchemaResource, changes: dict[str, Any], reason: str
) -> None:
    settings = {"name": "never", "compute_pool": "job_pool", "spec": ServiceSpec(spec("sleep 300")), **changes}

    with pytest.raises(APIError, match=reason):
        schema.services.create(Service(**settings))


def test_the_graphs_of_a_dag_are_answered_as_published(schema: SchemaResource) -> None:
    operation = DAGOperation(schema)
    with DAG("published", schedule=Cron("0 * * * *", "UTC"), warehouse="COMPUTE_WH", config={"a": "b"}) as dag:
        one, two = DAGTask("one", "SELECT * FROM MISSING"), DAGTask("two", "SELECT 1")
        DAGTask("last", "SELECT 1", is_finalizer=True)
        one >> two

    operation.deploy(dag)
    operation.run(dag)

    until = time.monotonic() + 20
    while not (complete := operation.get_complete_dag_runs(dag)):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert (complete[0].state, complete[0].first_error_task_name) == ("FAILED", "PUBLISHED$ONE")
    assert [run.state for run in operation.get_current_dag_runs(dag)] == ["SCHEDULED"]
    dependents = schema.tasks["published"].fetch_task_dependents()
    assert [t.name for t in dependents] == ["PUBLISHED", "PUBLISHED$ONE", "PUBLISHED$TWO", "PUBLISHED$LAST"]
    operation.drop(dag, drop_finalizer=True)
    assert [t.name for t in schema.tasks.iter(like="published%")] == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"name": "t"}, "'definition' is missing"),
        ({"name": "t", "definition": "SELECT 1", "retries": 3}, "unknown property 'retries'"),
        ({"name": "t", "definition": "SELECT 1", "schedule": {"schedule_type": "CRON_TYPE"}}, "cron_expr"),
        ({"name": "t", "definition": "SELECT 1", "schedule": {"minutes": 5}}, "schedule_type"),
        ({"name": "t", "definition": "SELECT 1", "user_task_timeout_ms": "1"}, "user_task_timeout_ms"),
        ({"name": "t", "definition": "SELECT 1", "predecessors": ["OTHER.PUBLIC.X"]}, "one schema"),
    ],
)
def test_a_task_that_is_not_as_published_is_refused(call: Call, body: dict[str, Any], reason: str) -> None:
    status, answer = call("POST", TASKS, body)

    assert status == 400
    assert reason in answer["message"]


def test_a_query_parameter_that_does_not_exist_is_refused(call: Call) -> None:
    status, answer = call("GET", f"{TASKS}?rootsOnly=true")

    assert (status, "rootsOnly" in answer["message"]) == (400, True)
