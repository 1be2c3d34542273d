"""A FeatureStore on a running embedded Snowflake, and events to make features of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.ml.feature_store import CreationMode, Entity, FeatureStore, FeatureView
from snowflake.snowpark import Session


@pytest.fixture(scope="session")
def embedded_snowflake() -> Iterator[EmbeddedSnowflake]:
    """One server for these modules; each begins with a feature store of its own and the same events."""
    with EmbeddedSnowflake() as server:
        yield server


@pytest.fixture(scope="module")
def session(embedded_snowflake: EmbeddedSnowflake) -> Iterator[Session]:
    created = Session.builder.configs(embedded_snowflake.connection).create()
    created.sql("DROP SCHEMA IF EXISTS EMBEDDED.FEATURES").collect()
    created.sql("CREATE OR REPLACE TABLE EMBEDDED.PUBLIC.EVENTS (ID NUMBER, TS TIMESTAMP_NTZ, AMOUNT FLOAT)").collect()
    created.sql(
        "INSERT INTO EMBEDDED.PUBLIC.EVENTS VALUES (1, '2024-01-01', 1.5), (1, '2024-01-03', 2.5), (2, '2024-01-02', 3.5)"
    ).collect()
    yield created
    created.close()


@pytest.fixture(scope="module")
def customer() -> Entity:
    return Entity("CUSTOMER", ["ID"], desc="who buys")


@pytest.fixture(scope="module")
def store(session: Session, customer: Entity) -> FeatureStore:
    mode = CreationMode.CREATE_IF_NOT_EXIST
    created = FeatureStore(session, "EMBEDDED", "FEATURES", default_warehouse="COMPUTE_WH", creation_mode=mode)
    created.register_entity(customer)
    return created


@pytest.fixture
def amounts(store: FeatureStore, session: Session, customer: Entity) -> Callable[..., FeatureView]:
    """Registers a feature view of the events: `amounts("NAME", refresh_freq="5 minutes")`."""

    def register(name: str, version: str = "V1", **properties: Any) -> FeatureView:
        source = session.sql(properties.pop("query", "SELECT ID, TS, AMOUNT FROM EMBEDDED.PUBLIC.EVENTS"))
        overwrite = properties.pop("overwrite", False)
        view = FeatureView(name, [customer], source, timestamp_col="TS", **properties)
        return store.register_feature_view(view, version, overwrite=overwrite)

    return register
