"""Alerts run by schedule and on demand; what they would send is kept to be read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import DictCursor, SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

Sql = Callable[[str], list[dict[str, Any]]]
START = datetime(2027, 5, 3, 7, tzinfo=timezone.utc)


@pytest.fixture
def sql(connection: SnowflakeConnection) -> Sql:
    def run(text: str) -> list[dict[str, Any]]:
        with connection.cursor(DictCursor) as cursor:
            return cursor.execute(text).fetchall()  # type: ignore[union-attr, return-value]

    run("USE ROLE ACCOUNTADMIN")
    run("CREATE OR REPLACE SCHEMA EMBEDDED.ALERTS")
    run("CREATE OR REPLACE TABLE SEEN (WHAT STRING)")
    run("CREATE OR REPLACE TABLE DRIFT (VALUE FLOAT)")
    return run


@pytest.fixture(scope="module")
def move(embedded_snowflake: EmbeddedSnowflake) -> Iterator[Callable[[timedelta], None]]:
    """Moves the clock that schedules follow; it stands at seven o'clock first."""
    now = START
    embedded_snowflake.admin.set_clock(now)

    def by(span: timedelta) -> None:
        nonlocal now
        now += span
        embedded_snowflake.admin.set_clock(now)

    yield by
    embedded_snowflake.admin.set_clock(None)


def history(sql: Sql, alert: str) -> list[str]:
    rows = sql(
        f"SELECT STATE FROM TABLE(INFORMATION_SCHEMA.ALERT_HISTORY(ALERT_NAME => '{alert}')) ORDER BY SCHEDULED_TIME"
    )
    return [row["STATE"] for row in rows]


@pytest.mark.embedded("Alerts: by schedule (minutes, cron), suspended and resumed, with ALERT_HISTORY")
def test_a_started_alert_acts_whenever_it_is_due_and_its_condition_holds(
    sql: Sql, move: Callable[[timedelta], None]
) -> None:
    sql("CREATE ALERT DRIFTED WAREHOUSE = COMPUTE_WH SCHEDULE = '10 MINUTE' "
        "IF (EXISTS (SELECT * FROM DRIFT WHERE VALUE > 0.2)) THEN INSERT INTO SEEN SELECT 'drift'")  # fmt: skip
    move(timedelta(minutes=30))
    before = history(sql, "DRIFTED")

    sql("ALTER ALERT DRIFTED RESUME")
    move(timedelta(minutes=11))
    sql("INSERT INTO DRIFT VALUES (0.3)")
    move(timedelta(minutes=10))
    sql("ALTER ALERT DRIFTED SUSPEND")
    move(timedelta(minutes=60))

    assert (before, history(sql, "DRIFTED")) == ([], ["CONDITION_FALSE", "TRIGGERED"])
    assert sql("SELECT * FROM SEEN") == [{"WHAT": "drift"}]


def test_cron_is_in_its_time_zone(sql: Sql, move: Callable[[timedelta], None]) -> None:
    sql("CREATE ALERT NIGHTLY WAREHOUSE = COMPUTE_WH SCHEDULE = 'USING CRON 0 3 * * * Europe/Berlin' "
        "IF (EXISTS (SELECT 1)) THEN INSERT INTO SEEN SELECT SNOWFLAKE.ALERT.SCHEDULED_TIME()::STRING")  # fmt: skip
    sql("ALTER ALERT NIGHTLY RESUME")

    move(timedelta(days=1))
    sql("ALTER ALERT NIGHTLY SUSPEND")

    [seen] = sql("SELECT WHAT::TIMESTAMP_TZ AS AT FROM SEEN")
    assert seen["AT"].astimezone(timezone.utc).hour == 1


