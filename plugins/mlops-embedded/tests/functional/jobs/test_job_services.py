"""EXECUTE JOB SERVICE runs containers as processes, with what Snowflake gives a container."""

from __future__ import annotations

import json
import signal
import textwrap
import time
from typing import Any

import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector.errors import ProgrammingError

from .conftest import CONNECT, Sql, is_running, job, logs, specification


def wait(sql: Sql, name: str, status: str, seconds: float = 20) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while not (shown := sql(f"SHOW JOB SERVICES LIKE '{name}'")) or shown[0]["status"] != status:
        assert time.monotonic() < until, shown
        time.sleep(0.05)
    return shown[0]


@pytest.mark.embedded("Jobs: EXECUTE JOB SERVICE runs a container as a process, which logs in with its token")
def test_a_job_logs_in_as_its_service_with_its_owners_role(sql: Sql) -> None:
    script = CONNECT + (
        "row = connection.cursor().execute('SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_SCHEMA(), "
        "CURRENT_WAREHOUSE()').fetchone()\nprint(row)\nconnection.close()"
    )

    [said] = sql(job(specification(script), "NAME = WHO QUERY_WAREHOUSE = COMPUTE_WH"))

    assert said["status"] == "Job WHO completed successfully with status: DONE."
    assert "('WHO', 'ACCOUNTADMIN', 'PUBLIC', 'COMPUTE_WH')" in logs(sql, "WHO")
    [shown] = sql("SHOW JOB SERVICES LIKE 'who'")
    assert (shown["status"], shown["is_job"], shown["compute_pool"]) == ("DONE", "true", "POOL")


@pytest.mark.embedded("Jobs: Snowflake's variables, a connections.toml, replicas, volumes of stages and folders")
def test_a_container_gets_what_snowflake_gives_one(sql: Sql, pool: EmbeddedSnowflake) -> None:
    sql("CREATE OR REPLACE STAGE DATA")
    script = """
        import json, os, pathlib, sys, tomllib
        inside = pathlib.Path(sys.argv[1])
        (inside / f"from-{os.environ['SNOWFLAKE_JOB_INDEX']}.txt").write_text("hello")
        config = tomllib.loads((pathlib.Path(os.environ["SNOWFLAKE_HOME"]) / "connections.toml").read_text())
        print(json.dumps({"env": dict(os.environ), "connection": config["default"]}))
    """
    spec = specification(
        script,
        args=["-c", textwrap.dedent(script), "/data/out"],
        env={"OUT": "/data/out", "N": 3},
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
        sessionTokenConfig={"mountConnectionConfig": True},
        volumes=[{"name": "data", "source": "stage", "stageConfig": {"name": "@DATA"}}],
    )
    (pool.state / "stages" / "EMBEDDED" / "PUBLIC" / "DATA" / "out").mkdir(parents=True)

    sql(job(spec, "NAME = GIVEN REPLICAS = 2"))

    said = json.loads(logs(sql, "GIVEN"))
    env = said["env"]
    wanted = {
        "SNOWFLAKE_ACCOUNT": "embedded", "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_DATABASE": "EMBEDDED",
        "SNOWFLAKE_SCHEMA": "PUBLIC", "SNOWFLAKE_SERVICE_NAME": "GIVEN", "SNOWFLAKE_JOBS_COUNT": "2",
        "SNOWFLAKE_JOB_INDEX": "0", "FROM_IMAGE": "yes", "N": "3", "SNOWFLAKE_RUNNING_INSIDE_SPCS": "true",
    }  # fmt: skip
    assert {key: env.get(key) for key in wanted} == wanted
    assert env["OUT"] == f"{env['MLOPS_EMBEDDED_ROOT']}/data/out"
    assert "SNOWFLAKE_USER" not in env
    assert said["connection"]["token_file_path"] == env["SNOWFLAKE_TOKEN_FILE"]
    assert [row["name"] for row in sql("LIST @DATA")] == ["data/out/from-0.txt", "data/out/from-1.txt"]
    assert [row["instance_id"] for row in sql("SHOW SERVICE INSTANCES IN SERVICE GIVEN")] == ["0", "1"]


def test_a_mounted_connection_is_the_default_one(sql: Sql) -> None:
    script = """
        import snowflake.connector
        with snowflake.connector.connect(connection_name="default") as connection:
            print(connection.cursor().execute("SELECT CURRENT_USER()").fetchone())
    """

    sql(job(specification(script, sessionTokenConfig={"mountConnectionConfig": True}), "NAME = MOUNTED"))

    assert "('MOUNTED',)" in logs(sql, "MOUNTED")


