"""Training sets: point-in-time joins, compared with pandas.merge_asof on random data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from snowflake.ml.feature_store import Entity, Feature, FeatureStore, FeatureView
from snowflake.snowpark import Session

SPINE_ROWS, FEATURE_ROWS, CUSTOMERS = 300, 200, 12
START = pd.Timestamp("2024-01-01")


def moments(random: np.random.Generator, rows: int, resolution: str) -> pd.Series:
    """Moments of ten days; with a coarse resolution many are equal in both tables."""
    return pd.Series(START + pd.to_timedelta(random.integers(0, 10 * 86_400, rows), "s")).dt.floor(resolution)


def feature_table(random: np.random.Generator, resolution: str, value: str) -> pd.DataFrame:
    """Rows with distinct (customer, moment): which of two equal moments wins is not defined in Snowflake."""
    frame = pd.DataFrame(
        {"ID": random.integers(0, CUSTOMERS, FEATURE_ROWS), "TS": moments(random, FEATURE_ROWS, resolution)}
    )
    frame[value] = random.normal(size=FEATURE_ROWS).round(6)
    frame.loc[random.random(FEATURE_ROWS) < 0.1, value] = np.nan
    return frame.drop_duplicates(["ID", "TS"]).reset_index(drop=True)


def spine_table(random: np.random.Generator, resolution: str) -> pd.DataFrame:
    """Some customers are in no feature table, some moments are before every feature."""
    ids = random.integers(0, CUSTOMERS + 3, SPINE_ROWS)
    ts = moments(random, SPINE_ROWS, resolution) - pd.Timedelta("1D")
    return pd.DataFrame({"ROW_ID": range(SPINE_ROWS), "ID": ids, "TS": ts})


def written(session: Session, frame: pd.DataFrame, table: str) -> str:
    """Put a frame into a table of the account, row by row in SQL, so that no client code is trusted with its times."""

    def cell(value: object) -> str:
        if isinstance(value, pd.Timestamp):
            return f"'{value}'"
        return "NULL" if isinstance(value, float) and np.isnan(value) else repr(value)

    kinds = {"M": "TIMESTAMP_NTZ", "i": "NUMBER", "f": "FLOAT"}
    columns = ", ".join(f"{name} {kinds[kind.kind]}" for name, kind in frame.dtypes.items())
    rows = ", ".join("(" + ", ".join(map(cell, row)) + ")" for row in frame.astype(object).itertuples(index=False))
    session.sql(f"CREATE OR REPLACE TABLE {table} ({columns})").collect()
    session.sql(f"INSERT INTO {table} VALUES {rows}").collect()
    return table


def joined(spine: pd.DataFrame, features: list[pd.DataFrame]) -> pd.DataFrame:
    """What the training set must be: pandas' own as-of join, one feature table after another."""
    expected = spine.sort_values("TS", kind="stable")
    for feature in features:
        expected = pd.merge_asof(expected, feature.sort_values("TS"), on="TS", by="ID", direction="backward")
    return expected.sort_values("ROW_ID").reset_index(drop=True)


def fetched(dataframe: object) -> pd.DataFrame:
    frame = dataframe.to_pandas()  # type: ignore[attr-defined]
    return frame.sort_values("ROW_ID").reset_index(drop=True)


