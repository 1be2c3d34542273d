"""Root tasks run by schedule; the clock is moved by the test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import DictCursor, SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

Sql = Callable[[str], list[dict[str, Any]]]


class Time:
    """The server's clock, which only goes forward."""

    def __init__(self, server: EmbeddedSnowflake) -> None:
        self._server, self.now = server, datetime(2027, 3, 27, 7, tzinfo=timezone.utc)
        self.move(timedelta(0))

    def move(self, by: timedelta) -> None:
        self.now += by
        self._server.admin.set_clock(self.now)


@pytest.fixture(scope="module")
def clock(embedded_snowflake: EmbeddedSnowflake) -> Time:
    return Time(embedded_snowflake)


@pytest.fixture
def sql(connection: SnowflakeConnection, clock: Time, request: pytest.FixtureRequest) -> Iterator[Sql]:
    def run(text: str) -> list[dict[str, Any]]:
        with connection.cursor(DictCursor) as cursor:
            return cursor.execute(text).fetchall()  # type: ignore[union-attr, return-value]

    run(f"CREATE OR REPLACE SCHEMA EMBEDDED.S_{abs(hash(request.node.name))}")
    yield run
    for task in run("SHOW TASKS"):
        run(f"ALTER TASK {task['name']} SUSPEND")


def runs(sql: Sql, count: int, seconds: float = 15) -> list[dict[str, Any]]:
    """Wait until so many task runs of the schema have ended, and return all of them, the earliest first."""
    [row] = sql("SELECT CURRENT_SCHEMA() AS S")
    history = f"TABLE(INFORMATION_SCHEMA.TASK_HISTORY(SCHEMA_NAME => '{row['S']}', RESULT_LIMIT => 1000))"
    until = time.monotonic() + seconds
    while True:
        found = sql(f"SELECT * FROM {history} WHERE STATE <> 'SCHEDULED' ORDER BY SCHEDULED_TIME")
        if len([r for r in found if r["STATE"] != "EXECUTING"]) >= count:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.05)


@pytest.mark.embedded("Tasks: schedules by interval and by cron in a time zone, on a clock that tests can move")
def test_an_interval_comes_due_from_the_moment_of_the_resume(sql: Sql, clock: Time) -> None:
    sql("CREATE TASK R SCHEDULE = '10 MINUTES' AS SELECT 1")
    clock.move(timedelta(minutes=3))
    sql("ALTER TASK R RESUME")
    resumed = clock.now

    clock.move(timedelta(minutes=9))
    assert runs(sql, 0) == []
    clock.move(timedelta(minutes=1))
    [first] = runs(sql, 1)
    clock.move(timedelta(minutes=10))
    second = runs(sql, 2)[1]

    assert first["SCHEDULED_TIME"] == resumed + timedelta(minutes=10)
    assert second["SCHEDULED_TIME"] == resumed + timedelta(minutes=20)
    assert second["SCHEDULED_FROM"] == "SCHEDULE"


def test_cron_follows_the_wall_clock_of_its_zone_into_winter(sql: Sql, clock: Time) -> None:
    clock.move(datetime(2027, 10, 30, tzinfo=timezone.utc) - clock.now)
    sql("CREATE TASK R SCHEDULE = 'USING CRON 0 9 * * * Europe/Berlin' AS SELECT 1")
    sql("ALTER TASK R RESUME")

    for day in range(1, 4):
        clock.move(timedelta(days=1))
        found = runs(sql, day)

    berlin = [r["SCHEDULED_TIME"].astimezone(timezone.utc).strftime("%d %H:%M") for r in found]
    assert berlin == ["30 07:00", "31 08:00", "01 08:00"]


def test_a_suspended_task_does_not_come_due(sql: Sql, clock: Time) -> None:
    sql("CREATE TASK R SCHEDULE = '1 MINUTE' AS SELECT 1")
    sql("ALTER TASK R RESUME")
    sql("ALTER TASK R SUSPEND")

    clock.move(timedelta(hours=1))

    assert runs(sql, 0) == []


