"""What a feature store holds when its server was stopped or killed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.ml.feature_store import FeatureStore, FeatureView
from snowflake.snowpark import Session


@pytest.mark.embedded("FeatureStore: entities, feature views, training sets and datasets survive a stop and kill -9")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_a_feature_store_survives_a_stop_and_a_kill(
    embedded_snowflake: EmbeddedSnowflake,
    store: FeatureStore,
    session: Session,
    amounts: Callable[..., FeatureView],
) -> None:
    views = [
        amounts("A_VIEW"),
        amounts("A_TABLE", refresh_freq="1 hour", desc="what they paid"),
        amounts("NIGHTLY", refresh_freq="0 3 * * * UTC"),
    ]
    spine = session.sql("SELECT 1 AS ID, '2024-01-02'::TIMESTAMP_NTZ AS TS")
    dataset = store.generate_dataset(
        "SURVIVOR", spine, views[:1], version="v1", spine_timestamp_col="TS", exclude_columns=["TS"]
    )
    store.generate_training_set(spine, views[:1], spine_timestamp_col="TS", save_as="SAVED")

    def is_as_it_was() -> None:
        assert [(row["NAME"], row["DESC"]) for row in store.list_entities().collect()] == [("CUSTOMER", "who buys")]
        for view in views:
            found = store.get_feature_view(str(view.name), "V1")
            assert (found.desc, found.refresh_freq) == (view.desc, view.refresh_freq)
            assert sorted(row["AMOUNT"] for row in store.read_feature_view(found).collect()) == [1.5, 2.5, 3.5]
        assert store.get_refresh_history(views[1]).count() == 1
        assert dataset.list_versions() == ["v1"]
        assert dataset.read.to_pandas().to_dict("records") == [{"ID": 1, "AMOUNT": 1.5}]
        assert [row["AMOUNT"] for row in session.table("EMBEDDED.FEATURES.SAVED").collect()] == [1.5]

    embedded_snowflake.restart()
    is_as_it_was()
    embedded_snowflake.kill()
    embedded_snowflake.restart()
    is_as_it_was()
