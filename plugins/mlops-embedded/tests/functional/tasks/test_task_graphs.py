"""Task graphs run on the embedded Snowflake, driven by SQL from the real connector."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import DictCursor, SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

Sql = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def connection(embedded_snowflake: EmbeddedSnowflake) -> Iterator[SnowflakeConnection]:
    with snowflake.connector.connect(**embedded_snowflake.connection) as opened:
        yield opened


@pytest.fixture
def sql(connection: SnowflakeConnection, request: pytest.FixtureRequest) -> Sql:
    """Run a statement in a schema of the test's own."""

    def run(text: str) -> list[dict[str, Any]]:
        with connection.cursor(DictCursor) as cursor:
            return cursor.execute(text).fetchall()  # type: ignore[union-attr, return-value]

    schema = "S_" + "".join(c if c.isalnum() else "_" for c in request.node.name).upper()[:80]
    run(f"CREATE OR REPLACE SCHEMA EMBEDDED.{schema}")
    return run


def runs_of(sql: Sql, root: str = "R", seconds: float = 20) -> list[dict[str, Any]]:
    """Wait until nothing of a graph goes on, and return its task runs, the earliest first."""
    until = time.monotonic() + seconds
    while any(r["STATE"] == "EXECUTING" for r in graph_runs(sql, "CURRENT", root)):
        assert time.monotonic() < until, "the graph does not end"
        time.sleep(0.05)
    [schema] = sql("SELECT CURRENT_SCHEMA() AS S")
    history = f"TABLE(INFORMATION_SCHEMA.TASK_HISTORY(SCHEMA_NAME => '{schema['S']}', RESULT_LIMIT => 1000))"
    return sql(f"SELECT * FROM {history} WHERE STATE <> 'SCHEDULED' ORDER BY QUERY_START_TIME")


def graph_runs(sql: Sql, which: str, root: str = "R") -> list[dict[str, Any]]:
    [schema] = sql("SELECT CURRENT_SCHEMA() AS S")
    return sql(
        f"SELECT * FROM TABLE(INFORMATION_SCHEMA.{which}_TASK_GRAPHS(ROOT_TASK_NAME => '{root}')) "
        f"WHERE SCHEMA_NAME = '{schema['S']}' ORDER BY ATTEMPT_NUMBER"
    )


def states(task_runs: list[dict[str, Any]]) -> dict[str, str]:
    return {r["NAME"]: r["STATE"] for r in task_runs}


@pytest.mark.embedded("Tasks: a graph of SQL tasks runs in order, with configuration and return values")
def test_a_graph_runs_in_order_and_hands_values_on(sql: Sql) -> None:
    sql("CREATE TABLE LOG (STEP STRING, VALUE STRING)")
    sql("""CREATE TASK R CONFIG = '{"model": {"depth": 3}, "run": "nightly"}' AS CALL SYSTEM$SET_RETURN_VALUE('42')""")
    sql("CREATE TASK A AFTER R AS INSERT INTO LOG SELECT 'A', SYSTEM$GET_PREDECESSOR_RETURN_VALUE()")
    sql("CREATE TASK B AFTER R AS INSERT INTO LOG SELECT 'B', SYSTEM$GET_TASK_GRAPH_CONFIG('model.depth')")
    sql("CREATE TASK C AFTER A, B AS INSERT INTO LOG SELECT 'C', SYSTEM$GET_PREDECESSOR_RETURN_VALUE('R')")
    sql("CREATE TASK F FINALIZE = R AS INSERT INTO LOG SELECT 'F', SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME')")
    for name in "ABCF":
        sql(f"ALTER TASK {name} RESUME")

    [said] = sql('EXECUTE TASK R USING CONFIG = $${"model": {"depth": 5}}$$')

    assert said["status"] == "Task R is scheduled to run immediately."
    done = runs_of(sql)
    names = [r["NAME"] for r in done]
    assert (names[0], names[3:]) == ("R", ["C", "F"])
    assert set(states(done).values()) == {"SUCCEEDED"}
    logged = {row["STEP"]: row["VALUE"] for row in sql("SELECT * FROM LOG")}
    [schema] = sql("SELECT CURRENT_SCHEMA() AS S")
    assert logged == {"A": "42", "B": "5", "C": "42", "F": f"EMBEDDED.{schema['S']}.F"}
    assert done[0]["RETURN_VALUE"] == "42"
    assert done[0]["CONFIG"] == '{"model": {"depth": 5}, "run": "nightly"}'
    [run] = graph_runs(sql, "COMPLETE")
    assert (run["STATE"], run["GRAPH_VERSION"], run["SCHEDULED_FROM"]) == ("SUCCEEDED", 1, "EXECUTE TASK")


