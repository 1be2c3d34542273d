"""Faults on demand, and the log of every call."""

import time

import pytest
from mlops_embedded import EmbeddedSnowflake
from snowflake.connector import SnowflakeConnection
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError
from snowflake.core import Root
from snowflake.core.database import Database
from snowflake.core.exceptions import ConflictError


@pytest.fixture
def counted(cursor: SnowflakeCursor) -> SnowflakeCursor:
    cursor.execute("CREATE OR REPLACE TABLE COUNTED (A INT)")
    return cursor


def rows(cursor: SnowflakeCursor) -> int:
    [(count,)] = cursor.execute("SELECT COUNT(*) FROM COUNTED").fetchall()
    return int(count)


@pytest.mark.parametrize(
    "fault", [{"do": "drop"}, {"do": "drop_answer"}, {"do": "status", "status": 503}, {"do": "status", "status": 429}]
)
@pytest.mark.embedded("Faults: a dropped call, a lost answer, 429 and 503; the client's repeated call runs once")
def test_a_call_that_the_client_repeats_runs_once(
    embedded_snowflake: EmbeddedSnowflake, counted: SnowflakeCursor, fault: dict[str, object]
) -> None:
    with embedded_snowflake.admin.fault(**fault, sql="INSERT INTO COUNTED"):  # type: ignore[arg-type] # facts differ
        counted.execute("INSERT INTO COUNTED VALUES (1)")

    assert rows(counted) == 1


@pytest.mark.embedded("Faults: the n-th call of a kind fails, with a code of Snowflake's")
def test_only_the_nth_call_fails(embedded_snowflake: EmbeddedSnowflake, counted: SnowflakeCursor) -> None:
    with embedded_snowflake.admin.fault("error", sql="INSERT INTO COUNTED", nth=2, code="000625"):
        counted.execute("INSERT INTO COUNTED VALUES (1)")
        with pytest.raises(ProgrammingError) as caught:
            counted.execute("INSERT INTO COUNTED VALUES (2)")
        counted.execute("INSERT INTO COUNTED VALUES (3)")

    assert caught.value.errno == 625
    assert rows(counted) == 2


@pytest.mark.embedded("Faults: 202 Accepted, with a Location that snowflake-core polls for the answer")
def test_an_accepted_call_is_handled_once_and_answered_where_it_says(
    embedded_snowflake: EmbeddedSnowflake, connection: SnowflakeConnection
) -> None:
    root = Root(connection)

    with embedded_snowflake.admin.fault("accept", path="/api/v2/databases", method="POST", seconds=0.2):
        created = root.databases.create(Database("ACCEPTED"))
    with embedded_snowflake.admin.fault("accept", path="/api/v2/databases", method="POST"):  # noqa: SIM117
        with pytest.raises(ConflictError):
            root.databases.create(Database("ACCEPTED"))

    assert created.fetch().name == "ACCEPTED"


@pytest.mark.embedded("Faults: latency")
def test_a_delayed_call_takes_its_time(embedded_snowflake: EmbeddedSnowflake, counted: SnowflakeCursor) -> None:
    with embedded_snowflake.admin.fault("delay", sql="FROM COUNTED", seconds=0.3):
        begun = time.monotonic()
        rows(counted)

    assert time.monotonic() - begun >= 0.3


@pytest.mark.embedded("Faults: the server is killed at the n-th call; after a restart the client goes on")
def test_a_server_killed_at_a_call_comes_back_with_everything(
    embedded_snowflake: EmbeddedSnowflake, counted: SnowflakeCursor
) -> None:
    counted.execute("INSERT INTO COUNTED VALUES (1)")
    embedded_snowflake.admin.add_fault("kill", sql="INSERT INTO COUNTED")

    import threading

    inserting = threading.Thread(target=counted.execute, args=("INSERT INTO COUNTED VALUES (2)",))
    inserting.start()
    while embedded_snowflake.is_alive:
        time.sleep(0.02)
    embedded_snowflake.restart()
    inserting.join(30)

    assert rows(counted) == 2


@pytest.mark.embedded("Faults: a log and a counter of every call")
def test_every_call_is_in_the_log_with_its_statement(
    embedded_snowflake: EmbeddedSnowflake, counted: SnowflakeCursor
) -> None:
    before = embedded_snowflake.admin.calls()["count"]

    counted.execute("SELECT %s", ("x",))
    with pytest.raises(ProgrammingError):
        counted.execute("SELECT * FROM NOWHERE")

    log = embedded_snowflake.admin.calls()
    assert log["count"] >= before + 2
    assert [call["sql"] for call in log["calls"]][-2:] == ["SELECT 'x'", "SELECT * FROM NOWHERE"]
    assert log["calls"][-1]["error"] == "002003"


def test_an_unknown_fault_is_refused(embedded_snowflake: EmbeddedSnowflake) -> None:
    import urllib.error

    for facts in ({"do": "explode"}, {"do": "delay", "colour": "red"}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            embedded_snowflake.admin.add_fault(**facts)
        caught.value.close()
        assert caught.value.code == 400
