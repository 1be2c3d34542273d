"""A Registry on a running embedded Snowflake, and a scikit-learn pipeline to log in it."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from mlops_embedded.life import EmbeddedSnowflake
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from snowflake.ml.model import ModelVersion
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session

# what the clients themselves warn of
CLIENT_WARNINGS = (
    "ignore:Loading model requires:RuntimeWarning",
    "ignore:Loading the model into memory:RuntimeWarning",
    "ignore::DeprecationWarning",
    "ignore::UserWarning",
    "ignore::FutureWarning",
    "ignore::ResourceWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "ml_models" in item.path.parts:
            for warning in CLIENT_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session", autouse=True)
def leftovers_of_the_client() -> Iterator[None]:
    """snowflake-ml-python leaves temporary folders to the garbage collector, which warns of each."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="package")
def embedded_snowflake() -> Iterator[EmbeddedSnowflake]:
    """One server for all that is about models: its workers are slow to start."""
    with EmbeddedSnowflake() as server:
        yield server


@pytest.fixture(scope="package")
def session(embedded_snowflake: EmbeddedSnowflake) -> Iterator[Session]:
    created = Session.builder.configs(embedded_snowflake.connection).create()
    yield created
    created.close()


@pytest.fixture(scope="package")
def registry(session: Session) -> Registry:
    return Registry(session, database_name="EMBEDDED", schema_name="PUBLIC")


@pytest.fixture(scope="session")
def customers() -> pd.DataFrame:
    """Sixty rows with the columns AGE and SPENT, both floats."""
    random = np.random.default_rng(7)
    return pd.DataFrame({"AGE": random.normal(40, 12, 60), "SPENT": random.normal(100, 30, 60)})


@pytest.fixture(scope="session")
def pipeline(customers: pd.DataFrame) -> Pipeline:
    churned = (customers.AGE / 40 + customers.SPENT / 100 > 2).astype(int)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(customers, churned)


@pytest.fixture(scope="package")
def churn(registry: Registry, pipeline: Pipeline, customers: pd.DataFrame) -> ModelVersion:
    """Version V1 of the model CHURN."""
    return registry.log_model(pipeline, model_name="CHURN", version_name="V1", sample_input_data=customers.head(5))