@pytest.mark.embedded("Tasks: failures, conditions, suspended children, finalizers, RETRY LAST")
def test_a_failure_stops_its_branch_alone_and_retry_last_goes_on_from_there(sql: Sql) -> None:
    sql("CREATE TABLE T (N NUMBER)")
    sql("CREATE TASK R AS SELECT 1")
    sql("CREATE TASK BAD AFTER R AS SELECT * FROM LATER")
    sql("CREATE TASK AFTER_BAD AFTER BAD AS SELECT 1")
    sql("CREATE TASK GOOD AFTER R AS INSERT INTO T VALUES (1)")
    sql("CREATE TASK NEVER AFTER GOOD WHEN 1 = 2 AS SELECT 1")
    sql("CREATE TASK ASLEEP AFTER GOOD AS SELECT 1")
    sql("CREATE TASK AFTER_ASLEEP AFTER ASLEEP AS SELECT 1")
    sql("CREATE TASK F FINALIZE = R AS SELECT 1")
    for name in ("BAD", "AFTER_BAD", "GOOD", "NEVER", "AFTER_ASLEEP", "F"):
        sql(f"ALTER TASK {name} RESUME")
    sql("EXECUTE TASK R")
    first = runs_of(sql)

    assert states(first) == {
        "R": "SUCCEEDED", "BAD": "FAILED", "GOOD": "SUCCEEDED", "NEVER": "SKIPPED", "AFTER_ASLEEP": "SUCCEEDED",
        "F": "SUCCEEDED",
    }  # fmt: skip
    failed = next(r for r in first if r["NAME"] == "BAD")
    assert (failed["ERROR_CODE"], "LATER" in failed["ERROR_MESSAGE"]) == ("002003", True)
    sql("CREATE TABLE LATER (N NUMBER)")
    sql("EXECUTE TASK R RETRY LAST")
    second = [r for r in runs_of(sql) if r["ATTEMPT_NUMBER"] == 2]
    assert states(second) == {"BAD": "SUCCEEDED", "AFTER_BAD": "SUCCEEDED", "F": "SUCCEEDED"}
    assert {r["GRAPH_RUN_GROUP_ID"] for r in second} == {failed["GRAPH_RUN_GROUP_ID"]}
    assert [r["STATE"] for r in graph_runs(sql, "COMPLETE")] == ["FAILED", "SUCCEEDED"]
    assert sql("SELECT COUNT(*) AS N FROM T") == [{"N": 1}]
    with pytest.raises(ProgrammingError, match="no suitable run"):
        sql("EXECUTE TASK R RETRY LAST")


def test_a_graph_that_was_changed_is_not_retried(sql: Sql) -> None:
    sql("CREATE TASK R AS SELECT * FROM MISSING")
    sql("EXECUTE TASK R")
    runs_of(sql)
    sql("ALTER TASK R MODIFY AS SELECT 1")

    with pytest.raises(ProgrammingError, match="no suitable run"):
        sql("EXECUTE TASK R RETRY LAST")


