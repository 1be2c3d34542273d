"""Inference: in worker processes, from the Registry and in SQL, equal to what the model says at home."""

# no annotations as text here: CustomModel looks at its methods' annotations as they are
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake
from sklearn.pipeline import Pipeline
from snowflake.ml.model import ModelVersion, custom_model
from snowflake.ml.model.model_signature import DataType, FeatureSpec, ModelSignature, ParamSpec
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

CHURN = "EMBEDDED.PUBLIC.CHURN"


@pytest.fixture(scope="module")
def table(session: Session, customers: pd.DataFrame, churn: ModelVersion) -> str:
    """The customers as a table, with a row number ID."""
    rows = customers.assign(ID=range(len(customers)))
    session.write_pandas(rows, "CUSTOMERS", auto_create_table=True, overwrite=True)
    return "EMBEDDED.PUBLIC.CUSTOMERS"


@pytest.mark.embedded("Inference: mv.run on pandas equals scikit-learn to the last bit")
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_a_pandas_frame_is_scored_as_scikit_learn_scores_it(
    churn: ModelVersion, pipeline: Pipeline, customers: pd.DataFrame, method: str
) -> None:
    scored = churn.run(customers, function_name=method)

    expected = np.asarray(getattr(pipeline, method)(customers)).reshape(len(customers), -1)
    assert (scored.filter(like="output_feature").to_numpy() == expected).all()


@pytest.mark.embedded("Inference: mv.run on a Snowpark DataFrame")
def test_a_snowpark_frame_is_scored_and_keeps_its_columns(
    churn: ModelVersion, pipeline: Pipeline, customers: pd.DataFrame, session: Session, table: str
) -> None:
    scored = churn.run(session.table(table), function_name="predict_proba").sort('"ID"').to_pandas()

    assert list(scored["ID"]) == list(range(len(customers)))
    assert (scored["output_feature_1"].to_numpy() == pipeline.predict_proba(customers)[:, 1]).all()


@pytest.mark.embedded("Inference: MODEL(m, v)!PREDICT(...) in CREATE TABLE AS, filters, and WITH mv AS MODEL m")
def test_methods_are_called_in_sql(session: Session, table: str, pipeline: Pipeline, customers: pd.DataFrame) -> None:
    expected = pipeline.predict(customers)

    session.sql(
        f"CREATE OR REPLACE TABLE EMBEDDED.PUBLIC.SCORED AS SELECT ID, MODEL({CHURN}, V1)!PREDICT(AGE, SPENT)"
        f"['output_feature_0']::INT AS CHURNED FROM {table}"
    ).collect()
    kept = session.sql(f"SELECT ID FROM {table} WHERE {CHURN}!PREDICT(AGE, SPENT):output_feature_0::INT = 1").collect()
    aliased = session.sql(
        f"WITH mv AS MODEL {CHURN} VERSION V1, c AS (SELECT * FROM {table}) "
        "SELECT ID, mv!PREDICT(AGE, SPENT):output_feature_0::INT AS P FROM c ORDER BY ID"
    ).collect()

    scored = session.sql("SELECT CHURNED FROM EMBEDDED.PUBLIC.SCORED ORDER BY ID").collect()
    assert [row["CHURNED"] for row in scored] == [row["P"] for row in aliased] == list(expected)
    assert {row["ID"] for row in kept} == {n for n, churned in enumerate(expected) if churned}


def test_a_method_that_the_model_lacks_is_refused(session: Session, table: str) -> None:
    with pytest.raises(SnowparkSQLException, match=r"Unknown function TRANSFORM.*PREDICT_PROBA"):
        session.sql(f"SELECT MODEL({CHURN}, V1)!TRANSFORM(AGE, SPENT) FROM {table}").collect()


def test_a_missing_argument_is_refused(session: Session, table: str) -> None:
    with pytest.raises(SnowparkSQLException, match=r"PREDICT: it takes .AGE DOUBLE, SPENT DOUBLE."):
        session.sql(f"SELECT MODEL({CHURN}, V1)!PREDICT(AGE) FROM {table}").collect()


