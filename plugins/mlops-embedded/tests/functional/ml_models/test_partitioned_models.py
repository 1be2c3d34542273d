"""Models whose methods are table functions: one answer for each partition, or many rows for each row."""

# no annotations as text here: CustomModel looks at its methods' annotations as they are
import pandas as pd
import pytest
from snowflake.ml.model import ModelVersion, custom_model
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

SALES = pd.DataFrame({"STORE": ["a", "b", "a", "b", "b"], "DAY": [1, 1, 2, 2, 3], "SOLD": [1.0, 10.0, 2.0, 20.0, 30.0]})


class Forecast(custom_model.CustomModel):
    """The next two days of a shop: its mean, with the number of rows that it saw."""

    @custom_model.partitioned_api
    def predict(self, input: pd.DataFrame) -> pd.DataFrame:
        if input["SOLD"].isna().any():
            raise ValueError("a day without sales")
        next_day = int(input["DAY"].max()) + 1
        return pd.DataFrame(
            {"NEXT_DAY": [next_day, next_day + 1], "FORECAST": [input["SOLD"].mean()] * 2, "SEEN": [len(input)] * 2}
        )


@pytest.fixture(scope="module")
def forecast(registry: Registry) -> ModelVersion:
    return registry.log_model(
        Forecast(custom_model.ModelContext()),
        model_name="FORECAST",
        version_name="V1",
        sample_input_data=SALES[["DAY", "SOLD"]],
        options={"function_type": "TABLE_FUNCTION"},
    )


@pytest.fixture(scope="module")
def sales(session: Session) -> str:
    session.write_pandas(SALES, "SALES", auto_create_table=True, overwrite=True)
    return "EMBEDDED.PUBLIC.SALES"


@pytest.mark.embedded("Partitioned models: mv.run with partition_column, on pandas and Snowpark DataFrames")
@pytest.mark.parametrize("kind", ["pandas", "snowpark"])
def test_each_partition_is_answered_by_itself(forecast: ModelVersion, session: Session, sales: str, kind: str) -> None:
    rows = SALES if kind == "pandas" else session.table(sales)

    answered = forecast.run(rows, function_name="predict", partition_column="STORE")

    frame = answered if kind == "pandas" else answered.to_pandas()
    found = frame[["STORE", "NEXT_DAY", "FORECAST", "SEEN"]].sort_values(["STORE", "NEXT_DAY"])
    assert found.to_numpy().tolist() == [["a", 3, 1.5, 2], ["a", 4, 1.5, 2], ["b", 4, 20.0, 3], ["b", 5, 20.0, 3]]


@pytest.mark.embedded("Partitioned models: FROM t, TABLE(MODEL(m, v)!F(...) OVER (PARTITION BY c)) in SQL")
def test_a_partitioned_model_is_called_in_sql(session: Session, forecast: ModelVersion, sales: str) -> None:
    session.sql(
        "CREATE OR REPLACE TABLE EMBEDDED.PUBLIC.FORECASTS AS "
        f"WITH late AS (SELECT * FROM {sales} WHERE DAY > 1) "
        "SELECT late.STORE, late.SOLD, NEXT_DAY, SEEN FROM late, "
        "TABLE(MODEL(EMBEDDED.PUBLIC.FORECAST, V1)!PREDICT(DAY, SOLD) OVER (PARTITION BY late.STORE))"
    ).collect()

    found = session.sql("SELECT * FROM EMBEDDED.PUBLIC.FORECASTS ORDER BY STORE, NEXT_DAY").collect()
    assert [tuple(row) for row in found] == [("a", None, 3, 1), ("a", None, 4, 1), ("b", None, 4, 2), ("b", None, 5, 2)]


def test_describing_a_call_does_not_run_the_model(session: Session, forecast: ModelVersion, sales: str) -> None:
    called = "TABLE(EMBEDDED.PUBLIC.FORECAST!PREDICT(DAY, NULL) OVER (PARTITION BY STORE))"

    described = session.sql(f"SELECT * FROM {sales}, {called}").schema  # the model raises when it is run on this

    assert described.names == ["STORE", "DAY", "SOLD", "NEXT_DAY", "FORECAST", "SEEN"]


def test_no_rows_make_no_partitions(session: Session, forecast: ModelVersion, sales: str) -> None:
    none = session.table(sales).filter("DAY > 100")

    assert forecast.run(none, function_name="predict", partition_column="STORE").collect() == []


def test_a_table_function_takes_literals(session: Session, forecast: ModelVersion) -> None:
    found = session.sql(
        "SELECT NEXT_DAY FROM TABLE(EMBEDDED.PUBLIC.FORECAST!PREDICT(7, 1.5) OVER (PARTITION BY 1))"
    ).collect()

    assert sorted(row["NEXT_DAY"] for row in found) == [8, 9]


def test_what_a_partition_raises_reaches_the_client(session: Session, forecast: ModelVersion, sales: str) -> None:
    with pytest.raises(SnowparkSQLException, match="ValueError: a day without sales"):
        session.sql(
            f"SELECT * FROM {sales}, TABLE(EMBEDDED.PUBLIC.FORECAST!PREDICT(DAY, NULL) OVER (PARTITION BY STORE))"
        ).collect()


class Doubled(custom_model.CustomModel):
    """Every row twice as much."""

    @custom_model.inference_api
    def predict(self, input: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"TWICE": input["SOLD"] * 2})


@pytest.mark.embedded("Models: table functions that answer row by row keep the row's columns")
def test_a_table_function_for_each_row_keeps_the_rows_columns(registry: Registry, session: Session, sales: str) -> None:
    version = registry.log_model(
        Doubled(custom_model.ModelContext()),
        model_name="DOUBLED",
        version_name="V1",
        sample_input_data=SALES[["SOLD"]],
        options={"function_type": "TABLE_FUNCTION"},
    )

    found = version.run(session.table(sales), function_name="predict").sort("STORE", "DAY").collect()

    assert [(row["STORE"], row["DAY"], row["TWICE"]) for row in found] == [
        ("a", 1, 2.0), ("a", 2, 4.0), ("b", 1, 20.0), ("b", 2, 40.0), ("b", 3, 60.0),
    ]  # fmt: skip