@pytest.mark.embedded("Tasks: automatic retries and timeouts")
def test_a_graph_retries_by_itself_and_then_runs_its_finalizer_once(sql: Sql) -> None:
    sql("CREATE TASK R TASK_AUTO_RETRY_ATTEMPTS = 2 AS SELECT * FROM MISSING")
    sql("CREATE TASK F FINALIZE = R AS SELECT 1")
    sql("ALTER TASK F RESUME")
    sql("EXECUTE TASK R")

    done = runs_of(sql)

    assert [(r["NAME"], r["ATTEMPT_NUMBER"]) for r in done] == [("R", 1), ("R", 2), ("R", 3), ("F", 3)]


def test_a_task_that_runs_for_too_long_fails_and_says_so(sql: Sql) -> None:
    sql("CREATE TASK R AS SELECT 1")
    sql("CREATE TASK SLOW USER_TASK_TIMEOUT_MS = 300 AFTER R AS SELECT COUNT(*) FROM "
        "TABLE(GENERATOR(ROWCOUNT => 300000)) A, TABLE(GENERATOR(ROWCOUNT => 300000)) B")  # fmt: skip
    sql("ALTER TASK SLOW RESUME")
    begun = time.monotonic()
    sql("EXECUTE TASK R")

    done = runs_of(sql)

    assert states(done) == {"R": "SUCCEEDED", "SLOW": "FAILED"}
    assert (done[1]["ERROR_CODE"], "timeout" in done[1]["ERROR_MESSAGE"]) == ("000630", True)
    assert time.monotonic() - begun < 10


@pytest.mark.embedded("Tasks: Snowflake's rules for changing a graph")
def test_a_graph_does_not_change_while_its_root_is_started(sql: Sql) -> None:
    sql("CREATE TASK R SCHEDULE = '1 HOUR' AS SELECT 1")
    sql("CREATE TASK A AFTER R AS SELECT 1")
    sql("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('R')")
    assert {t["name"]: t["state"] for t in sql("SHOW TASKS")} == {"R": "started", "A": "started"}

    for statement in (
        "CREATE TASK B AFTER R AS SELECT 1", "CREATE OR REPLACE TASK R AS SELECT 2", "ALTER TASK A SUSPEND",
        "ALTER TASK A MODIFY AS SELECT 2", "ALTER TASK R SET COMMENT = 'x'", "DROP TASK A",
    ):  # fmt: skip
        with pytest.raises(ProgrammingError, match="root task is not suspended") as caught:
            sql(statement)
        assert caught.value.errno == 91089

    sql("ALTER TASK R SUSPEND")
    sql("ALTER TASK A MODIFY AS SELECT 2")
    sql("ALTER TASK A MODIFY WHEN 1 = 1")
    [shown] = sql("DESCRIBE TASK A")
    assert (shown["definition"], shown["condition"], shown["state"]) == ("SELECT 2", "1 = 1", "started")


def test_a_task_that_is_a_graph_by_itself_is_replaced_while_it_is_started(sql: Sql) -> None:
    sql("CREATE TASK R SCHEDULE = '1 HOUR' AS SELECT 1")
    sql("ALTER TASK R RESUME")

    sql("CREATE OR REPLACE TASK R SCHEDULE = '2 HOURS' AS SELECT 2")

    [shown] = sql("DESCRIBE TASK R")
    assert (shown["definition"], shown["state"]) == ("SELECT 2", "suspended")


@pytest.mark.embedded("Tasks: SHOW TASKS with LIKE, ROOT ONLY, LIMIT and TERSE, with comments")
def test_tasks_are_listed_by_pattern_roots_alone_and_briefly(sql: Sql) -> None:
    sql("""CREATE TASK R COMMENT = 'mine: {"hash": "it''s"}' AS SELECT 1""")
    sql("CREATE TASK R_CHILD AFTER R AS SELECT 1")

    assert [t["name"] for t in sql("SHOW TASKS LIKE 'r%'")] == ["R", "R_CHILD"]
    [root] = sql("SHOW TASKS LIKE 'r%' ROOT ONLY LIMIT 5")
    [brief] = sql("SHOW TERSE TASKS LIKE 'R' LIMIT 1")

    assert (root["name"], root["comment"]) == ("R", """mine: {"hash": "it's"}""")
    assert list(brief) == ["created_on", "name", "kind", "database_name", "schema_name", "schedule", "state"]