def test_what_the_model_raises_reaches_the_client(session: Session, table: str) -> None:
    with pytest.raises(SnowparkSQLException, match="NaN"):
        session.sql(f"SELECT MODEL({CHURN}, V1)!PREDICT(NULL, SPENT) FROM {table}").collect()


def _xgboost() -> Any:
    return pytest.importorskip("xgboost").XGBClassifier(n_estimators=5, max_depth=2)


def _lightgbm() -> Any:
    return pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=5, max_depth=2, min_child_samples=2, verbose=-1)


@pytest.mark.embedded("Inference: XGBoost and LightGBM models, logged, loaded back and run")
@pytest.mark.parametrize("make", [_xgboost, _lightgbm])
def test_boosted_trees_are_loaded_and_scored(
    registry: Registry, customers: pd.DataFrame, make: Callable[[], Any]
) -> None:
    churned = (customers.AGE / 40 + customers.SPENT / 100 > 2).astype(int)
    model = make().fit(customers, churned)
    expected = model.predict_proba(customers).astype(float)
    name = f"BOOSTED{make.__name__.upper()}"

    version = registry.log_model(model, model_name=name, version_name="V1", sample_input_data=customers.head(5))

    assert (version.load(force=True).predict_proba(customers) == expected).all()
    scored = version.run(customers, function_name="predict_proba")
    assert (scored.filter(like="output_feature").to_numpy() == expected).all()


class Spender(custom_model.CustomModel):
    """Says who spends more than a limit, in which process it runs, and what it thinks of the name."""

    @custom_model.inference_api
    def predict(self, input: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "SPENDS": input["SPENT"] > 100,
                "GREETING": "hello, " + input["NAME"],
                "PROCESS": os.getpid(),
                "RATIO": np.where(input["SPENT"] > 100, np.inf, 0.1),
            }
        )


@pytest.fixture(scope="module")
def spender(registry: Registry) -> ModelVersion:
    sample = pd.DataFrame({"SPENT": [1.0, 200.0], "NAME": ["it's", 'Zo"ë']})
    return registry.log_model(
        Spender(custom_model.ModelContext()), model_name="SPENDER", version_name="V1", sample_input_data=sample
    )


@pytest.mark.embedded("Inference: CustomModel, with text, booleans and infinity")
def test_a_custom_model_answers_every_kind_of_value(spender: ModelVersion) -> None:
    scored = spender.run(pd.DataFrame({"SPENT": [1.0, 200.0], "NAME": ["it's", 'Zo"ë']}))

    assert list(scored["SPENDS"]) == [False, True]
    assert list(scored["GREETING"]) == ["hello, it's", 'hello, Zo"ë']
    assert list(scored["RATIO"]) == [0.1, float("inf")]


@pytest.mark.embedded("Inference: models run in worker processes, never in the server")
def test_a_model_runs_in_a_process_of_its_own(spender: ModelVersion, embedded_snowflake: EmbeddedSnowflake) -> None:
    [process] = set(spender.run(pd.DataFrame({"SPENT": [1.0], "NAME": ["a"]}))["PROCESS"])

    assert process != embedded_snowflake.running.pid
    assert b"mlops_embedded.workers.host" in Path(f"/proc/{process}/cmdline").read_bytes()


@pytest.mark.embedded("Inference: a model's code runs for the user who logged it only")
def test_another_users_model_does_not_run(spender: ModelVersion, embedded_snowflake: EmbeddedSnowflake) -> None:
    with (
        snowflake.connector.connect(**{**embedded_snowflake.connection, "user": "MALLORY"}) as connection,
        pytest.raises(snowflake.connector.ProgrammingError, match="was logged by EMBEDDED"),
    ):
        connection.cursor().execute("SELECT MODEL(EMBEDDED.PUBLIC.SPENDER, V1)!PREDICT(1.0, 'x')")