def assert_same(actual: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(actual.columns) == list(expected.columns)
    actual = actual.astype({"ROW_ID": "int64", "ID": "int64", "TS": "datetime64[ns]"})
    assert_frame_equal(actual, expected.astype({"TS": "datetime64[ns]"}), check_exact=True)


@pytest.mark.embedded("FeatureStore: training sets are point-in-time correct (equal to pandas.merge_asof)")
@pytest.mark.parametrize(
    ("seed", "resolution", "method"), [(1, "s", "sequential"), (2, "6h", "cte"), (3, "1D", "sequential")]
)
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_training_sets_are_what_pandas_joins_as_of(
    store: FeatureStore, session: Session, customer: Entity, seed: int, resolution: str, method: str
) -> None:
    random = np.random.default_rng(seed)
    frames = [feature_table(random, resolution, "A"), feature_table(random, resolution, "B")]
    spine = spine_table(random, resolution)
    views = []
    for frame, frequency in zip(frames, (None, "1 day"), strict=True):
        name = f"RANDOM_{frame.columns[-1]}_{seed}_{method}".upper()
        source = session.table(written(session, frame, f"EMBEDDED.PUBLIC.{name}"))
        view = FeatureView(name, [customer], source, timestamp_col="TS", refresh_freq=frequency)
        views.append(store.register_feature_view(view, "V1"))
    spine_frame = session.table(written(session, spine, f"EMBEDDED.PUBLIC.SPINE_{seed}_{method}"))

    training = store.generate_training_set(spine_frame, views, spine_timestamp_col="TS", join_method=method)

    expected = joined(spine, frames)
    assert expected["A"].isna().any()
    assert expected["A"].notna().any()
    assert_same(fetched(training), expected)


@pytest.mark.embedded("FeatureStore: tiled feature views (sum, count, avg, max over windows of whole tiles)")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_windows_of_a_tiled_feature_view_end_at_the_last_whole_tile(
    store: FeatureStore, session: Session, customer: Entity
) -> None:
    random = np.random.default_rng(4)
    events = feature_table(random, "s", "A").dropna()
    windows = [Feature.sum("A", "3d").alias("TOTAL"), Feature.count("A", "2d").alias("N"),
               Feature.avg("A", "3d").alias("MEAN"), Feature.max("A", "2d").alias("MOST")]  # fmt: skip
    view = FeatureView(
        "TILED", [customer], session.table(written(session, events, "EMBEDDED.PUBLIC.TILED_EVENTS")),
        timestamp_col="TS", refresh_freq="1 day", feature_granularity="1 day", features=windows,
    )  # fmt: skip
    view = store.register_feature_view(view, "V1")
    spine = spine_table(random, "s")
    spine_frame = session.table(written(session, spine, "EMBEDDED.PUBLIC.TILED_SPINE"))

    training = fetched(store.generate_training_set(spine_frame, [view], spine_timestamp_col="TS", join_method="cte"))

    assert training["N"].max() > 1
    for row, (_, at) in zip(training.itertuples(), spine.iterrows(), strict=True):
        end = at["TS"].floor("1D")
        own = events[(events["ID"] == at["ID"]) & (events["TS"] < end)]
        three, two = (own[own["TS"] >= end - pd.Timedelta(f"{days}D")]["A"] for days in (3, 2))
        assert (row.TOTAL or 0.0) == pytest.approx(three.sum())
        assert (row.N or 0) == len(two)
        if len(three):
            assert pytest.approx(three.mean()) == row.MEAN
        if len(two):
            assert two.max() == row.MOST


@pytest.mark.embedded("FeatureStore: retrieve feature values, slices, prefixes and timestamps of features")
def test_slices_prefixes_and_timestamps_of_features_are_of_the_joined_row(
    store: FeatureStore, session: Session, customer: Entity
) -> None:
    source = session.sql("SELECT ID, TS, AMOUNT, AMOUNT * 2 AS TWICE FROM EMBEDDED.PUBLIC.EVENTS")
    view = store.register_feature_view(FeatureView("SLICED", [customer], source, timestamp_col="TS"), "V1")
    spine = session.sql(
        "SELECT COLUMN1 AS ROW_ID, COLUMN2 AS ID, COLUMN3::TIMESTAMP_NTZ AS TS FROM VALUES "
        "(0, 1, '2024-01-02'), (1, 1, '2024-01-03'), (2, 1, '2023-12-31'), (3, 9, '2024-01-02'), (4, 2, NULL)"
    )

    values = store.retrieve_feature_values(
        spine, [view.slice(["TWICE"])], spine_timestamp_col="TS", include_feature_view_timestamp_col=True,
        auto_prefix=True,
    )  # fmt: skip

    rows = sorted(tuple(row) for row in values.select("ROW_ID", "SLICED_V1_TS", "SLICED_V1_TWICE").collect())
    first, third = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-03")
    assert rows == [(0, first, 3.0), (1, third, 5.0), (2, None, None), (3, None, None), (4, None, None)]


@pytest.mark.embedded("FeatureStore: training sets without timestamps are left joins")
def test_without_a_timestamp_features_are_joined_on_the_keys(
    store: FeatureStore, session: Session, customer: Entity
) -> None:
    source = session.sql("SELECT ID, SUM(AMOUNT) AS TOTAL FROM EMBEDDED.PUBLIC.EVENTS GROUP BY ID")
    view = store.register_feature_view(FeatureView("TIMELESS", [customer], source), "V1")
    spine = session.sql("SELECT COLUMN1 AS ID FROM VALUES (1), (2), (9)")

    rows = store.generate_training_set(spine, [view]).order_by("ID").collect()

    assert [tuple(row) for row in rows] == [(1, 4.0), (2, 3.5), (9, None)]


@pytest.mark.embedded("FeatureStore: training sets saved as tables")
def test_a_saved_training_set_does_not_change_with_its_features(
    store: FeatureStore, session: Session, customer: Entity
) -> None:
    session.sql("CREATE TABLE EMBEDDED.PUBLIC.MOVING AS SELECT 1 AS ID, 10.0::FLOAT AS V").collect()
    view = FeatureView("MOVING", [customer], session.table("EMBEDDED.PUBLIC.MOVING"))
    view = store.register_feature_view(view, "V1")
    spine = session.sql("SELECT 1 AS ID")
    saved = store.generate_training_set(spine, [view], save_as="SAVED")
    live = store.generate_training_set(spine, [view])
    session.sql("UPDATE EMBEDDED.PUBLIC.MOVING SET V = 20.0").collect()

    assert [tuple(row) for row in saved.collect()] == [(1, 10.0)]
    assert [tuple(row) for row in live.collect()] == [(1, 20.0)]
    assert [tuple(row) for row in session.table("EMBEDDED.FEATURES.SAVED").collect()] == [(1, 10.0)]


@pytest.mark.embedded("ASOF JOIN: every comparison, with and without ON; left rows without a match are kept")
@pytest.mark.parametrize(
    ("comparison", "expected"),
    [(">=", {1: "a", 2: "b", 3: "b"}), (">", {1: None, 2: "a", 3: "b"}),
     ("<=", {1: "a", 2: "b", 3: None}), ("<", {1: "b", 2: None, 3: None})],
)  # fmt: skip
def test_an_asof_join_finds_the_nearest_row_on_the_side_of_its_comparison(
    session: Session, comparison: str, expected: dict[int, str | None]
) -> None:
    left = "(SELECT COLUMN1 AS T FROM VALUES (1), (2), (3)) L"
    right = "(SELECT COLUMN1 AS T, COLUMN2 AS V FROM VALUES (1, 'a'), (2, 'b')) R"

    rows = session.sql(
        f"SELECT L.T, R.V FROM {left} ASOF JOIN {right} MATCH_CONDITION (L.T {comparison} R.T)"
    ).collect()

    assert {row["T"]: row["V"] for row in rows} == expected


def test_an_asof_join_that_we_cannot_express_is_refused(session: Session) -> None:
    with pytest.raises(Exception, match=r"does not know ASOF JOIN \.\.\. USING"):
        session.sql(
            "SELECT * FROM (SELECT 1 AS K, 1 AS T) L ASOF JOIN (SELECT 1 AS K, 1 AS T) R "
            "MATCH_CONDITION (L.T >= R.T) USING (K)"
        ).collect()