def test_dropping_a_task_severs_its_links(sql: Sql) -> None:
    sql("CREATE TASK R AS SELECT 1")
    sql("CREATE TASK A AFTER R AS SELECT 1")
    sql("CREATE TASK B AFTER R, A AS SELECT 1")
    sql("DROP TASK A")

    [shown] = sql("SHOW TASKS LIKE 'B'")

    assert shown["predecessors"].count(".") == 2
    with pytest.raises(ProgrammingError, match="does not exist"):
        sql("DESCRIBE TASK A")


def test_only_a_root_task_is_executed(sql: Sql) -> None:
    sql("CREATE TASK R AS SELECT 1")
    sql("CREATE TASK A AFTER R AS SELECT 1")

    with pytest.raises(ProgrammingError, match="not a root task"):
        sql("EXECUTE TASK A")


def test_task_functions_are_for_tasks(sql: Sql) -> None:
    with pytest.raises(ProgrammingError, match="must be called from within a task"):
        sql("SELECT SYSTEM$GET_TASK_GRAPH_CONFIG()")


@pytest.mark.embedded("Tasks: privileges, and EXECUTE TASK of the owner")
def test_an_owner_without_execute_task_has_nothing_run(sql: Sql) -> None:
    [schema] = sql("SELECT CURRENT_SCHEMA() AS S")
    for statement in (
        "CREATE OR REPLACE ROLE OWNER", "GRANT USAGE ON DATABASE EMBEDDED TO ROLE OWNER",
        f"GRANT ALL ON SCHEMA EMBEDDED.{schema['S']} TO ROLE OWNER", "CREATE TASK NOT_MINE AS SELECT 1",
        "USE ROLE OWNER", "CREATE TASK R WAREHOUSE = COMPUTE_WH AS SELECT 1",
    ):  # fmt: skip
        sql(statement)

    with pytest.raises(ProgrammingError, match="EXECUTE TASK privilege must be granted to owner role OWNER"):
        sql("EXECUTE TASK R")
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        sql("ALTER TASK NOT_MINE RESUME")
    assert [t["name"] for t in sql("SHOW TASKS")] == ["R"]

    sql("USE ROLE ACCOUNTADMIN")
    sql("GRANT EXECUTE TASK ON ACCOUNT TO ROLE OWNER")
    sql("EXECUTE TASK R")
    assert states(runs_of(sql)) == {"R": "FAILED"}, "it may not use its warehouse"

    sql("GRANT USAGE ON WAREHOUSE COMPUTE_WH TO ROLE OWNER")
    sql("EXECUTE TASK R")
    assert states(runs_of(sql)) == {"R": "SUCCEEDED"}


@pytest.mark.embedded("Tasks: a run is in TASK_HISTORY from the moment that it is asked for")
def test_a_run_is_listed_from_the_moment_that_it_is_asked_for(sql: Sql) -> None:
    sql("CREATE TASK R AS CALL SYSTEM$WAIT(1)")
    sql("EXECUTE TASK R")
    sql("EXECUTE TASK R")  # waits for the first one
    [schema] = sql("SELECT CURRENT_SCHEMA() AS S")
    history = f"SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(SCHEMA_NAME => '{schema['S']}'))"

    first, second = sorted(sql(history), key=lambda row: int(row["RUN_ID"]))

    assert (second["STATE"], second["QUERY_ID"], second["SCHEDULED_FROM"]) == ("SCHEDULED", None, "EXECUTE TASK")
    assert first["STATE"] in {"SCHEDULED", "EXECUTING"}
    until = time.monotonic() + 20
    while {row["STATE"] for row in sql(history)} != {"SUCCEEDED"}:
        assert time.monotonic() < until, "the runs do not end"
        time.sleep(0.05)
