"""Append-only feature views: their task, a Snowflake Scripting block, adds what each refresh found to a table."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from snowflake.ml.feature_store import FeatureStore, FeatureView
from snowflake.snowpark import Session

TOTALS = "SELECT ID, MAX(TS) AS TS, SUM(AMOUNT) AS TOTAL FROM EMBEDDED.PUBLIC.EVENTS GROUP BY ID"
NIGHTLY = "0 0 * * * UTC"


def refresh(session: Session, view: FeatureView) -> None:
    """Run the view's task now and wait until it has succeeded: the history shows a run a moment after it was asked for."""
    ended = (
        "SELECT STATE, ERROR_MESSAGE FROM TABLE(EMBEDDED.INFORMATION_SCHEMA.TASK_HISTORY()) "
        f"WHERE NAME = '{view.name}$V1' AND SCHEDULED_FROM = 'EXECUTE TASK' AND COMPLETED_TIME IS NOT NULL"
    )
    before = len(session.sql(ended).collect())
    session.sql(f"EXECUTE TASK {view.fully_qualified_name()}").collect()
    while len(rows := session.sql(ended).collect()) == before:
        time.sleep(0.03)
    assert set(rows) == {("SUCCEEDED", None)}


def snapshots(session: Session, view: FeatureView) -> list[tuple[int, float]]:
    rows = session.table(f"{view.fully_qualified_name()}$SNAPSHOTS").collect()
    return sorted((row["ID"], row["TOTAL"]) for row in rows)


@pytest.mark.embedded("FeatureStore: append-only feature views, whose task keeps what every refresh found")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_every_run_of_the_task_adds_what_the_refresh_found(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView]
) -> None:
    view = amounts("KEPT", query=TOTALS, refresh_freq=NIGHTLY, refresh_mode="FULL", append_only=True)

    refresh(session, view)
    assert snapshots(session, view) == [(1, 4.0), (2, 3.5)]

    session.sql("INSERT INTO EMBEDDED.PUBLIC.EVENTS VALUES (2, '2024-03-01', 1.0)").collect()
    refresh(session, view)
    assert snapshots(session, view) == [(1, 4.0), (1, 4.0), (2, 3.5), (2, 4.5)]

    spine = session.create_dataframe([[2, "2024-02-01"], [2, "2024-04-01"]], schema=["ID", "T"])
    spine = spine.with_column("T", spine["T"].cast("timestamp"))
    training = store.generate_training_set(spine, [view], spine_timestamp_col="T", join_method="cte")
    assert sorted(row["TOTAL"] for row in training.collect()) == [3.5, 4.5]


@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_a_run_that_was_cut_off_after_its_refresh_is_made_up_for_without_another_one(
    session: Session, amounts: Callable[..., FeatureView]
) -> None:
    view = amounts("CUT", query=TOTALS, refresh_freq=NIGHTLY, refresh_mode="FULL", append_only=True)
    name = view.fully_qualified_name()
    status = f"{name.rsplit('.', 1)[0]}.SNOWML_SNAPSHOT_STATUS"
    session.sql(
        f"INSERT INTO {status} (FV_FQN, SNAPSHOT_START_TIME) SELECT '{name}', DATEADD(minute, -1, CURRENT_TIMESTAMP())"
    ).collect()
    session.sql(f"ALTER DYNAMIC TABLE {name} REFRESH").collect()
    refreshed = "SELECT COUNT(*) AS N FROM TABLE(EMBEDDED.INFORMATION_SCHEMA.DYNAMIC_TABLE_REFRESH_HISTORY()) " \
        "WHERE NAME = 'CUT$V1'"  # fmt: skip
    before = session.sql(refreshed).collect()

    refresh(session, view)

    assert session.sql(refreshed).collect() == before
    assert len(snapshots(session, view)) == 2
    assert session.sql(f"SELECT * FROM {status} WHERE FV_FQN = '{name}'").collect() == []


@pytest.mark.filterwarnings("ignore:You must call register_feature_view")  # the client warns of its own call
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_an_append_only_feature_view_takes_another_column_and_keeps_its_rows(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView]
) -> None:
    view = amounts("GROWN", query=TOTALS, refresh_freq=NIGHTLY, refresh_mode="FULL", append_only=True)
    refresh(session, view)
    kept = snapshots(session, view)
    wider = session.sql(TOTALS.replace(" FROM", ", COUNT(*) AS N FROM"))

    view = store.update_feature_view("GROWN", "V1", updated_feature_df=wider)
    refresh(session, view)

    rows = session.table(f"{view.fully_qualified_name()}$SNAPSHOTS").collect()
    assert len(rows) == 2 * len(kept)
    assert sorted(row["N"] is None for row in rows) == [False, False, True, True]