def test_a_job_takes_no_other_role_than_its_owners(sql: Sql) -> None:
    for statement in (
        "CREATE OR REPLACE ROLE WORKER", "GRANT USAGE ON DATABASE EMBEDDED TO ROLE WORKER",
        "GRANT ALL ON SCHEMA EMBEDDED.PUBLIC TO ROLE WORKER", "GRANT USAGE ON COMPUTE POOL POOL TO ROLE WORKER",
    ):  # fmt: skip
        sql(statement)
    script = CONNECT + "connection.cursor().execute('USE ROLE ACCOUNTADMIN')"
    sql("USE ROLE WORKER")

    with pytest.raises(ProgrammingError):
        sql(job(specification(script), "NAME = CLIMBER"))

    assert "requested role 'ACCOUNTADMIN' is not assigned" in logs(sql, "CLIMBER")
    sql("USE ROLE ACCOUNTADMIN")


def test_a_role_without_usage_of_the_pool_starts_no_job(sql: Sql) -> None:
    for statement in (
        "CREATE OR REPLACE ROLE GUEST", "GRANT USAGE ON DATABASE EMBEDDED TO ROLE GUEST",
        "GRANT ALL ON SCHEMA EMBEDDED.PUBLIC TO ROLE GUEST", "USE ROLE GUEST",
    ):  # fmt: skip
        sql(statement)

    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        sql(job(specification("pass")))

    sql("USE ROLE ACCOUNTADMIN")


@pytest.mark.embedded("Jobs: an exit code that is not 0 fails the statement, and logs are kept")
def test_a_job_that_exits_with_a_code_fails_its_statement(sql: Sql) -> None:
    with pytest.raises(ProgrammingError, match="container main of instance 0: Container exited with code 3"):
        sql(
            job(
                specification("import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"),
                "NAME = BAD",
            )
        )

    assert logs(sql, "BAD") in {"one\ntwo", "two\none"}
    [last] = sql("SELECT SYSTEM$GET_SERVICE_LOGS('BAD', 0, 'main', 1) AS L")
    assert "\n" not in last["L"]
    [container] = sql("SHOW SERVICE CONTAINERS IN SERVICE BAD")
    assert (container["status"], container["last_exit_code"]) == ("FAILED", 3)


def test_a_name_is_taken_until_the_job_is_dropped(sql: Sql) -> None:
    sql(job(specification("pass"), "NAME = ONCE"))

    with pytest.raises(ProgrammingError, match="already exists"):
        sql(job(specification("pass"), "NAME = ONCE"))

    sql("DROP SERVICE ONCE")
    sql(job(specification("pass"), "NAME = ONCE"))
    assert sql("DROP SERVICE IF EXISTS NEVER_THERE")


def test_a_job_without_a_name_gets_one_of_its_query(sql: Sql) -> None:
    [said] = sql(job(specification("pass")))

    assert said["status"].startswith("Job JOB_")


@pytest.mark.embedded("Jobs: asynchronous jobs, cancelling, SIGTERM before SIGKILL")
def test_dropping_an_asynchronous_job_ends_it_with_sigterm(sql: Sql, pool: EmbeddedSnowflake) -> None:
    marker = pool.state / "terminated"
    script = f"""
        import pathlib, signal, sys, time
        def end(number, frame):
            pathlib.Path({str(marker)!r}).write_text(str(number))
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("ready", flush=True)
        time.sleep(60)
    """
    [said] = sql(job(specification(script), "NAME = LONG ASYNC = TRUE"))
    assert said["status"].startswith("Job LONG started")
    wait(sql, "LONG", "RUNNING")
    until = time.monotonic() + 10
    while "ready" not in logs(sql, "LONG"):
        assert time.monotonic() < until
        time.sleep(0.05)

    sql("DROP SERVICE LONG")

    assert marker.read_text() == str(signal.SIGTERM.value)


@pytest.mark.embedded("Jobs: SPCS_CANCEL_JOB and SPCS_WAIT_FOR")
def test_a_job_is_waited_for_and_cancelled_by_its_methods(sql: Sql) -> None:
    sql(job(specification("import time; time.sleep(60)"), "NAME = METHODS ASYNC = TRUE"))

    [reached] = sql("CALL METHODS!SPCS_WAIT_FOR('RUNNING', 10)")
    assert reached == {"SPCS_WAIT_FOR": "Service METHODS has reached status RUNNING."}
    with pytest.raises(ProgrammingError, match=r"did not reach status DONE within 0.1 seconds: its status is RUNNING"):
        sql("CALL METHODS!SPCS_WAIT_FOR('DONE', 0.1)")
    [said] = sql("SELECT EMBEDDED.PUBLIC.METHODS!SPCS_CANCEL_JOB() AS SAID")
    assert said == {"SAID": "Job METHODS is being cancelled."}
    assert sql("CALL METHODS!SPCS_WAIT_FOR('CANCELLED', 10)")


