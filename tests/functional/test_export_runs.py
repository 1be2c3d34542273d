"""What is generated is what a Snowflake takes: the SQL runs, twice, and every specification is read by another's eyes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import snowflake.connector
import yaml
from mlops_embedded.jobs.specifications.specification import parse_specification
from mlops_embedded.life import EmbeddedSnowflake

from mlops.compile.deployment import deployment_of
from mlops.compile.exports import sql_text
from mlops.compile.notification import notifying_body
from mlops.compile.objects import Deployment
from mlops.configuration.targets import NodeOptions, Notification, Pool, Target, TaskOptions
from mlops.layers import settle
from mlops.nodes import Node, Origin, Partitions
from mlops.parameters import Parameter
from mlops.pipeline import Interval, Pipeline, Stream
from mlops.registry import Registry
from mlops.resolution import graph_of

JOBS = Path(__file__).parents[2] / "jobs"


@pytest.fixture(scope="module")
def cursor() -> Iterator[snowflake.connector.cursor.SnowflakeCursor]:
    with EmbeddedSnowflake() as embedded, snowflake.connector.connect(**embedded.connection) as connection:
        yield connection.cursor()


def run(cursor: snowflake.connector.cursor.SnowflakeCursor, text: str) -> None:
    for one in cursor.connection.execute_string(text):
        one.fetchall()


def deployment(name: str, *, schedule=None, finalizer=None, **target) -> Deployment:
    nodes = [
        Node(
            "make",
            Origin("kit", "1.0", "k:make"),
            outputs=("rows",),
            parameters=(Parameter("label", "it's \\ ; $", "str"),),
        ),
        Node("fit", Origin("kit", "1.0", "k:fit"), inputs={"rows": "rows"}, partitions=Partitions(2)),
        Node("tidy", Origin("kit", "1.0", "k:tidy")),
    ]
    members = [node.full_name for node in nodes if finalizer or node.name != "tidy"]
    pipeline = Pipeline(name, nodes=members, schedule=schedule, finalizer=finalizer, distribution="kit")
    graph = graph_of(pipeline, Registry(nodes=tuple(nodes)))
    return deployment_of(
        graph,
        Target("t", database="EMBEDDED", schema="PUBLIC", pools={"default": Pool("POOL")}, **target),
        project="demo",
        parameters=settle(graph.nodes, ()),
    )


CASES = {
    "retried": deployment(
        "retried", schedule=Interval(timedelta(minutes=5)), finalizer="tidy", warehouse="COMPUTE_WH",
        tasks=TaskOptions(auto_retry_attempts=2, suspend_after_failures=3, overlap_policy="ALLOW_CHILD_OVERLAP"),
    ),
    "streamed": deployment("streamed", schedule=Stream("ORDERS"), tasks=TaskOptions(target_completion_interval=60)),
    "conditional": deployment(
        "conditional", nodes={"fit": NodeOptions(when="SYSTEM$GET_PREDECESSOR_RETURN_VALUE('CONDITIONAL')::FLOAT < 0.2")}
    ),
    "told": deployment("told", on_failure=Notification("MAIL", ("a@example.com",), "it's broken")),
    "resting": deployment("resting", tasks=TaskOptions(started=False)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_sql_of_a_deployment_runs_twice_and_leaves_the_tasks_it_says(cursor, name):
    wanted = CASES[name]
    cursor.execute("CREATE TABLE IF NOT EXISTS RAW (A INT)")
    cursor.execute("CREATE STREAM IF NOT EXISTS ORDERS ON TABLE RAW")

    run(cursor, sql_text(wanted, "mlops generate"))
    run(cursor, sql_text(wanted, "mlops generate"))

    cursor.execute(f"SHOW TASKS LIKE '{name}%'")
    columns = [column[0] for column in cursor.description]
    found = {row["name"]: row for row in (dict(zip(columns, values, strict=True)) for values in cursor.fetchall())}
    assert sorted(found) == sorted(task.name for task in wanted.tasks)
    for task in wanted.tasks:
        above = json.loads(found[task.name]["predecessors"])
        assert [one.rpartition(".")[2] for one in above] == list(task.predecessors)
        assert found[task.name]["state"] == ("suspended" if task is wanted.root and not wanted.started else "started")
        assert "".join((found[task.name]["condition"] or "").split()) == "".join((task.condition or "").split())
        if task.nodes:
            assert found[task.name]["definition"] == task.definition
    assert json.loads(found[wanted.root.name]["config"]) == dict(wanted.root.config)


def test_every_committed_job_file_is_read_by_the_embedded_snowflake_as_well():
    files = [path for path in JOBS.rglob("*.yaml") if path.name.startswith(("job-", "service-"))]

    assert len(files) >= 6
    for path in files:
        containers = parse_specification(path.read_text()).containers
        assert [one.name for one in containers] == [
            one["name"] for one in yaml.safe_load(path.read_text())["spec"]["containers"]
        ]


def test_a_run_that_fails_is_told_with_what_failed_and_one_that_succeeds_is_not(cursor):
    told = Notification("MAIL", ("a@example.com",), "it's broken")
    body = notifying_body(told, pipeline="p", target="t", database="EMBEDDED")
    cursor.execute("CREATE NOTIFICATION INTEGRATION IF NOT EXISTS MAIL TYPE=EMAIL ENABLED=TRUE")

    for name, statement in (("FAILS", "SELECT * FROM NOWHERE"), ("WORKS", "SELECT 1")):
        cursor.execute(f"CREATE TASK {name} AS {statement}")
        cursor.execute(f"CREATE TASK {name}$ON_FAILURE FINALIZE = {name} AS {body}")
        cursor.execute(f"ALTER TASK {name}$ON_FAILURE RESUME")
        cursor.execute(f"EXECUTE TASK {name}")
        assert wait(cursor, f"{name}$ON_FAILURE") == ("SUCCEEDED", None)

    sent = cursor.execute("SELECT MESSAGE FROM TABLE(INFORMATION_SCHEMA.NOTIFICATION_HISTORY())").fetchall()
    assert len(sent) == 1
    assert "it's broken: FAILS: " in sent[0][0]
    assert "NOWHERE" in sent[0][0]


def wait(cursor, task: str) -> tuple[str, str | None]:
    for _ in range(200):
        cursor.execute(
            "SELECT STATE, ERROR_MESSAGE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => %s)) "
            "WHERE STATE NOT IN ('SCHEDULED', 'EXECUTING')",
            (task,),
        )
        if found := cursor.fetchone():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{task} did not end")