def test_a_worker_that_dies_is_started_anew(spender: ModelVersion) -> None:
    frame = pd.DataFrame({"SPENT": [1.0], "NAME": ["a"]})
    [first] = set(spender.run(frame)["PROCESS"])
    os.kill(int(first), signal.SIGKILL)
    [second] = set(spender.run(frame)["PROCESS"])

    assert first != second


@pytest.mark.embedded("Inference: 20 000 rows, in batches")
def test_many_rows_are_scored_in_batches(
    churn: ModelVersion, pipeline: Pipeline, customers: pd.DataFrame, session: Session
) -> None:
    many = pd.concat([customers] * 334, ignore_index=True)

    scored = churn.run(many, function_name="predict_proba")

    assert (scored["output_feature_0"].to_numpy() == pipeline.predict_proba(many)[:, 0]).all()


class Scaled(custom_model.CustomModel):
    """The row's sum times a factor."""

    @custom_model.inference_api
    def predict(self, input: pd.DataFrame, *, factor: float = 2.0) -> pd.DataFrame:
        return pd.DataFrame({"SCALED": input.sum(axis=1) * factor})


@pytest.mark.embedded("Inference: parameters of a method, given and by default")
def test_a_methods_parameters_have_defaults(registry: Registry, session: Session) -> None:
    sample = pd.DataFrame({"A": [1.0, 2.0]})
    version = registry.log_model(
        Scaled(custom_model.ModelContext()),
        model_name="SCALED",
        version_name="V1",
        signatures={
            "predict": ModelSignature(
                inputs=[FeatureSpec("A", DataType.DOUBLE)],
                outputs=[FeatureSpec("SCALED", DataType.DOUBLE)],
                params=[ParamSpec("factor", DataType.DOUBLE, default_value=2.0)],
            )
        },
    )

    assert list(version.run(sample)["SCALED"]) == [2.0, 4.0]
    assert list(version.run(sample, params={"factor": 10.0})["SCALED"]) == [10.0, 20.0]
    [row] = session.sql("SELECT EMBEDDED.PUBLIC.SCALED!PREDICT(3):SCALED::FLOAT AS S").collect()
    assert row["S"] == 6.0


@pytest.mark.embedded("Inference: models with more columns than a function has arguments")
def test_a_wide_model_gets_all_its_columns(registry: Registry, session: Session) -> None:
    wide = pd.DataFrame({f"C{n}": [float(n)] for n in range(501)})
    registry.log_model(
        Scaled(custom_model.ModelContext()), model_name="WIDE", version_name="V1", sample_input_data=wide
    )

    packed = ", ".join(f"'C{n}', {n}::FLOAT" for n in range(501)) + ", 'factor', 2.0"  # as mv.run writes it
    [row] = session.sql(
        f"SELECT EMBEDDED.PUBLIC.WIDE!PREDICT(OBJECT_CONSTRUCT_KEEP_NULL({packed})):SCALED::FLOAT AS S"
    ).collect()

    assert row["S"] == sum(range(501)) * 2


@pytest.mark.embedded("Inference: models that bring Python files of their own")
def test_two_versions_bring_different_modules_of_one_name(registry: Registry, tmp_path: Path) -> None:
    sample = pd.DataFrame({"A": [1.0]})
    answers = []
    for version, number in (("V1", 1), ("V2", 2)):
        package = tmp_path / version / "house_rules"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"NUMBER = {number}\n")
        logged = registry.log_model(
            Ruled(custom_model.ModelContext()),
            model_name="RULED",
            version_name=version,
            signatures={
                "predict": ModelSignature(
                    inputs=[FeatureSpec("A", DataType.DOUBLE)], outputs=[FeatureSpec("NUMBER", DataType.INT64)]
                )
            },
            code_paths=[str(package)],
        )
        answers += list(logged.run(sample)["NUMBER"])

    assert answers == [1, 2]


class Ruled(custom_model.CustomModel):
    """What the module that came with the model says."""

    @custom_model.inference_api
    def predict(self, input: pd.DataFrame) -> pd.DataFrame:
        import house_rules

        return pd.DataFrame({"NUMBER": [house_rules.NUMBER] * len(input)})
