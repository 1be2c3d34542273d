"""Datasets that FeatureStore generates: as tables and as versions of Parquet files, and reading them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from snowflake.ml.dataset import Dataset
from snowflake.ml.feature_store import FeatureStore, FeatureView
from snowflake.snowpark import DataFrame, Session
from snowflake.snowpark.exceptions import SnowparkSQLException

pytestmark = pytest.mark.filterwarnings("ignore:.*is being automatically converted:UserWarning")
EXPECTED = [(1, 1.5, 0), (1, 2.5, 1), (2, 3.5, 0)]


@pytest.fixture
def spine(session: Session) -> DataFrame:
    return session.sql(
        "SELECT COLUMN1 AS ID, COLUMN2::TIMESTAMP_NTZ AS TS, COLUMN3 AS LABEL FROM VALUES "
        "(1, '2024-01-02', 0), (1, '2024-01-04', 1), (2, '2024-01-05', 0)"
    )


@pytest.fixture
def generate(store: FeatureStore, spine: DataFrame, amounts: Callable[..., FeatureView]) -> Callable[..., Any]:
    def dataset(name: str, version: str = "v1", **options: Any) -> Any:
        views = [amounts(f"OF_{name}")]
        return store.generate_dataset(
            name, spine, views, version=version, spine_timestamp_col="TS", spine_label_cols=["LABEL"],
            exclude_columns=options.pop("exclude_columns", ["TS"]), **options,
        )  # fmt: skip

    return dataset


def rows(frame: pd.DataFrame) -> list[tuple[int, float, int]]:
    return sorted((int(r.ID), float(r.AMOUNT), int(r.LABEL)) for r in frame.itertuples())


@pytest.mark.embedded("FeatureStore: generate datasets and read them with to_pandas and to_snowpark_dataframe")
def test_a_dataset_is_read_back_with_both_clients(generate: Callable[..., Any]) -> None:
    dataset = generate("READ_BACK", desc="what we train on")

    assert rows(dataset.read.to_pandas()) == EXPECTED
    assert rows(dataset.read.to_snowpark_dataframe().to_pandas()) == EXPECTED
    features = dataset.read.to_snowpark_dataframe(only_feature_cols=True)
    assert features.columns == ["ID", "AMOUNT"]
    assert dataset.selected_version.label_cols == ["LABEL"]
    assert dataset.selected_version.comment == "what we train on"


@pytest.mark.embedded("FeatureStore: a dataset knows its feature views")
def test_a_dataset_leads_back_to_its_feature_views(store: FeatureStore, generate: Callable[..., Any]) -> None:
    dataset = generate("KNOWS")

    [view] = store.load_feature_views_from_dataset(dataset)

    assert (str(view.name), str(view.version), str(view.timestamp_col)) == ("OF_KNOWS", "V1", "TS")


@pytest.mark.embedded("FeatureStore: generate datasets as tables")
@pytest.mark.filterwarnings("ignore:Generating a table from generate_dataset")
def test_a_dataset_as_a_table_is_a_table(session: Session, generate: Callable[..., Any]) -> None:
    frame = generate("AS_TABLE", output_type="table")

    assert rows(frame.to_pandas()) == EXPECTED
    assert rows(session.table("EMBEDDED.FEATURES.AS_TABLE_v1").to_pandas()) == EXPECTED


@pytest.mark.embedded("Datasets: versions are listed, selected, deleted")
def test_versions_are_case_sensitive_and_go_one_by_one(session: Session, generate: Callable[..., Any]) -> None:
    dataset = generate("VERSIONS", "one")
    frame = session.sql("SELECT 1 AS A")
    dataset.create_version("One", frame, comment="it's big")
    dataset.create_version("two", frame)

    assert dataset.list_versions() == ["One", "one", "two"]
    assert dataset.select_version("One").selected_version.comment == "it's big"
    assert [r["A"] for r in dataset.select_version("One").read.to_snowpark_dataframe().collect()] == [1]

    dataset.delete_version("one")

    assert dataset.list_versions() == ["One", "two"]
    with pytest.raises(Exception, match="version 'one' does not exist"):
        dataset.select_version("one")
    with pytest.raises(Exception, match="'one' of dataset"):
        dataset.delete_version("one")


def test_a_version_is_written_once(session: Session) -> None:
    dataset = Dataset.create(session, "EMBEDDED.PUBLIC.ONCE")
    dataset.create_version("v1", session.sql("SELECT 1 AS A"))

    with pytest.raises(Exception, match="version v1 already exists"):
        dataset.create_version("v1", session.sql("SELECT 2 AS A"))

    assert dataset.select_version("v1").read.to_pandas()["A"].tolist() == [1]
    with pytest.raises(Exception, match="already exists"):
        Dataset.create(session, "EMBEDDED.PUBLIC.ONCE")


def test_a_version_whose_query_fails_leaves_nothing(session: Session) -> None:
    dataset = Dataset.create(session, "EMBEDDED.PUBLIC.NOTHING")

    with pytest.raises(SnowparkSQLException):
        session.sql(
            "ALTER DATASET EMBEDDED.PUBLIC.NOTHING ADD VERSION 'v1' FROM (SELECT TO_NUMBER('x') AS A) METADATA=$${}$$"
        ).collect()

    assert dataset.list_versions() == []


def test_a_dataset_that_was_deleted_is_gone_with_its_files(session: Session) -> None:
    dataset = Dataset.create(session, "EMBEDDED.PUBLIC.GONE")
    version = dataset.create_version("v1", session.sql("SELECT 1 AS A"))
    url = version.selected_version.url()
    dataset.delete()

    with pytest.raises(Exception, match="does not exist"):
        Dataset.load(session, "EMBEDDED.PUBLIC.GONE")
    with pytest.raises(SnowparkSQLException, match="does not exist"):
        session.sql(f"LIST '{url}'").collect()


@pytest.mark.embedded("Datasets: partitioned versions")
def test_a_partitioned_version_has_a_folder_for_each_value(session: Session) -> None:
    dataset = Dataset.create(session, "EMBEDDED.PUBLIC.PARTED")
    frame = session.sql("SELECT COLUMN1 AS A, COLUMN2 AS KIND FROM VALUES (1, 'x'), (2, 'y'), (3, 'x'), (4, NULL)")
    version = dataset.create_version("v1", frame, partition_by="'kind=' || KIND", comment="by kind")

    names = [row["name"] for row in version.selected_version.list_files()]

    assert names == [f"versions/v1/{folder}/data_0_0_0.snappy.parquet" for folder in ("_NULL_", "kind=x", "kind=y")]
    assert sorted(row["A"] for row in version.read.to_snowpark_dataframe().collect()) == [1, 2, 3, 4]


def test_a_partition_leads_to_no_other_folder(session: Session) -> None:
    Dataset.create(session, "EMBEDDED.PUBLIC.ESCAPE")

    with pytest.raises(SnowparkSQLException, match="invalid path"):
        session.sql(
            "ALTER DATASET EMBEDDED.PUBLIC.ESCAPE ADD VERSION 'v1' FROM (SELECT 1 AS A) PARTITION BY '../../x'"
        ).collect()
