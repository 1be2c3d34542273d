"""Snowflake's ExperimentTracking: experiments, runs, and what is logged in them."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from mlops_embedded.life import EmbeddedSnowflake
from sklearn.pipeline import Pipeline
from snowflake.ml.experiment import ExperimentTracking
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException


@pytest.fixture
def tracking(session: Session, request: pytest.FixtureRequest) -> ExperimentTracking:
    """An experiment of the test's own."""
    tracking = ExperimentTracking(session, database_name="EMBEDDED", schema_name="PUBLIC")
    tracking.set_experiment(request.node.name.upper()[:60])
    return tracking


@pytest.mark.embedded("Experiments: runs with parameters and metrics, listed by run")
def test_runs_are_compared_by_their_parameters_and_metrics(tracking: ExperimentTracking) -> None:
    for depth, auc in ((2, 0.8), (3, 0.9)):
        with tracking.start_run(f"DEPTH_{depth}"):
            tracking.log_params({"depth": depth, "loss": "log it's"})
            tracking.log_metric("auc", auc)

    metrics = tracking.list_metrics().to_pandas().sort_values("run_name")
    assert list(metrics["run_name"]) == ["DEPTH_2", "DEPTH_3"]
    assert list(metrics["auc"]) == [0.8, 0.9]
    params = tracking.list_params("DEPTH_3").to_pandas()
    assert params.iloc[0].to_dict() == {"run_name": "DEPTH_3", "depth": "3", "loss": "log it's"}


@pytest.mark.embedded("Experiments: metric history with steps")
def test_a_metric_keeps_its_history_and_shows_its_last_step(tracking: ExperimentTracking) -> None:
    with tracking.start_run("TRAINING"):
        for step in (10, 2, 1):
            tracking.log_metrics({"loss": 1 / step, "rate": 0.1}, step=step)
        tracking.log_metric("loss", 0.3, step=2)

    history = tracking.get_metric_history("TRAINING", "loss").to_pandas()
    assert list(zip(history["step"], history["value"], strict=True)) == [(1, 1.0), (2, 0.3), (10, 0.1)]
    assert history["timestamp"].notna().all()
    assert tracking.list_metrics("TRAINING").to_pandas()["loss"][0] == 0.1


def test_a_metric_may_be_no_number(tracking: ExperimentTracking) -> None:
    with tracking.start_run("DIVERGED"):
        tracking.log_metric("loss", math.nan)

    assert math.isnan(tracking.list_metrics("DIVERGED").collect()[0]["loss"])


@pytest.mark.embedded("Experiments: artifacts are logged, listed and downloaded")
def test_artifacts_come_back_as_they_were(tracking: ExperimentTracking, tmp_path: Path) -> None:
    report = tmp_path / "report"
    (report / "plots").mkdir(parents=True)
    (report / "summary.txt").write_text("all is well")
    (report / "plots" / "roc.svg").write_text("<svg/>")

    with tracking.start_run("REPORTED"):
        tracking.log_artifact(str(report), artifact_path="report")

    names = {artifact.name for artifact in tracking.list_artifacts("REPORTED")}
    assert names == {"report/summary.txt", "report/plots/roc.svg"}
    (tmp_path / "back").mkdir()
    tracking.download_artifacts("REPORTED", target_path=str(tmp_path / "back"))
    assert (tmp_path / "back" / "report" / "summary.txt").read_text() == "all is well"
    assert (tmp_path / "back" / "report" / "plots" / "roc.svg").read_text() == "<svg/>"


@pytest.mark.embedded("Experiments: a failed run is FAILED, a finished one takes nothing more")
def test_a_run_that_ended_takes_nothing_more(tracking: ExperimentTracking, session: Session) -> None:
    with pytest.raises(ZeroDivisionError), tracking.start_run("BROKEN"):
        _ = 1 / 0

    experiment = tracking._experiment.name  # no public way to ask for it
    [shown] = session.sql(f"SHOW RUNS LIKE 'BROKEN' IN EXPERIMENT EMBEDDED.PUBLIC.{experiment}").collect()
    assert '"status": "FAILED"' in shown["metadata"]
    with pytest.raises(RuntimeError, match="cannot be resumed"):
        tracking.start_run("BROKEN")
    with pytest.raises(SnowparkSQLException, match="is FAILED: nothing is logged in it any more"):
        session.sql(
            f"ALTER EXPERIMENT EMBEDDED.PUBLIC.{experiment} MODIFY RUN BROKEN ADD METRICS="
            """$$[{"name": "a", "value": 1, "step": 0}]$$"""
        ).collect()


@pytest.mark.embedded("Experiments: runs and experiments are deleted with what they hold")
def test_what_is_deleted_is_gone(tracking: ExperimentTracking, session: Session, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with tracking.start_run("FIRST"):
        tracking.log_metric("m", 1.0)
        tracking.log_artifact(str(tmp_path / "a.txt"))
    name = str(tracking._experiment.name)  # no public way to ask for it

    tracking.delete_run("FIRST")
    with tracking.start_run("FIRST"):
        assert tracking.list_artifacts("FIRST") == []
    assert tracking.get_metric_history("FIRST").collect() == []

    tracking.delete_experiment(name)
    assert session.sql(f"SHOW EXPERIMENTS LIKE '{name}'").collect() == []


@pytest.mark.embedded("Experiments: models logged in a run, found by lineage in both directions")
def test_a_model_knows_the_run_that_logged_it(
    tracking: ExperimentTracking, registry: Registry, pipeline: Pipeline, customers: pd.DataFrame
) -> None:
    with tracking.start_run("SEARCH") as run:
        logged = registry.log_model(
            pipeline, model_name="FOUND", version_name="V1", sample_input_data=customers.head(5)
        )
    with tracking.start_run("ANOTHER"):
        pass

    [version] = tracking.list_model_versions("SEARCH")
    assert (version.fully_qualified_model_name, version.version_name) == ("EMBEDDED.PUBLIC.FOUND", "V1")
    assert tracking.list_model_versions("ANOTHER") == []
    [source] = logged.lineage(direction="upstream")
    assert (source.name, source.experiment_name) == (run.name, run.experiment_name)
    registry.delete_model("FOUND")
    assert tracking.list_model_versions("SEARCH") == []


def test_lineage_of_tables_is_refused_as_unknown(session: Session) -> None:
    with pytest.raises(SnowparkSQLException, match="does not know lineage of TABLE"):
        session.lineage.trace("EMBEDDED.PUBLIC.T", "TABLE").collect()


@pytest.mark.embedded("Experiments: a running run goes on after kill -9 of the server")
def test_a_run_goes_on_after_kill_9(
    tracking: ExperimentTracking, embedded_snowflake: EmbeddedSnowflake, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("kept")
    with tracking.start_run("LONG"):
        tracking.log_metric("loss", 0.5, step=1)
        tracking.log_artifact(str(tmp_path / "a.txt"))

        tracking.log_metric("gap", math.inf)

        embedded_snowflake.kill()
        embedded_snowflake.restart()
        tracking.log_metric("loss", 0.25, step=2)

    assert [row["value"] for row in tracking.get_metric_history("LONG").collect()] == [math.inf, 0.5, 0.25]
    assert [artifact.name for artifact in tracking.list_artifacts("LONG")] == ["a.txt"]