@pytest.mark.embedded("Tasks: overlap policies, suspension after repeated failures")
def test_a_run_that_would_overlap_does_not_take_place_unless_allowed(sql: Sql, clock: Time) -> None:
    slow = "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 100000)) A, TABLE(GENERATOR(ROWCOUNT => 100000)) B"
    for name, policy in (("ONE", "NO_OVERLAP"), ("MANY", "ALLOW_ALL_OVERLAP")):
        sql(f"CREATE TASK {name} SCHEDULE = '1 MINUTE' OVERLAP_POLICY = {policy} AS {slow}")
        sql(f"ALTER TASK {name} RESUME")

    clock.move(timedelta(minutes=3))

    going_on = sql("SELECT * FROM TABLE(INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS()) WHERE STATE = 'EXECUTING'")
    assert sorted(r["ROOT_TASK_NAME"] for r in going_on) == ["MANY", "MANY", "MANY", "ONE"]
    for name in ("ONE", "MANY"):
        sql(f"ALTER TASK {name} SUSPEND")
        sql(f"SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('{name}')")
    assert {(r["STATE"], r["ERROR_MESSAGE"] if r["STATE"] == "FAILED" else None) for r in runs(sql, 4)} == {
        ("CANCELLED", None)
    }


def test_a_task_that_fails_too_often_in_a_row_is_suspended(sql: Sql, clock: Time) -> None:
    sql("CREATE TASK R SCHEDULE = '1 MINUTE' SUSPEND_TASK_AFTER_NUM_FAILURES = 2 AS SELECT * FROM MISSING")
    sql("ALTER TASK R RESUME")
    for count in range(1, 4):
        clock.move(timedelta(minutes=1))
        found = runs(sql, min(count, 2))
        time.sleep(0.1)

    [shown] = sql("SHOW TASKS")
    assert [r["STATE"] for r in found] == ["FAILED", "FAILED_AND_AUTO_SUSPENDED"]
    assert (shown["state"], shown["last_suspended_reason"]) == ("suspended", "SUSPENDED_DUE_TO_ERRORS")


def test_a_run_on_demand_waits_in_line_behind_the_one_that_goes_on(sql: Sql, clock: Time) -> None:
    sql("CREATE TABLE T (N NUMBER)")
    sql("CREATE TASK R AS INSERT INTO T SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 20000000))")
    sql("EXECUTE TASK R")
    sql("EXECUTE TASK R")

    first, second = runs(sql, 2)

    assert [first["STATE"], second["STATE"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert [first["GRAPH_VERSION"], second["GRAPH_VERSION"]] == [1, 2]


@pytest.mark.embedded("Tasks: a root without schedule runs when its condition holds")
def test_a_triggered_task_runs_when_its_condition_holds(sql: Sql, clock: Time) -> None:
    sql("CREATE TABLE NEWS (N NUMBER)")
    sql("CREATE TABLE SEEN (N NUMBER)")
    sql("CREATE TASK R WHEN (SELECT COUNT(*) FROM NEWS) > (SELECT COUNT(*) FROM SEEN) "
        "AS INSERT INTO SEEN SELECT * FROM NEWS")  # fmt: skip
    sql("ALTER TASK R RESUME")
    clock.move(timedelta(seconds=30))
    assert runs(sql, 0) == []
    sql("INSERT INTO NEWS VALUES (1)")

    clock.move(timedelta(seconds=30))

    [run] = runs(sql, 1)
    assert (run["STATE"], run["SCHEDULED_FROM"]) == ("SUCCEEDED", "TRIGGER")
    assert sql("SELECT N FROM SEEN") == [{"N": 1}]


@pytest.mark.embedded("Tasks: a root triggered by a stream runs once for what it consumes")
def test_a_task_that_a_stream_triggers_runs_once_for_what_it_consumes(sql: Sql, clock: Time) -> None:
    sql("CREATE TABLE SOURCE (N NUMBER)")
    sql("CREATE TABLE TARGET (N NUMBER)")
    sql("CREATE STREAM NEWS ON TABLE SOURCE")
    sql("CREATE TASK R WHEN SYSTEM$STREAM_HAS_DATA('NEWS') AS INSERT INTO TARGET SELECT N FROM NEWS")
    sql("ALTER TASK R RESUME")
    clock.move(timedelta(seconds=30))
    assert runs(sql, 0) == []
    sql("INSERT INTO SOURCE VALUES (1), (2)")

    for _ in range(3):
        clock.move(timedelta(seconds=30))
        found = runs(sql, 1)

    assert [r["STATE"] for r in found] == ["SUCCEEDED"]
    assert sql("SELECT COUNT(*) AS C FROM TARGET") == [{"C": 2}]


def test_a_wrong_schedule_is_refused(sql: Sql) -> None:
    with pytest.raises(ProgrammingError, match="not a time zone"):
        sql("CREATE TASK R SCHEDULE = 'USING CRON 0 9 * * * Europe/Atlantis' AS SELECT 1")