@pytest.mark.embedded("Alerts: what failed, condition or action, and what the condition found, for the action")
def test_what_went_wrong_is_in_the_history(sql: Sql) -> None:
    sql("INSERT INTO DRIFT VALUES (0.5), (0.7)")
    sql("CREATE ALERT COUNTS SCHEDULE = '1 MINUTE' IF (EXISTS (SELECT VALUE FROM DRIFT)) THEN "
        "INSERT INTO SEEN SELECT VALUE FROM TABLE(RESULT_SCAN(SNOWFLAKE.ALERT.GET_CONDITION_QUERY_UUID()))")  # fmt: skip

    sql("EXECUTE ALERT COUNTS")
    sql("ALTER ALERT COUNTS MODIFY ACTION INSERT INTO NOWHERE SELECT 1")
    sql("EXECUTE ALERT COUNTS")
    sql("ALTER ALERT COUNTS MODIFY CONDITION EXISTS (SELECT NOTHING FROM DRIFT)")
    sql("EXECUTE ALERT COUNTS")

    found = sql("SELECT STATE, ERROR_CODE FROM TABLE(INFORMATION_SCHEMA.ALERT_HISTORY(ALERT_NAME => 'COUNTS'))")
    assert sorted((row["STATE"], row["ERROR_CODE"]) for row in found) == [
        ("ACTION_FAILED", "002003"), ("CONDITION_FAILED", "000904"), ("TRIGGERED", None),
    ]  # fmt: skip
    assert sorted(row["WHAT"] for row in sql("SELECT * FROM SEEN")) == ["0.5", "0.7"]


def test_an_owner_without_execute_alert_starts_none(sql: Sql) -> None:
    for statement in (
        "CREATE OR REPLACE ROLE WATCHER", "GRANT USAGE ON DATABASE EMBEDDED TO ROLE WATCHER",
        "GRANT ALL ON SCHEMA EMBEDDED.ALERTS TO ROLE WATCHER", "GRANT USAGE ON WAREHOUSE COMPUTE_WH TO ROLE WATCHER",
        "USE ROLE WATCHER",
        "CREATE ALERT MINE WAREHOUSE = COMPUTE_WH SCHEDULE = '1 MINUTE' IF (EXISTS (SELECT 1)) THEN SELECT 1",
    ):  # fmt: skip
        sql(statement)

    with pytest.raises(ProgrammingError, match="EXECUTE ALERT"):
        sql("ALTER ALERT MINE RESUME")
    sql("USE ROLE ACCOUNTADMIN")
    sql("GRANT EXECUTE ALERT ON ACCOUNT TO ROLE WATCHER")
    sql("USE ROLE WATCHER")
    sql("ALTER ALERT MINE RESUME")
    assert [row["state"] for row in sql("SHOW ALERTS")] == ["started"]
    sql("ALTER ALERT MINE SUSPEND")


@pytest.fixture
def notified(sql: Sql) -> Callable[[str], list[dict[str, Any]]]:
    """What an integration was told, the latest first."""
    sql(
        "CREATE OR REPLACE NOTIFICATION INTEGRATION MAIL TYPE = EMAIL ENABLED = TRUE ALLOWED_RECIPIENTS = ('a@b.example')"
    )
    sql(
        "CREATE OR REPLACE NOTIFICATION INTEGRATION HOOK TYPE = WEBHOOK ENABLED = TRUE WEBHOOK_URL = 'https://hooks.example'"
    )

    def read(integration: str) -> list[dict[str, Any]]:
        return sql(f"SELECT * FROM TABLE(INFORMATION_SCHEMA.NOTIFICATION_HISTORY(INTEGRATION_NAME => '{integration}'))")

    return read


