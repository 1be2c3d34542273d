"""Snowflake's Registry: models and versions, and everything that is written on them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from mlops_embedded.life import EmbeddedSnowflake
from sklearn.pipeline import Pipeline
from snowflake.ml.model import ExportMode, ModelVersion
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException


@pytest.fixture
def second(registry: Registry, churn: ModelVersion, pipeline: Pipeline, customers: pd.DataFrame) -> ModelVersion:
    """Version V2 of CHURN."""
    model = registry.get_model("CHURN")
    if "V2" not in list(model.show_versions()["name"]):
        registry.log_model(pipeline, model_name="CHURN", version_name="V2", sample_input_data=customers.head(5))
    return model.version("V2")


@pytest.mark.embedded("Registry: log_model, get_model, versions, show_models, show_versions, show_functions")
def test_a_logged_model_is_listed_with_its_versions_and_functions(
    registry: Registry, churn: ModelVersion, second: ModelVersion
) -> None:
    model = registry.get_model("CHURN")

    assert "CHURN" in list(registry.show_models()["name"])
    assert [v.version_name for v in model.versions()] == ["V1", "V2"]
    assert list(model.show_versions()["name"]) == ["V1", "V2"]
    assert {f["name"] for f in churn.show_functions()} >= {"PREDICT", "PREDICT_PROBA"}
    assert [f.name for f in churn.show_functions()[0]["signature"].inputs] == ["AGE", "SPENT"]


def test_the_registry_says_that_a_model_is_not_there(registry: Registry) -> None:
    with pytest.raises(ValueError, match="Unable to find model"):
        registry.get_model("NO_SUCH_MODEL")


def test_a_version_is_not_logged_twice(
    registry: Registry, churn: ModelVersion, pipeline: Pipeline, customers: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="already exist"):
        registry.log_model(pipeline, model_name="CHURN", version_name="V1", sample_input_data=customers)


@pytest.mark.embedded("Registry: load, and predict with what was loaded")
def test_a_loaded_model_predicts_what_the_logged_one_does(
    churn: ModelVersion, pipeline: Pipeline, customers: pd.DataFrame
) -> None:
    loaded = churn.load()

    assert (loaded.predict_proba(customers) == pipeline.predict_proba(customers)).all()


def test_a_model_is_loaded_by_the_role_that_owns_it_only(churn: ModelVersion, session: Session) -> None:
    session.sql("USE ROLE SYSADMIN").collect()
    try:
        with pytest.raises(Exception, match=r"(?i)own"):
            churn.load()
    finally:
        session.sql("USE ROLE ACCOUNTADMIN").collect()


@pytest.mark.embedded("Registry: metrics of a version")
def test_metrics_are_set_read_and_deleted(churn: ModelVersion) -> None:
    churn.set_metric("auc", 0.93)
    churn.set_metric("confusion", [[5, 1], [2, 7]])

    assert churn.get_metric("auc") == 0.93
    churn.delete_metric("auc")
    assert "auc" not in churn.show_metrics()
    assert churn.show_metrics()["confusion"] == [[5, 1], [2, 7]]


@pytest.mark.embedded("Registry: comments of models and versions")
def test_comments_hold_any_text(registry: Registry, churn: ModelVersion) -> None:
    model = registry.get_model("CHURN")

    model.comment = 'it\'s "quoted"; -- no comment of SQL'
    churn.comment = "line one\nline two"

    assert model.comment == registry.get_model("CHURN").comment == 'it\'s "quoted"; -- no comment of SQL'
    assert model.version("V1").comment == "line one\nline two"


@pytest.mark.embedded("Registry: default version, and aliases")
def test_a_version_is_found_by_default_and_by_alias(registry: Registry, second: ModelVersion) -> None:
    model = registry.get_model("CHURN")

    assert model.default.version_name == "V1"
    model.default = "V2"
    second.set_alias("champion")

    assert model.default.version_name == model.version("champion").version_name == "V2"
    assert model.first().version_name == "V1"
    second.unset_alias("champion")
    with pytest.raises(ValueError, match=r"(?i)champion"):
        model.version("champion")
    model.default = "V1"


def test_an_alias_names_one_version(registry: Registry, churn: ModelVersion, second: ModelVersion) -> None:
    second.set_alias("newest")
    with pytest.raises(SnowparkSQLException, match="already exists"):
        churn.set_alias("newest")
    second.unset_alias("newest")


@pytest.mark.embedded("Registry: tags of models")
def test_tags_are_set_on_models(registry: Registry, churn: ModelVersion, session: Session) -> None:
    session.sql("CREATE TAG IF NOT EXISTS EMBEDDED.PUBLIC.STAGE_OF_LIFE").collect()
    model = registry.get_model("CHURN")

    model.set_tag("STAGE_OF_LIFE", "it's in production")

    assert model.get_tag("STAGE_OF_LIFE") == "it's in production"
    assert model.show_tags() == {"EMBEDDED.PUBLIC.STAGE_OF_LIFE": "it's in production"}
    model.unset_tag("STAGE_OF_LIFE")
    assert model.show_tags() == {}


@pytest.mark.embedded("Registry: log_model from another version, rename, delete_version, delete_model")
def test_models_are_copied_renamed_and_deleted(registry: Registry, churn: ModelVersion, session: Session) -> None:
    copied = registry.log_model(churn, model_name="COPIED", version_name="FIRST_ONE")
    registry.log_model(churn, model_name="COPIED", version_name="SECOND_ONE")
    model = registry.get_model("COPIED")
    session.sql("CREATE TAG IF NOT EXISTS EMBEDDED.PUBLIC.ORIGIN").collect()
    model.set_tag("ORIGIN", "CHURN")

    with pytest.raises(SnowparkSQLException, match="default version"):
        model.delete_version("FIRST_ONE")
    model.delete_version("SECOND_ONE")
    model.rename("RENAMED")

    assert copied.show_functions()
    assert list(registry.get_model("RENAMED").show_versions()["name"]) == ["FIRST_ONE"]
    assert registry.get_model("RENAMED").get_tag("ORIGIN") == "CHURN"
    assert registry.get_model("RENAMED").version("FIRST_ONE").load() is not None
    registry.delete_model("RENAMED")
    assert not {"COPIED", "RENAMED"} & set(registry.show_models()["name"])


@pytest.mark.embedded("Registry: export of a version's files")
def test_an_export_has_the_whole_package(churn: ModelVersion, tmp_path: Path) -> None:
    churn.export(str(tmp_path), export_mode=ExportMode.FULL)

    assert (tmp_path / "MANIFEST.yml").is_file()
    assert (tmp_path / "functions" / "predict.py").is_file()
    assert (tmp_path / "model" / "model.yaml").is_file()


def test_the_files_of_a_version_are_not_written_by_hand(churn: ModelVersion, session: Session, tmp_path: Path) -> None:
    forged = tmp_path / "MANIFEST.yml"
    forged.write_text("methods: []")

    with pytest.raises(SnowparkSQLException):
        session.file.put(str(forged), "snow://model/EMBEDDED.PUBLIC.CHURN/versions/V1/", overwrite=True)


def test_a_stage_without_a_model_makes_no_model(session: Session) -> None:
    session.sql("CREATE STAGE EMBEDDED.PUBLIC.NOTHING").collect()

    with pytest.raises(SnowparkSQLException, match=r"MANIFEST\.yml"):
        session.sql("CREATE MODEL EMBEDDED.PUBLIC.HOLLOW WITH VERSION V1 FROM @EMBEDDED.PUBLIC.NOTHING").collect()

    assert session.sql("SHOW MODELS LIKE 'HOLLOW'").collect() == []


@pytest.mark.embedded("Registry: models survive a restart and kill -9 of the server")
def test_models_survive_kill_9(
    embedded_snowflake: EmbeddedSnowflake, pipeline: Pipeline, customers: pd.DataFrame, churn: ModelVersion
) -> None:
    churn.set_metric("kept", 1.0)

    embedded_snowflake.kill()
    embedded_snowflake.restart()

    with Session.builder.configs(embedded_snowflake.connection).create() as again:
        version = Registry(again, database_name="EMBEDDED", schema_name="PUBLIC").get_model("CHURN").version("V1")
        assert version.get_metric("kept") == 1.0
        assert (version.load().predict(customers) == pipeline.predict(customers)).all()
        assert list(version.run(customers, function_name="predict")["output_feature_0"]) == list(
            pipeline.predict(customers)
        )
