"""Feature views without a schedule, which are views: register, read, list, update, several versions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from snowflake.ml.feature_store import Entity, FeatureStore, FeatureView
from snowflake.snowpark import Session, Window
from snowflake.snowpark.functions import coalesce, col, lag, lit


@pytest.mark.embedded("FeatureStore: feature views that are views, with descriptions")
def test_a_feature_view_is_read_back_as_registered(store: FeatureStore, session: Session, customer: Entity) -> None:
    source = session.sql("SELECT ID, TS, AMOUNT, AMOUNT > 2 AS LARGE FROM EMBEDDED.PUBLIC.EVENTS")
    view = FeatureView("PAID", [customer], source, timestamp_col="TS", desc="what it's about")
    store.register_feature_view(view.attach_feature_desc({"AMOUNT": "in francs"}), "V1")

    found = store.get_feature_view("PAID", "V1")

    assert (found.status.value, found.desc, str(found.timestamp_col)) == ("STATIC", "what it's about", "TS")
    assert [str(name) for name in found.feature_names] == ["AMOUNT", "LARGE"]
    assert {str(name): text for name, text in found.feature_descs.items()} == {"AMOUNT": "in francs", "LARGE": ""}
    assert [(str(e.name), e.desc) for e in found.entities] == [("CUSTOMER", "who buys")]
    rows = store.read_feature_view(found).order_by("AMOUNT").collect()
    assert [(r["ID"], r["AMOUNT"], r["LARGE"]) for r in rows] == [(1, 1.5, False), (1, 2.5, True), (2, 3.5, True)]


@pytest.mark.embedded("FeatureStore: features of Snowpark DataFrames")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
@pytest.mark.parametrize("frequency", [None, "1 day"])
def test_features_are_whatever_a_dataframe_says(
    store: FeatureStore, session: Session, customer: Entity, frequency: str | None
) -> None:
    events = session.table("EMBEDDED.PUBLIC.EVENTS").filter(col("AMOUNT") > 1)
    earlier = lag("AMOUNT").over(Window.partition_by("ID").order_by("TS"))
    frame = events.select("ID", "TS", (col("AMOUNT") - coalesce(earlier, lit(0.0))).alias("GROWTH"))
    view = FeatureView("FROM_FRAME", [customer], frame, timestamp_col="TS", refresh_freq=frequency)

    registered = store.register_feature_view(view, "V1", overwrite=True)

    rows = store.read_feature_view(registered).order_by("ID", "TS").collect()
    assert [(row["ID"], row["GROWTH"]) for row in rows] == [(1, 1.5), (1, 1.0), (2, 3.5)]


@pytest.mark.embedded("FeatureStore: several versions of a feature view")
def test_versions_of_a_feature_view_stand_side_by_side(
    store: FeatureStore, amounts: Callable[..., FeatureView]
) -> None:
    amounts("VERSIONED", "V1")
    amounts("VERSIONED", "V2", query="SELECT ID, TS, AMOUNT * 2 AS AMOUNT FROM EMBEDDED.PUBLIC.EVENTS")

    def amounts_of(version: str) -> list[float]:
        rows = store.read_feature_view(store.get_feature_view("VERSIONED", version)).collect()
        return sorted(row["AMOUNT"] for row in rows)

    assert (amounts_of("V1"), amounts_of("V2")) == ([1.5, 2.5, 3.5], [3.0, 5.0, 7.0])
    listed = store.list_feature_views(feature_view_name="VERSIONED").collect()
    assert sorted((row["NAME"], row["VERSION"]) for row in listed) == [("VERSIONED", "V1"), ("VERSIONED", "V2")]


def test_registering_a_version_twice_warns_and_keeps_the_first(
    store: FeatureStore, amounts: Callable[..., FeatureView]
) -> None:
    amounts("TWICE")

    with pytest.warns(UserWarning, match="already exists"):
        amounts("TWICE", query="SELECT ID, TS, 0.0 AS AMOUNT FROM EMBEDDED.PUBLIC.EVENTS")

    assert max(row["AMOUNT"] for row in store.read_feature_view("TWICE", "V1").collect()) == 3.5


@pytest.mark.embedded("FeatureStore: list feature views by entity and by name")
def test_feature_views_are_listed_by_entity_and_name(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView]
) -> None:
    amounts("LISTED", desc="one of them")
    shop = Entity("SHOP", ["SHOP_ID"])
    store.register_entity(shop)
    store.register_feature_view(FeatureView("SHOPS", [shop], session.sql("SELECT 7 AS SHOP_ID, 1.0 AS SIZE")), "V1")

    of_shops = store.list_feature_views(entity_name="SHOP").collect()
    named = store.list_feature_views(feature_view_name="LISTED").collect()

    assert [(row["NAME"], row["ENTITIES"].replace(" ", "")) for row in of_shops] == [("SHOPS", '["SHOP"]')]
    assert [(row["NAME"], row["DESC"], row["SCHEDULING_STATE"]) for row in named] == [("LISTED", "one of them", None)]
    assert {row["NAME"] for row in store.list_feature_views().collect()} >= {"LISTED", "SHOPS"}


def test_an_entity_that_a_feature_view_uses_is_not_deleted(
    store: FeatureStore, amounts: Callable[..., FeatureView]
) -> None:
    amounts("USES_IT")

    with pytest.raises(ValueError, match="Cannot delete Entity CUSTOMER"):
        store.delete_entity("CUSTOMER")


@pytest.mark.embedded("FeatureStore: update a feature view")
def test_an_update_changes_the_description(store: FeatureStore, amounts: Callable[..., FeatureView]) -> None:
    amounts("UPDATED", desc="before")

    store.update_feature_view("UPDATED", "V1", desc="it's after")

    assert store.get_feature_view("UPDATED", "V1").desc == "it's after"


def test_a_version_that_was_never_registered_is_not_found(store: FeatureStore) -> None:
    with pytest.raises(ValueError, match="Failed to find FeatureView NEVER/V1"):
        store.get_feature_view("NEVER", "V1")


@pytest.mark.embedded("FeatureStore: delete a feature view")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
@pytest.mark.parametrize("frequency", [None, "1 day", "0 6 * * * UTC"])
def test_a_deleted_feature_view_leaves_nothing(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView], frequency: str | None
) -> None:
    view = amounts("DELETED", refresh_freq=frequency)

    store.delete_feature_view(view)

    assert store.list_feature_views(feature_view_name="DELETED").collect() == []
    for kind in ("TABLES", "DYNAMIC TABLES", "VIEWS", "TASKS"):
        assert session.sql(f"SHOW {kind} LIKE 'DELETED%' IN EMBEDDED.FEATURES").collect() == []


@pytest.mark.embedded("FeatureStore: overwrite a feature view, from view to dynamic table to cron and back")
@pytest.mark.filterwarnings("ignore:Your pipeline won't be incrementally refreshed")
def test_a_feature_view_is_overwritten_by_one_of_every_other_kind(
    store: FeatureStore, session: Session, amounts: Callable[..., FeatureView]
) -> None:
    def versions_of_it() -> list[str]:
        kinds = ("DYNAMIC TABLES", "VIEWS", "TASKS")
        return [kind for kind in kinds if session.sql(f"SHOW {kind} LIKE 'CHANGING%' IN EMBEDDED.FEATURES").collect()]

    for factor, (frequency, objects) in enumerate(
        [
            (None, ["VIEWS"]),
            ("1 day", ["DYNAMIC TABLES"]),
            ("0 6 * * * UTC", ["DYNAMIC TABLES", "TASKS"]),
            (None, ["VIEWS"]),
        ],
        start=1,
    ):
        query = f"SELECT ID, TS, AMOUNT * {factor} AS AMOUNT FROM EMBEDDED.PUBLIC.EVENTS"
        amounts("CHANGING", overwrite=True, refresh_freq=frequency, query=query)

        found = store.get_feature_view("CHANGING", "V1")
        assert (found.refresh_freq, versions_of_it()) == (frequency, objects)
        assert max(row["AMOUNT"] for row in store.read_feature_view(found).collect()) == 3.5 * factor