@pytest.mark.embedded(
    "Notifications: SYSTEM$SEND_EMAIL, SYSTEM$SEND_SNOWFLAKE_NOTIFICATION, kept for NOTIFICATION_HISTORY"
)
def test_what_is_sent_is_kept_and_goes_nowhere(sql: Sql, notified: Callable[[str], list[dict[str, Any]]]) -> None:
    sql("CALL SYSTEM$SEND_EMAIL('MAIL', 'a@b.example', 'Drift', 'PSI 0.3')")
    sql("CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(SNOWFLAKE.NOTIFICATION.TEXT_PLAIN('hello'), "
        "SNOWFLAKE.NOTIFICATION.EMAIL_INTEGRATION_CONFIG('MAIL', 'Hi', ARRAY_CONSTRUCT('a@b.example')))")  # fmt: skip
    sql("CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(SNOWFLAKE.NOTIFICATION.APPLICATION_JSON("
        "SNOWFLAKE.NOTIFICATION.SANITIZE_WEBHOOK_CONTENT('{\"a\": 1}')), SNOWFLAKE.NOTIFICATION.INTEGRATION('HOOK'))")  # fmt: skip

    structured, plain = notified("MAIL")
    assert (plain["MESSAGE_SOURCE"], plain["STATUS"]) == ("SYSTEM$SEND_EMAIL", "NOT_SENT")
    assert json.loads(plain["MESSAGE"]) == {
        "toAddress": ["a@b.example"], "subject": "Drift", "content": "PSI 0.3", "mimeType": "text/plain"
    }  # fmt: skip
    assert json.loads(structured["MESSAGE"])["content"] == {"text/plain": "hello"}
    webhook = notified("HOOK")[0]
    assert json.loads(webhook["MESSAGE"]) == {"content": {"application/json": '{"a": 1}'}}


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        ("SYSTEM$SEND_EMAIL('NONE', 'a@b.example', 's', 'c')", "NONE"),
        ("SYSTEM$SEND_EMAIL('MAIL', 'a@b.example, x@y.example', 's', 'c')", r"indexes \[2\] are not allowed"),
        (
            "SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(PARSE_JSON('[1]'), SNOWFLAKE.NOTIFICATION.INTEGRATION('HOOK'))",
            "takes objects",
        ),
    ],
)
def test_a_notification_that_snowflake_would_not_send_is_refused(
    sql: Sql, notified: Callable[[str], list[dict[str, Any]]], call: str, refusal: str
) -> None:
    with pytest.raises(ProgrammingError, match=refusal):
        sql(f"CALL {call}")


@pytest.mark.embedded("Tasks: ERROR_INTEGRATION and SUCCESS_INTEGRATION are told, in the form of Snowflake's messages")
def test_integrations_of_a_graph_are_told_how_it_ended(
    sql: Sql, notified: Callable[[str], list[dict[str, Any]]], wait_for_runs: Callable[[str, int], None]
) -> None:
    before = len(notified("HOOK"))
    sql("CREATE TASK R ERROR_INTEGRATION = HOOK SUCCESS_INTEGRATION = HOOK AS SELECT 1")
    sql("CREATE TASK A AFTER R AS SELECT * FROM NOT_YET")
    sql("ALTER TASK A RESUME")
    with pytest.raises(ProgrammingError, match="does not exist"):
        sql("CREATE TASK OTHER ERROR_INTEGRATION = NO_SUCH AS SELECT 1")

    sql("EXECUTE TASK R")
    wait_for_runs("R", 1)
    [group] = {row["GRAPH_RUN_GROUP_ID"] for row in sql("SELECT * FROM TABLE(INFORMATION_SCHEMA.COMPLETE_TASK_GRAPHS("
                                                       "ROOT_TASK_NAME => 'R')) WHERE SCHEMA_NAME = 'ALERTS'")}  # fmt: skip
    sql("CREATE TABLE NOT_YET (A INTEGER)")
    with pytest.raises(ProgrammingError, match="no suitable run"):
        sql("EXECUTE TASK R RETRY GRAPH RUN GROUP 'no-such-group'")
    sql(f"EXECUTE TASK R RETRY GRAPH RUN GROUP '{group}'")
    wait_for_runs("R", 2)

    told = [json.loads(row["MESSAGE"]) for row in notified("HOOK")]
    success, failure = told[: len(told) - before]
    assert (failure["messageType"], failure["taskName"]) == ("USER_TASK_FAILED", "EMBEDDED.ALERTS.A")
    assert failure["messages"][0]["errorCode"] == "002003"
    assert (success["messageType"], success["rootTaskName"]) == ("USER_TASK_SUCCEEDED", "EMBEDDED.ALERTS.R")


@pytest.fixture
def wait_for_runs(sql: Sql) -> Callable[[str, int], None]:
    """Waits until a root's graph has ended so many times."""

    def wait(root: str, count: int) -> None:
        until = time.monotonic() + 20
        while True:
            found = sql(f"SELECT STATE FROM TABLE(INFORMATION_SCHEMA.COMPLETE_TASK_GRAPHS(ROOT_TASK_NAME => '{root}')) "
                        "WHERE SCHEMA_NAME = 'ALERTS'")  # fmt: skip
            if len(found) >= count:
                return
            assert time.monotonic() < until, found
            time.sleep(0.05)

    return wait
