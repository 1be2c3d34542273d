"""snowflake-core's own DAG classes deploy and run graphs of job services on the embedded Snowflake."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from datetime import timedelta

import pytest
import snowflake.connector
import yaml
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import SnowflakeConnection
from snowflake.core import CreateMode, Root
from snowflake.core.compute_pool import ComputePool
from snowflake.core.schema import SchemaResource
from snowflake.core.task import Task
from snowflake.core.task.dagv1 import DAG, DAGOperation, DAGRun, DAGTask

IMAGE = "/embedded/public/images/sh"


@pytest.fixture(scope="module")
def pooled(embedded_snowflake: EmbeddedSnowflake) -> EmbeddedSnowflake:
    (embedded_snowflake.state / "images.yaml").write_text(yaml.safe_dump({IMAGE: {"entrypoint": ["sh", "-c"]}}))
    with snowflake.connector.connect(**embedded_snowflake.connection) as connection:
        pool = ComputePool("pool", min_nodes=1, max_nodes=1, instance_family="CPU_X64_XS")
        Root(connection).compute_pools.create(pool)
    return embedded_snowflake


@pytest.fixture
def connected(pooled: EmbeddedSnowflake) -> Iterator[SnowflakeConnection]:
    with snowflake.connector.connect(**pooled.connection) as connection:
        yield connection


@pytest.fixture
def schema(connected: SnowflakeConnection) -> SchemaResource:
    return schema_of(connected)


def schema_of(connection: SnowflakeConnection) -> SchemaResource:
    return Root(connection).databases["EMBEDDED"].schemas["PUBLIC"]


def spec(script: str) -> str:
    return yaml.safe_dump({"spec": {"containers": [{"name": "main", "image": f"{IMAGE}:1", "args": [script]}]}})


def job(script: str) -> str:
    """The statement of a task whose job runs this shell script."""
    return f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL FROM SPECIFICATION $${spec(script)}$$"


def graph(name: str, training: str) -> DAG:
    with DAG(name, warehouse="COMPUTE_WH", config={"run": "nightly"}) as dag:
        prepare = DAGTask("prepare", job("echo prepared"))
        train = DAGTask("train", job(training))
        evaluate = DAGTask("evaluate", job("echo evaluated"))
        DAGTask("report", job("echo reported"), is_finalizer=True)
        prepare >> train >> evaluate
    return dag


def complete_runs(operation: DAGOperation, dag: DAG, count: int, seconds: float = 30) -> list[DAGRun]:
    """Wait for so many runs to be complete, and return them, the latest first."""
    until = time.monotonic() + seconds
    while len(runs := operation.get_complete_dag_runs(dag, error_only=False)) < count:
        assert time.monotonic() < until, [str(run) for run in operation.get_current_dag_runs(dag)]
        time.sleep(0.1)
    return runs


def deploy(operation: DAGOperation, dag: DAG) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own, about finalizers
        operation.deploy(dag, mode=CreateMode.or_replace)


@pytest.mark.embedded("Task graphs over REST: DAGOperation.deploy, run and get_complete_dag_runs, with job services")
def test_a_graph_of_job_services_is_deployed_and_runs_to_success(schema: SchemaResource) -> None:
    operation, dag = DAGOperation(schema), graph("churn", "echo trained")
    before = {service.name for service in schema.services.iter()}

    operation.deploy(dag)
    operation.run(dag)

    [run] = complete_runs(operation, dag, 1)
    assert (run.state, run.dag_name, run.graph_version) == ("SUCCEEDED", "CHURN", 1)
    jobs = [service.status for service in schema.services.iter() if service.name not in before]
    assert jobs == ["DONE"] * 4
    assert operation.iter_dags(like="chu%") == ["CHURN"]


@pytest.mark.embedded("Task graphs over REST: the first error of a failed run is reported")
def test_a_graph_with_a_failing_job_ends_as_failed_and_names_the_task(schema: SchemaResource) -> None:
    operation, dag = DAGOperation(schema), graph("broken", "echo no; exit 9")

    operation.deploy(dag)
    operation.run(dag)

    [run] = complete_runs(operation, dag, 1)
    assert (run.state, run.first_error_task_name) == ("FAILED", "BROKEN$TRAIN")
    assert "Container exited with code 9" in run.first_error_message
    assert [r.run_id for r in operation.get_complete_dag_runs(dag)] == [run.run_id]


@pytest.mark.embedded("Task graphs over REST: history and definitions survive kill -9, and the same script runs again")
def test_the_same_script_runs_again_after_kill_9(pooled: EmbeddedSnowflake) -> None:
    dag = graph("twice", "echo trained")
    for run_number in (1, 2):
        with snowflake.connector.connect(**pooled.connection) as connection:
            operation = DAGOperation(schema_of(connection))
            deploy(operation, dag)
            operation.run(dag)
            runs = complete_runs(operation, dag, run_number)
            assert [run.state for run in runs] == ["SUCCEEDED"] * run_number
        if run_number == 1:
            pooled.kill()
            pooled.restart()


def test_a_run_that_a_kill_interrupts_is_recorded_and_can_be_retried(pooled: EmbeddedSnowflake) -> None:
    marker = pooled.state / "second-time"
    dag = graph("cut", f"test -e {marker} || sleep 100")
    with snowflake.connector.connect(**pooled.connection) as connection:
        operation = DAGOperation(schema_of(connection))
        deploy(operation, dag)
        operation.run(dag)
        wait_for_task(connection, "CUT$TRAIN", "EXECUTING")
    pooled.kill()
    marker.touch()
    pooled.restart()

    with snowflake.connector.connect(**pooled.connection) as connection:
        operation = DAGOperation(schema_of(connection))
        [cut] = complete_runs(operation, dag, 1)
        assert (cut.state, cut.first_error_message) == ("FAILED", "The server ended while this task ran.")
        operation.run(dag, retry_last=True)
        assert [run.state for run in complete_runs(operation, dag, 2)] == ["SUCCEEDED", "FAILED"]


def wait_for_task(connection: SnowflakeConnection, name: str, state: str) -> None:
    history = f"SELECT STATE FROM TABLE(EMBEDDED.INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => '\"{name}\"'))"
    until = time.monotonic() + 20
    while (rows := connection.cursor().execute(history).fetchall()) != [(state,)]:
        assert time.monotonic() < until, rows
        time.sleep(0.05)


def test_an_interval_of_minutes_and_seconds_comes_back_as_it_was_given(schema: SchemaResource) -> None:
    every = timedelta(minutes=5, seconds=30)

    schema.tasks.create(Task("every", "SELECT 1", schedule=every))

    assert schema.tasks["every"].fetch().schedule == every
