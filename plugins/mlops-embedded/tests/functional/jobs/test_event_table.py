"""The output of containers is in the event table, line by line, and stays there; the history of jobs stays, too."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector.errors import ProgrammingError

from .conftest import Sql, job, logs, specification

SPEAKS = """
    import json, sys
    print("plain", flush=True)
    print("bad", file=sys.stderr, flush=True)
    print(json.dumps({"body": "structured", "severity_text": "WARN", "attributes": {"a": {"b": 1}},
                      "scope": {"name": "s"}, "timestamp": "2027-01-02T03:04:05.678Z", "other": 1}), flush=True)
    print('{"no": "body"}', flush=True)
"""


def lines(sql: Sql, table: str, name: str) -> list[dict[str, Any]]:
    return sql(f"""SELECT TIMESTAMP, RECORD_TYPE, RECORD, RECORD_ATTRIBUTES, SCOPE, VALUE::STRING AS LINE,
        RESOURCE_ATTRIBUTES FROM {table} WHERE RESOURCE_ATTRIBUTES:"snow.service.name" = '{name}'""")


@pytest.fixture
def events(sql: Sql) -> str:
    """Another event table than the one that every account has, active."""
    sql("CREATE OR REPLACE EVENT TABLE OWN_EVENTS")
    sql("ALTER ACCOUNT SET EVENT_TABLE = EMBEDDED.PUBLIC.OWN_EVENTS")
    return "EMBEDDED.PUBLIC.OWN_EVENTS"


@pytest.mark.embedded("Telemetry: lines of containers are rows of the active event table; JSON with a `body` is parsed")
def test_what_a_container_writes_is_in_the_event_table_when_it_is_gone(sql: Sql, events: str) -> None:
    sql(job(specification(SPEAKS), "NAME = SPEAKER"))
    sql("DROP SERVICE SPEAKER")

    found = {row["LINE"]: row for row in lines(sql, events, "SPEAKER")}

    assert sql(f"SELECT COUNT(*) AS N FROM {events} WHERE VALUE LIKE 'pla%' AND VALUE = 'plain'") == [{"N": 1}]
    assert set(found) == {"plain", "bad", "structured", '{"no": "body"}'}
    assert json.loads(found["plain"]["RECORD"]) == {"severity_number": 9, "severity_text": "INFO"}
    assert json.loads(found["bad"]["RECORD"])["severity_text"] == "ERROR"
    assert json.loads(found["bad"]["RECORD_ATTRIBUTES"]) == {"log.iostream": "stderr"}
    said = found["structured"]
    assert json.loads(said["RECORD"]) == {"severity_number": 13, "severity_text": "WARN"}
    assert (json.loads(said["RECORD_ATTRIBUTES"]), json.loads(said["SCOPE"])) == ({"a": {"b": 1}}, {"name": "s"})
    assert said["TIMESTAMP"].isoformat() == "2027-01-02T03:04:05.678000"
    resource = json.loads(said["RESOURCE_ATTRIBUTES"])
    wanted = {
        "snow.service.name": "SPEAKER", "snow.service.container.name": "main", "snow.service.instance": "0",
        "snow.database.name": "EMBEDDED", "snow.schema.name": "PUBLIC", "snow.compute_pool.name": "POOL",
    }  # fmt: skip
    assert {key: resource[key] for key in wanted} == wanted
    assert resource["snow.query.id"]


@pytest.mark.embedded(
    "Telemetry: SNOWFLAKE.TELEMETRY.EVENTS, ALTER ACCOUNT SET EVENT_TABLE, SHOW PARAMETERS IN ACCOUNT"
)
def test_every_account_has_an_event_table_and_may_choose_another(sql: Sql) -> None:
    sql("ALTER ACCOUNT UNSET EVENT_TABLE")
    [shown] = sql("SHOW PARAMETERS LIKE 'event_table' IN ACCOUNT")
    assert (shown["value"], shown["level"]) == ("snowflake.telemetry.events", "")
    assert lines(sql, "SNOWFLAKE.TELEMETRY.EVENTS", "NOBODY") == []

    sql(job(specification("print('default')"), "NAME = IN_DEFAULT"))

    assert [row["LINE"] for row in lines(sql, "SNOWFLAKE.TELEMETRY.EVENTS", "IN_DEFAULT")] == ["default"]
    sql("CREATE EVENT TABLE IF NOT EXISTS CHOSEN")
    sql("ALTER ACCOUNT SET EVENT_TABLE = CHOSEN")
    [shown] = sql("SHOW PARAMETERS LIKE 'event_table' IN ACCOUNT")
    assert (shown["value"], shown["level"]) == ("EMBEDDED.PUBLIC.CHOSEN", "ACCOUNT")
    with pytest.raises(ProgrammingError, match="does not exist"):
        sql("ALTER ACCOUNT SET EVENT_TABLE = NOWHERE")
    sql("ALTER ACCOUNT UNSET EVENT_TABLE")


def test_lines_make_the_event_table_that_is_not_there_yet(sql: Sql) -> None:
    sql("ALTER ACCOUNT UNSET EVENT_TABLE")
    sql("DROP EVENT TABLE IF EXISTS SNOWFLAKE.TELEMETRY.EVENTS")

    sql(job(specification("print('first')"), "NAME = MAKES_IT"))

    assert [row["LOG"] for row in sql("SELECT LOG FROM TABLE(MAKES_IT!SPCS_GET_LOGS())")] == ["first"]
    assert [row["LINE"] for row in lines(sql, "SNOWFLAKE.TELEMETRY.EVENTS", "MAKES_IT")] == ["first"]


@pytest.mark.embedded("Telemetry: SPCS_GET_LOGS, with a time range; logExporters choose the stream, or none")
def test_a_service_gives_its_lines_of_a_time(sql: Sql, events: str) -> None:
    sql(job(specification("print('one'); print('two')"), "NAME = RANGED REPLICAS = 2"))

    found = sql("SELECT * FROM TABLE(EMBEDDED.PUBLIC.RANGED!SPCS_GET_LOGS()) WHERE INSTANCE_ID = 1")

    assert [(row["CONTAINER_NAME"], row["LOG"]) for row in found] == [("main", "one"), ("main", "two")]
    assert json.loads(found[0]["RECORD_ATTRIBUTES"]) == {"log.iostream": "stdout"}
    past = "END_TIME => DATEADD('hour', -1, CURRENT_TIMESTAMP())"
    assert sql(f"SELECT * FROM TABLE(RANGED!SPCS_GET_LOGS({past}))") == []
    assert len(sql("SELECT LOG FROM TABLE(RANGED!SPCS_GET_LOGS(START_TIME => '2020-01-01'))")) == 4


@pytest.mark.parametrize(("level", "kept"), [("ERROR", ["bad"]), ("NONE", [])])
def test_a_specification_chooses_which_stream_is_collected(sql: Sql, events: str, level: str, kept: list[str]) -> None:
    script = "import sys; print('good'); print('bad', file=sys.stderr)"
    spec = specification(script, logExporters={"eventTableConfig": {"logLevel": level}})
    sql(job(spec, f"NAME = LEVEL_{level}"))

    assert [row["LOG"] for row in sql(f"SELECT LOG FROM TABLE(LEVEL_{level}!SPCS_GET_LOGS())")] == kept
    assert set(logs(sql, f"LEVEL_{level}").split("\n")) == {"good", "bad"}


def test_lines_are_kept_over_a_restart_of_the_server(sql: Sql, pool: EmbeddedSnowflake, events: str) -> None:
    sql(job(specification("print('kept')"), "NAME = KEEPER"))

    pool.restart()

    assert [row["LINE"] for row in lines(sql, events, "KEEPER")] == ["kept"]


@pytest.mark.embedded("Jobs: GET_JOB_HISTORY, dropped jobs included")
def test_the_history_has_jobs_that_were_dropped(sql: Sql) -> None:
    sql(job(specification("pass"), "NAME = WENT_WELL"))
    with pytest.raises(ProgrammingError):
        sql(job(specification("import sys; sys.exit(4)"), "NAME = WENT_WRONG REPLICAS = 2"))
    sql("DROP SERVICE WENT_WELL")

    history = sql("SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(RESULT_LIMIT => 2))")

    wrong, well = history
    assert [(row["NAME"], row["STATUS"]) for row in history] == [("WENT_WRONG", "FAILED"), ("WENT_WELL", "DONE")]
    assert (wrong["DELETED_TIME"], well["MESSAGE"]) == (None, "Job completed successfully.")
    assert well["DELETED_TIME"] >= well["COMPLETED_TIME"] >= well["CREATED_TIME"]
    statuses = json.loads(wrong["INSTANCE_STATUSES"])
    assert (statuses["totalInstances"], statuses["failedInstances"]) == (2, 2)
    assert statuses["instances"][1]["containers"][0]["lastExitCode"] == 4
    assert json.loads(wrong["PARAMETERS"]) == {"ASYNC": False, "REPLICAS": 2}
    assert wrong["ID"] > well["ID"]


def test_the_history_is_of_the_current_role(sql: Sql) -> None:
    sql(job(specification("pass")))
    sql("CREATE OR REPLACE ROLE LOOKER")
    sql("USE ROLE LOOKER")

    found = sql("SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())")

    sql("USE ROLE ACCOUNTADMIN")
    assert found == []


def test_a_very_chatty_container_loses_nothing(sql: Sql, events: str) -> None:
    script = textwrap.dedent("""
        for number in range(5000):
            print("line", number)
    """)

    sql(job(specification(script), "NAME = CHATTY"))

    [row] = sql("SELECT COUNT(*) AS N, COUNT(DISTINCT LOG) AS D FROM TABLE(CHATTY!SPCS_GET_LOGS())")
    assert row == {"N": 5000, "D": 5000}
