"""Tiled feature views: aggregations over windows, from tiles of a day; rollups of them to another entity."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

import pytest
from snowflake.ml.feature_store import Entity, Feature, FeatureStore, FeatureView
from snowflake.ml.feature_store.feature_view import RollupConfig
from snowflake.snowpark import Session

pytestmark = pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
WEEK = "7d"


def features(store: FeatureStore, session: Session, view: FeatureView, *at: tuple[int, datetime]) -> list[Any]:
    """What the view knew of each key at each moment, in their order."""
    key = view.entities[0].join_keys[0]
    spine = session.create_dataframe([list(each) for each in at], schema=[str(key), "T"])
    rows = store.generate_training_set(spine, [view], spine_timestamp_col="T", join_method="cte").collect()
    found = {(row[str(key)], row["T"]): row for row in rows}
    return [found[each] for each in at]


def tiled(store: FeatureStore, session: Session, entity: Entity, name: str, *wanted: Feature) -> FeatureView:
    view = FeatureView(
        name, [entity], session.sql("SELECT ID, TS, AMOUNT FROM EMBEDDED.PUBLIC.EVENTS"), timestamp_col="TS",
        refresh_freq="1 hour", feature_granularity="1d", features=list(wanted),
    )  # fmt: skip
    return store.register_feature_view(view, "V1")


@pytest.mark.embedded("FeatureStore: tiled feature views: sum, count, avg, min, max, stddev, var over windows")
def test_windows_are_aggregated_from_complete_tiles_before_the_moment(
    store: FeatureStore, session: Session, customer: Entity
) -> None:
    view = tiled(
        store, session, customer, "WINDOWS", Feature.sum("AMOUNT", "2d").alias("SUM2"),
        *(getattr(Feature, f)("AMOUNT", WEEK).alias(f.upper()) for f in ("count", "avg", "min", "max", "stddev", "var")),
    )  # fmt: skip

    early, late = features(store, session, view, (1, datetime(2024, 1, 2, 12)), (1, datetime(2024, 1, 5)))

    # 1.5 on January 1st, 2.5 on the 3rd
    assert [early[n] for n in ("SUM2", "COUNT", "AVG", "MIN", "MAX")] == [1.5, 1, 1.5, 1.5, 1.5]
    assert [late[n] for n in ("SUM2", "COUNT", "AVG", "MIN", "MAX")] == [2.5, 2, 2.0, 1.5, 2.5]
    assert (late["VAR"], math.isclose(late["STDDEV"], 0.5)) == (0.25, True)


@pytest.mark.embedded("FeatureStore: tiled feature views: the first, last and distinct values of a window")
def test_the_last_values_of_a_window_come_in_the_order_of_time(
    store: FeatureStore, session: Session, customer: Entity
) -> None:
    session.sql("INSERT INTO EMBEDDED.PUBLIC.EVENTS SELECT 9, DATEADD(day, x, '2024-01-01'::TIMESTAMP_NTZ), y FROM "
                "VALUES (0, 3), (1, 1), (2, 1) AS v(x, y)").collect()  # fmt: skip
    view = tiled(
        store, session, customer, "LISTS", Feature.last_n("AMOUNT", WEEK, n=2).alias("LAST"),
        Feature.first_n("AMOUNT", WEEK, n=2).alias("FIRST"), Feature.last_distinct_n("AMOUNT", WEEK, n=2).alias("OTHERS"),
    )  # fmt: skip

    [row] = features(store, session, view, (9, datetime(2024, 1, 5)))

    assert [json.loads(row[n]) for n in ("FIRST", "LAST", "OTHERS")] == [[3, 1], [1, 1], [3, 1]]


@pytest.mark.embedded("FeatureStore: rollups of tiled feature views to another entity")
def test_tiles_are_rolled_up_to_another_entity(store: FeatureStore, session: Session, customer: Entity) -> None:
    session.sql(
        "CREATE OR REPLACE TABLE EMBEDDED.PUBLIC.HOMES AS SELECT * FROM VALUES (1, 10), (2, 10) AS v(ID, HOME)"
    ).collect()
    household = Entity("HOUSEHOLD", ["HOME"])
    store.register_entity(household)
    by_customer = tiled(store, session, customer, "BY_CUSTOMER", Feature.sum("AMOUNT", WEEK).alias("TOTAL"))
    rollup = RollupConfig(source=by_customer, mapping_df=session.table("EMBEDDED.PUBLIC.HOMES"))
    view = store.register_feature_view(
        FeatureView("BY_HOME", [household], rollup_config=rollup, refresh_freq="1 hour"), "V1"
    )

    [row] = features(store, session, view, (10, datetime(2024, 1, 5)))

    assert row["TOTAL"] == 7.5


@pytest.mark.parametrize("approximate", [Feature.approx_count_distinct, Feature.approx_percentile])
def test_sketches_are_refused(store: FeatureStore, session: Session, customer: Entity, approximate: Any) -> None:
    with pytest.raises(Exception, match=r"(?i)unknown function .*accumulate"):
        tiled(store, session, customer, "SKETCHED", approximate("AMOUNT", WEEK).alias("X"))