def test_cancelling_the_statement_cancels_its_job(pool: EmbeddedSnowflake, sql: Sql) -> None:
    with (
        snowflake.connector.connect(**pool.connection) as other,
        other.cursor() as cursor,
        pytest.raises(ProgrammingError, match="cancel"),
    ):
        cursor.execute(job(specification("import time; time.sleep(60)"), "NAME = SLEEPER"), timeout=2)

    wait(sql, "SLEEPER", "CANCELLED")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = X", "needs FROM SPECIFICATION"),
        (job(specification("pass")).replace("POOL POOL", "POOL NOWHERE"), "does not exist"),
        (job(specification("pass"), 'NAME = "quoted name"'), "must not need quotes"),
        (job(specification("pass", image="/db/s/r/other:1")), "is not known to the process runtime"),
        (job(specification("pass", comand=["x"])), r"spec.containers\[0\].comand: .* did you mean 'command'"),
    ],
)
def test_a_job_that_cannot_start_says_why(sql: Sql, statement: str, reason: str) -> None:
    with pytest.raises(ProgrammingError, match=reason):
        sql(statement)


@pytest.mark.embedded("Jobs: a job of a task uses TaskContext from inside its container")
def test_a_job_that_a_task_starts_knows_its_run(sql: Sql) -> None:
    script = CONNECT + textwrap.dedent("""
        from snowflake.core.task.context import TaskContext
        from snowflake.snowpark import Session
        context = TaskContext(Session.builder.configs({"connection": connection}).create())
        print(context.get_current_task_name(), context.get_predecessor_return_value())
        context.set_return_value(context.get_task_graph_config()["answer"])
    """)
    sql("""CREATE OR REPLACE TASK JOBS CONFIG = '{"answer": 42}' AS CALL SYSTEM$SET_RETURN_VALUE('from root')""")
    sql(f"CREATE OR REPLACE TASK WORK AFTER JOBS AS {job(specification(script))}")
    sql("ALTER TASK WORK RESUME")
    sql("EXECUTE TASK JOBS")

    history = "SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'WORK'))"
    until = time.monotonic() + 30
    while not (done := sql(history)) or done[0]["STATE"] == "EXECUTING":
        assert time.monotonic() < until
        time.sleep(0.1)

    assert (done[0]["STATE"], done[0]["RETURN_VALUE"], done[0]["ERROR_MESSAGE"]) == ("SUCCEEDED", "42", None)
    [shown] = sql(f"SHOW JOB SERVICES LIKE 'JOB_{done[0]['QUERY_ID'].replace('-', '_')}'")
    assert done[0]["SPCS_JOB_ID"]
    assert "EMBEDDED.PUBLIC.WORK from root" in logs(sql, shown["name"])


@pytest.mark.embedded("Jobs: what ran at a kill -9 is recorded as failed, and its processes are ended")
def test_a_job_that_a_killed_server_leaves_behind_is_ended_and_recorded(pool: EmbeddedSnowflake, sql: Sql) -> None:
    sql(
        job(
            specification("import time; import os; print(os.getpid(), flush=True); time.sleep(300)"),
            "NAME = ORPHAN ASYNC = TRUE",
        )
    )
    sql("CREATE OR REPLACE TASK SLEEPS AS " + job(specification("import time; time.sleep(300)"), "NAME = IN_TASK"))
    sql("EXECUTE TASK SLEEPS")
    wait(sql, "IN_TASK", "RUNNING")
    while not (pid := logs(sql, "ORPHAN")):
        time.sleep(0.05)

    pool.kill()
    pool.restart()

    assert wait(sql, "ORPHAN", "FAILED")["is_async_job"] == "true"
    assert not is_running(int(pid))
    [container] = sql("SHOW SERVICE CONTAINERS IN SERVICE ORPHAN")
    assert container["message"] == "The server ended while this container ran."
    [run] = sql("SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'SLEEPS'))")
    assert (run["STATE"], run["ERROR_MESSAGE"]) == ("FAILED", "The server ended while this task ran.")
