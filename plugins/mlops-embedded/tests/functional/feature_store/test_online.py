"""Online feature tables: the newest row of each key, read by key, refreshed by their own lag."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.ml.feature_store import FeatureStore, FeatureView, StoreType
from snowflake.ml.feature_store.feature_view import OnlineConfig, OnlineStoreType
from snowflake.snowpark import Row, Session
from snowflake.snowpark.exceptions import SnowparkSQLException

pytestmark = pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
ONLINE = OnlineConfig(enable=True, target_lag="30s")


def read(store: FeatureStore, view: FeatureView, keys: list[list[int]] | None = None) -> list[Row]:
    frame = store.read_feature_view(view, keys=keys, feature_names=["AMOUNT"], store_type=StoreType.ONLINE)
    return sorted(frame.collect())


@pytest.mark.embedded("FeatureStore: online feature tables (hybrid ones): the newest row of each key, read by key")
def test_an_online_view_gives_the_newest_row_of_each_key(
    store: FeatureStore, amounts: Callable[..., FeatureView]
) -> None:
    view = amounts("ONLINE", refresh_freq="1 minute", online_config=ONLINE)

    assert read(store, view)[:2] == [(1, 2.5), (2, 3.5)]
    assert read(store, view, [[1]]) == [(1, 2.5)]
    assert store.get_feature_view("ONLINE", "V1").online_config == ONLINE


@pytest.mark.embedded("FeatureStore: online feature tables follow their lag, or a refresh on demand, with history")
def test_an_online_view_is_refreshed_by_its_lag_and_on_demand(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView], embedded_snowflake: EmbeddedSnowflake
) -> None:
    now = datetime.now(timezone.utc)
    embedded_snowflake.admin.set_clock(now)
    view = amounts("LAGGING", refresh_freq="1 day", online_config=ONLINE)
    session.sql("INSERT INTO EMBEDDED.PUBLIC.EVENTS VALUES (7, '2024-05-01', 1.0)").collect()
    store.refresh_feature_view(view)

    before = read(store, view, [[7]])
    store.refresh_feature_view(view, store_type=StoreType.ONLINE)
    on_demand = read(store, view, [[7]])
    session.sql("INSERT INTO EMBEDDED.PUBLIC.EVENTS VALUES (7, '2024-06-01', 2.0)").collect()
    store.refresh_feature_view(view)
    embedded_snowflake.admin.set_clock(now + timedelta(seconds=29))
    within_lag = read(store, view, [[7]])
    embedded_snowflake.admin.set_clock(now + timedelta(seconds=31))
    after_lag = read(store, view, [[7]])
    embedded_snowflake.admin.set_clock(None)

    assert (before, on_demand, within_lag, after_lag) == ([], [(7, 1.0)], [(7, 1.0)], [(7, 2.0)])
    history = store.get_refresh_history(view, store_type=StoreType.ONLINE).collect()
    assert [(row["NAME"], row["STATE"]) for row in history] == [("LAGGING$V1$ONLINE", "SUCCEEDED")] * 3


def test_an_online_view_is_switched_off_on_altered_suspended_and_deleted(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView]
) -> None:
    view = amounts("SWITCHED", refresh_freq="1 minute", online_config=ONLINE)
    table = "SHOW ONLINE FEATURE TABLES LIKE 'SWITCHED$V1$ONLINE' IN SCHEMA EMBEDDED.FEATURES"

    store.suspend_feature_view(view)
    [suspended] = session.sql(table).collect()
    store.resume_feature_view("SWITCHED", "V1")
    store.update_feature_view("SWITCHED", "V1", online_config=OnlineConfig(enable=True, target_lag="2 minutes"))
    [resumed] = session.sql(table).collect()
    store.update_feature_view("SWITCHED", "V1", online_config=OnlineConfig(enable=False))
    off = session.sql(table).collect()

    assert (suspended["scheduling_state"], suspended["target_lag"]) == ("SUSPENDED", "30s")
    assert (resumed["scheduling_state"], resumed["target_lag"]) == ("ACTIVE", "2 minutes")
    assert (resumed["primary_key"], resumed["store_type"]) == ("ID", "hybrid_table")
    assert off == []
    store.delete_feature_view("SWITCHED", "V1")


def test_an_online_feature_table_is_no_dynamic_table(session: Session, amounts: Callable[..., FeatureView]) -> None:
    amounts("NAMED", refresh_freq="1 minute", online_config=ONLINE)
    name = "EMBEDDED.FEATURES.NAMED$V1$ONLINE"

    assert session.sql("SHOW DYNAMIC TABLES LIKE 'NAMED$V1$ONLINE' IN EMBEDDED.FEATURES").collect() == []
    with pytest.raises(SnowparkSQLException, match="not specified type 'DYNAMIC_TABLE'"):
        session.sql(f"DROP DYNAMIC TABLE {name}").collect()
    with pytest.raises(SnowparkSQLException, match="not specified type 'ONLINE_FEATURE_TABLE'"):
        session.sql("DROP ONLINE FEATURE TABLE EMBEDDED.FEATURES.NAMED$V1").collect()
    with pytest.raises(SnowparkSQLException, match="at least 10 seconds"):
        session.sql(f"CREATE OR REPLACE ONLINE FEATURE TABLE {name} PRIMARY KEY (ID) TARGET_LAG = '5 seconds' "
                    "FROM EMBEDDED.PUBLIC.EVENTS").collect()  # fmt: skip


def test_an_online_store_in_postgres_is_refused_by_name(amounts: Callable[..., FeatureView]) -> None:
    config = OnlineConfig(enable=True, store_type=OnlineStoreType.POSTGRES)

    with pytest.raises(Exception, match=r"embedded Snowflake does not know .*ONLINE_SERVICE_STATUS"):
        amounts("PG", refresh_freq="1 minute", online_config=config)
