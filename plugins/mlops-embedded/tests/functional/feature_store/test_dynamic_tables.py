"""Managed feature views, which are dynamic tables: refresh, lag, suspension, history."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.ml.feature_store import Entity, FeatureStore, FeatureView
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

TOTALS = "SELECT ID, MAX(TS) AS TS, SUM(AMOUNT) AS TOTAL FROM EMBEDDED.PUBLIC.EVENTS GROUP BY ID"


def event(session: Session, id_: int, amount: float) -> None:
    session.sql(f"INSERT INTO EMBEDDED.PUBLIC.EVENTS VALUES ({id_}, '2024-02-01', {amount})").collect()


def totals(session: Session, table: str) -> dict[int, float]:
    return {row["ID"]: row["TOTAL"] for row in session.sql(f"SELECT * FROM {table}").collect()}


@pytest.fixture
def forward(embedded_snowflake: EmbeddedSnowflake) -> Iterator[Callable[[timedelta], datetime]]:
    """Moves the clock that lags and schedules follow, and says what time it is then; `timedelta()` only stops it."""
    now = datetime.now(timezone.utc)

    def move(by: timedelta) -> datetime:
        nonlocal now
        now += by
        embedded_snowflake.admin.set_clock(now)
        return now

    move(timedelta())
    yield move
    embedded_snowflake.admin.set_clock(None)


@pytest.mark.embedded("FeatureStore: managed feature views (dynamic tables), refreshed on demand")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_a_managed_feature_view_shows_new_rows_after_its_refresh(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView]
) -> None:
    view = amounts("ON_DEMAND", refresh_freq="1 day", query=TOTALS)
    before = totals(session, view.fully_qualified_name())
    event(session, 3, 10.0)

    assert totals(session, view.fully_qualified_name()) == before

    store.refresh_feature_view(view)

    assert totals(session, view.fully_qualified_name()) == {**before, 3: 10.0}
    history = store.get_refresh_history(view).order_by("REFRESH_START_TIME").collect()
    assert [(row["STATE"], row["REFRESH_ACTION"]) for row in history] == [
        ("SUCCEEDED", "REINITIALIZE"),
        ("SUCCEEDED", "FULL"),
    ]
    assert all(row["REFRESH_START_TIME"] <= row["REFRESH_END_TIME"] for row in history)


@pytest.mark.embedded("FeatureStore: managed feature views come back as they were registered")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_a_managed_feature_view_is_read_back_as_registered(
    store: FeatureStore, session: Session, customer: Entity
) -> None:
    source = session.sql("SELECT ID, TS, AMOUNT FROM EMBEDDED.PUBLIC.EVENTS")
    view = FeatureView(
        "BACK", [customer], source, timestamp_col="TS", refresh_freq="2 hours", desc="what they paid", cluster_by=["ID"]
    )
    store.register_feature_view(view.attach_feature_desc({"AMOUNT": "in francs"}), "V1")

    found = store.get_feature_view("BACK", "V1")

    assert (found.refresh_freq, found.refresh_mode, found.status.value) == ("2 hours", "FULL", "ACTIVE")
    assert (str(found.warehouse), found.desc) == ("COMPUTE_WH", "what they paid")
    assert {str(name): text for name, text in found.feature_descs.items()} == {"AMOUNT": "in francs"}
    assert [str(column) for column in found.cluster_by] == ["ID"]
    assert [entity.name for entity in found.entities] == ["CUSTOMER"]


@pytest.mark.embedded("FeatureStore: suspend and resume managed feature views")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_a_feature_view_is_suspended_and_resumed(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView]
) -> None:
    view = amounts("RESTING", refresh_freq="0 6 * * * UTC")

    def states() -> tuple[str, str]:
        [task] = session.sql("SHOW TASKS LIKE 'RESTING%' IN EMBEDDED.FEATURES").collect()
        return store.get_feature_view("RESTING", "V1").status.value, task["state"]

    assert states() == ("ACTIVE", "started")
    store.suspend_feature_view(view)
    assert states() == ("SUSPENDED", "suspended")
    store.resume_feature_view(view)
    assert states() == ("ACTIVE", "started")


@pytest.mark.embedded("FeatureStore: feature views on a cron schedule, refreshed by their task")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_the_task_of_a_cron_feature_view_refreshes_it(
    store: FeatureStore,
    session: Session,
    amounts: Callable[..., FeatureView],
    forward: Callable[[timedelta], datetime],
) -> None:
    view = amounts("NIGHTLY", refresh_freq="0 3 * * * Europe/Zurich", query=TOTALS)
    before = totals(session, view.fully_qualified_name())
    event(session, 6, 9.0)
    assert store.get_feature_view("NIGHTLY", "V1").refresh_freq == "0 3 * * * Europe/Zurich"
    assert totals(session, view.fully_qualified_name()) == before

    forward(timedelta(days=1))

    until = time.monotonic() + 10
    while store.get_refresh_history(view).count() < 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert totals(session, view.fully_qualified_name()) == {**before, 6: 9.0}


@pytest.mark.embedded("FeatureStore: update lag, schedule, warehouse and description of managed feature views")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_an_update_changes_lag_schedule_warehouse_and_description(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView]
) -> None:
    amounts("UPDATING", refresh_freq="1 day")
    session.sql("CREATE WAREHOUSE IF NOT EXISTS OTHER_WH").collect()

    for frequency in ("0 5 * * * UTC", "0 6 * * * UTC", "3 hours"):
        store.update_feature_view("UPDATING", "V1", refresh_freq=frequency)
        assert store.get_feature_view("UPDATING", "V1").refresh_freq == frequency
    store.update_feature_view("UPDATING", "V1", warehouse="OTHER_WH", desc="it's new")

    updated = store.get_feature_view("UPDATING", "V1")
    assert (str(updated.warehouse), updated.desc) == ("OTHER_WH", "it's new")
    assert session.sql("SHOW TASKS LIKE 'UPDATING%' IN EMBEDDED.FEATURES").collect() == []


@pytest.mark.embedded("Dynamic tables: refreshed on read when older than the lag, unless suspended")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_rows_older_than_the_lag_are_refreshed_when_read_unless_suspended(
    session: Session, amounts: Callable[..., FeatureView], forward: Callable[[timedelta], datetime]
) -> None:
    short = amounts("SHORT_LAG", refresh_freq="10 minutes", query=TOTALS)
    long = amounts("LONG_LAG", refresh_freq="20 minutes", query=TOTALS)
    asleep = amounts("SLEEPING", refresh_freq="10 minutes", query=TOTALS)
    session.sql(f"ALTER DYNAMIC TABLE {asleep.fully_qualified_name()} SUSPEND").collect()
    session.sql(f"CREATE VIEW EMBEDDED.PUBLIC.OVER AS SELECT * FROM {short.fully_qualified_name()}").collect()
    before = totals(session, "EMBEDDED.PUBLIC.OVER")
    event(session, 4, 7.0)
    assert totals(session, "EMBEDDED.PUBLIC.OVER") == before

    forward(timedelta(minutes=9, seconds=59))
    assert totals(session, "EMBEDDED.PUBLIC.OVER") == before

    forward(timedelta(seconds=1))
    assert totals(session, "EMBEDDED.PUBLIC.OVER") == {**before, 4: 7.0}
    assert totals(session, short.fully_qualified_name()) == {**before, 4: 7.0}
    assert totals(session, long.fully_qualified_name()) == before
    assert totals(session, asleep.fully_qualified_name()) == before

    session.sql(f"ALTER DYNAMIC TABLE {asleep.fully_qualified_name()} RESUME").collect()
    assert totals(session, asleep.fully_qualified_name()) == {**before, 4: 7.0}


@pytest.mark.embedded("Dynamic tables: a table that reads another is refreshed after it")
def test_a_refresh_begins_with_the_tables_that_it_reads(session: Session) -> None:
    session.sql(
        "CREATE DYNAMIC TABLE EMBEDDED.PUBLIC.UPSTREAM TARGET_LAG = DOWNSTREAM WAREHOUSE = COMPUTE_WH AS "
        "SELECT ID, AMOUNT FROM EMBEDDED.PUBLIC.EVENTS"
    ).collect()
    session.sql(
        "CREATE DYNAMIC TABLE EMBEDDED.PUBLIC.DOWN TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH AS "
        "SELECT COUNT(*) AS N FROM EMBEDDED.PUBLIC.UPSTREAM"
    ).collect()
    [before] = session.table("EMBEDDED.PUBLIC.DOWN").collect()
    event(session, 5, 1.0)
    event(session, 5, 2.0)

    session.sql("ALTER DYNAMIC TABLE EMBEDDED.PUBLIC.DOWN REFRESH").collect()

    [after] = session.table("EMBEDDED.PUBLIC.DOWN").collect()
    assert after["N"] == before["N"] + 2


@pytest.mark.embedded("Dynamic tables: a failed refresh keeps the rows and is in the history")
def test_a_refresh_that_fails_keeps_the_rows_and_says_why(session: Session) -> None:
    session.sql("CREATE TABLE EMBEDDED.PUBLIC.SOURCE AS SELECT 1 AS A").collect()
    session.sql(
        "CREATE DYNAMIC TABLE EMBEDDED.PUBLIC.FRAGILE TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH AS "
        "SELECT A FROM EMBEDDED.PUBLIC.SOURCE"
    ).collect()
    session.sql("DROP TABLE EMBEDDED.PUBLIC.SOURCE").collect()

    with pytest.raises(SnowparkSQLException, match="SOURCE"):
        session.sql("ALTER DYNAMIC TABLE EMBEDDED.PUBLIC.FRAGILE REFRESH").collect()

    assert session.table("EMBEDDED.PUBLIC.FRAGILE").collect() == [(1,)]
    [failed] = session.sql(
        "SELECT STATE, STATE_MESSAGE FROM TABLE(EMBEDDED.INFORMATION_SCHEMA.DYNAMIC_TABLE_REFRESH_HISTORY("
        "NAME => 'EMBEDDED.PUBLIC.FRAGILE', ERROR_ONLY => TRUE))"
    ).collect()
    assert failed["STATE"] == "FAILED"
    assert "SOURCE" in failed["STATE_MESSAGE"]


@pytest.mark.embedded("Dynamic tables: suspended after five scheduled refreshes that failed in a row")
def test_five_failures_in_a_row_suspend_a_table_and_keep_its_rows(
    session: Session, forward: Callable[[timedelta], datetime]
) -> None:
    session.sql("CREATE TABLE EMBEDDED.PUBLIC.WILL_GO AS SELECT 1 AS A").collect()
    session.sql(
        "CREATE DYNAMIC TABLE EMBEDDED.PUBLIC.FAILING TARGET_LAG = '1 minute' WAREHOUSE = COMPUTE_WH AS "
        "SELECT A FROM EMBEDDED.PUBLIC.WILL_GO"
    ).collect()
    session.sql("DROP TABLE EMBEDDED.PUBLIC.WILL_GO").collect()

    states = []
    for _ in range(5):
        forward(timedelta(minutes=1))
        assert session.sql("SELECT A FROM EMBEDDED.PUBLIC.FAILING").collect() == [(1,)]
        [shown] = session.sql("SHOW DYNAMIC TABLES LIKE 'FAILING' IN EMBEDDED.PUBLIC").collect()
        states.append(shown["scheduling_state"])

    assert states == ["ACTIVE"] * 4 + ["SUSPENDED"]


@pytest.mark.parametrize(
    ("clauses", "refusal"),
    [
        ("TARGET_LAG = '30 seconds' WAREHOUSE = COMPUTE_WH", "at least 60 seconds"),
        ("TARGET_LAG = 'soon' WAREHOUSE = COMPUTE_WH", "invalid TARGET_LAG"),
        ("TARGET_LAG = '1 day'", "needs WAREHOUSE"),
        ("TARGET_LAG = '1 day' WAREHOUSE = NO_SUCH_WH", "NO_SUCH_WH"),
        ("TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH REFRESH_MODE = SOMETIMES", "AUTO, FULL, INCREMENTAL"),
        ("TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH SCHEDULER = DISABLE", "does not know the clause 'SCHEDULER'"),
    ],
)
def test_clauses_that_snowflake_would_refuse_are_refused(session: Session, clauses: str, refusal: str) -> None:
    with pytest.raises(SnowparkSQLException, match=refusal):
        session.sql(f"CREATE DYNAMIC TABLE EMBEDDED.PUBLIC.WRONG {clauses} AS SELECT 1 AS A").collect()


def test_rows_of_a_dynamic_table_are_changed_by_its_query_alone(session: Session) -> None:
    session.sql(
        "CREATE DYNAMIC TABLE EMBEDDED.PUBLIC.OWN_ROWS TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH AS SELECT 1 AS A"
    ).collect()

    with pytest.raises(SnowparkSQLException, match="its query alone changes its rows"):
        session.sql("INSERT INTO EMBEDDED.PUBLIC.OWN_ROWS VALUES (2)").collect()


def test_a_table_that_waits_for_its_first_refresh_says_so(session: Session) -> None:
    session.sql(
        "CREATE DYNAMIC TABLE EMBEDDED.PUBLIC.LATER TARGET_LAG = DOWNSTREAM WAREHOUSE = COMPUTE_WH "
        "INITIALIZE = ON_SCHEDULE AS SELECT 1 AS A"
    ).collect()

    with pytest.raises(SnowparkSQLException, match="is not initialized"):
        session.table("EMBEDDED.PUBLIC.LATER").collect()

    session.sql("ALTER DYNAMIC TABLE EMBEDDED.PUBLIC.LATER REFRESH").collect()
    assert session.table("EMBEDDED.PUBLIC.LATER").collect() == [(1,)]


def test_tables_that_read_each_other_are_refused_with_the_way_round(session: Session) -> None:
    create = "CREATE OR REPLACE DYNAMIC TABLE EMBEDDED.PUBLIC.{} TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH AS {}"
    session.sql(create.format("HEN", "SELECT 1 AS A")).collect()
    session.sql(create.format("EGG", "SELECT A FROM EMBEDDED.PUBLIC.HEN")).collect()

    with pytest.raises(SnowparkSQLException, match=r"HEN -> EMBEDDED\.PUBLIC\.EGG -> EMBEDDED\.PUBLIC\.HEN"):
        session.sql(create.format("HEN", "SELECT A FROM EMBEDDED.PUBLIC.EGG")).collect()


def test_a_refresh_looks_for_names_where_the_table_was_created(
    embedded_snowflake: EmbeddedSnowflake, session: Session
) -> None:
    with snowflake.connector.connect(**embedded_snowflake.connection) as other:
        cursor = other.cursor()
        cursor.execute("CREATE OR REPLACE SCHEMA EMBEDDED.ELSEWHERE")
        cursor.execute("CREATE TABLE LOCAL_NAME AS SELECT 1 AS A")
        cursor.execute(
            "CREATE DYNAMIC TABLE FROM_LOCAL (N COMMENT 'how many') TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH "
            "AS SELECT COUNT(*) FROM LOCAL_NAME"
        )
        cursor.execute("INSERT INTO LOCAL_NAME VALUES (2)")

    session.sql("ALTER DYNAMIC TABLE EMBEDDED.ELSEWHERE.FROM_LOCAL REFRESH").collect()

    assert session.sql("SELECT N FROM EMBEDDED.ELSEWHERE.FROM_LOCAL").collect() == [(2,)]


def test_a_renamed_table_keeps_its_tags_and_is_refreshed_on(session: Session) -> None:
    session.sql("CREATE TAG EMBEDDED.PUBLIC.TEAM").collect()
    session.sql(
        "CREATE DYNAMIC TABLE EMBEDDED.PUBLIC.OLD_NAME TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH "
        "TAG (EMBEDDED.PUBLIC.TEAM = 'risk') AS SELECT COUNT(*) AS N FROM EMBEDDED.PUBLIC.EVENTS"
    ).collect()
    session.sql("ALTER DYNAMIC TABLE EMBEDDED.PUBLIC.OLD_NAME RENAME TO EMBEDDED.PUBLIC.NEW_NAME").collect()
    [before] = session.table("EMBEDDED.PUBLIC.NEW_NAME").collect()
    event(session, 8, 1.0)

    session.sql("ALTER DYNAMIC TABLE EMBEDDED.PUBLIC.NEW_NAME REFRESH").collect()

    assert session.table("EMBEDDED.PUBLIC.NEW_NAME").collect() == [(before["N"] + 1,)]
    tag = "SELECT SYSTEM$GET_TAG('EMBEDDED.PUBLIC.TEAM', 'EMBEDDED.PUBLIC.NEW_NAME', 'TABLE') AS V"
    assert session.sql(tag).collect() == [("risk",)]
    assert session.sql("SHOW DYNAMIC TABLES LIKE 'OLD_NAME' IN EMBEDDED.PUBLIC").collect() == []


def test_a_replacement_whose_query_fails_leaves_what_was_there(session: Session) -> None:
    create = "CREATE OR REPLACE DYNAMIC TABLE EMBEDDED.PUBLIC.STAYS TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH AS {}"
    session.sql(create.format("WITH ONE AS (SELECT 1 AS A) SELECT A FROM ONE")).collect()

    with pytest.raises(SnowparkSQLException):
        session.sql(create.format("SELECT TO_NUMBER('x') AS A")).collect()

    assert session.table("EMBEDDED.PUBLIC.STAYS").collect() == [(1,)]
    session.sql("ALTER DYNAMIC TABLE EMBEDDED.PUBLIC.STAYS REFRESH").collect()
    assert session.table("EMBEDDED.PUBLIC.STAYS").collect() == [(1,)]


@pytest.mark.embedded("Dynamic tables: a refresh is one transaction")
def test_readers_see_the_rows_before_a_refresh_or_after_it(
    embedded_snowflake: EmbeddedSnowflake, session: Session
) -> None:
    session.sql(
        "CREATE TABLE EMBEDDED.PUBLIC.MANY AS SELECT SEQ4() AS A FROM TABLE(GENERATOR(ROWCOUNT => 20000))"
    ).collect()
    session.sql(
        "CREATE DYNAMIC TABLE EMBEDDED.PUBLIC.WATCHED TARGET_LAG = '1 day' WAREHOUSE = COMPUTE_WH AS "
        "SELECT A FROM EMBEDDED.PUBLIC.MANY"
    ).collect()
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        with snowflake.connector.connect(**embedded_snowflake.connection) as other:
            while not done.is_set():
                seen.append(other.cursor().execute("SELECT COUNT(*) FROM EMBEDDED.PUBLIC.WATCHED").fetchall()[0][0])

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(8):
        session.sql("ALTER DYNAMIC TABLE EMBEDDED.PUBLIC.WATCHED REFRESH").collect()
    done.set()
    reader.join()

    assert set(seen) == {20_000}


def test_a_column_or_a_cte_of_the_same_name_is_no_dynamic_table(session: Session) -> None:
    session.sql(
        "CREATE OR REPLACE DYNAMIC TABLE EMBEDDED.PUBLIC.AMOUNT TARGET_LAG = DOWNSTREAM WAREHOUSE = COMPUTE_WH "
        "INITIALIZE = ON_SCHEDULE AS WITH AMOUNT AS (SELECT AMOUNT FROM EMBEDDED.PUBLIC.EVENTS) "
        "SELECT COUNT(AMOUNT) AS AMOUNT FROM AMOUNT"
    ).collect()

    assert session.sql("SELECT AMOUNT FROM EMBEDDED.PUBLIC.EVENTS LIMIT 1").count() == 1
    session.sql("ALTER DYNAMIC TABLE EMBEDDED.PUBLIC.AMOUNT REFRESH").collect()
    [events] = session.sql("SELECT COUNT(*) AS N FROM EMBEDDED.PUBLIC.EVENTS").collect()
    assert session.table("EMBEDDED.PUBLIC.AMOUNT").collect() == [(events["N"],)]


def test_what_is_no_dynamic_table_is_not_dropped_as_one(session: Session) -> None:
    with pytest.raises(SnowparkSQLException, match="is of type 'TABLE', not specified type 'DYNAMIC_TABLE'"):
        session.sql("DROP DYNAMIC TABLE EMBEDDED.PUBLIC.EVENTS").collect()
