"""Metrics of nodes in Snowflake's own ExperimentTracking, on the embedded Snowflake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.ml.experiment import ExperimentTracking
from snowflake.snowpark import Session

from mlops import Context, node
from mlops.testing import Outcome, TemporaryProject

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:snowflake"),
]


@node
def train(session: Any, context: Context, *, depth: int = 4, fails: bool = False) -> None:
    for epoch in range(3):
        context.log_metric("loss", 1 / (epoch + 1), step=epoch)
    context.log_metric("auc", 0.8)
    if fails:
        raise ValueError("too deep")


@node
def count(context: Context) -> None:
    context.log_metric("rows", 3)


@pytest.fixture
def asked(embedded_snowflake: EmbeddedSnowflake, tmp_path: Path) -> TemporaryProject:
    return TemporaryProject(tmp_path, connection=embedded_snowflake.connection)


@pytest.fixture(scope="module")
def session(embedded_snowflake: EmbeddedSnowflake) -> Iterator[Session]:
    created = Session.builder.configs(embedded_snowflake.connection).create()
    yield created
    created.close()


def name_of(outcome: Outcome, node: str) -> str:
    return f"{node}_{outcome.run.run.run_id}".upper().replace("-", "_")


def test_what_a_node_measured_is_a_run_of_an_experiment(asked: TemporaryProject, session: Session) -> None:
    outcome = asked.run_node(train, parameters={"depth": 7})

    [shown] = session.sql(f"SHOW RUNS LIKE '{name_of(outcome, 'TRAIN')}' IN EXPERIMENT EMBEDDED.PUBLIC.TRAIN").collect()
    assert '"FINISHED"' in shown["metadata"]
    history = session.sql(
        f"SELECT METRIC_NAME, STEP, VALUE FROM TABLE(SYSTEM$GET_EXPERIMENT_RUN_METRICS('EMBEDDED.PUBLIC.TRAIN', '{name_of(outcome, 'TRAIN')}'))"
    ).collect()
    assert sorted(tuple(row) for row in history) == [
        ("auc", 0, 0.8),
        ("loss", 0, 1.0),
        ("loss", 1, 0.5),
        ("loss", 2, 1 / 3),
    ]
    parameters = session.sql(f"SHOW RUN PARAMETERS IN EXPERIMENT EMBEDDED.PUBLIC.TRAIN RUN {name_of(outcome, 'TRAIN')}")
    assert {row["name"]: row["value"] for row in parameters.collect()} == {"depth": "7", "fails": "False"}


def test_a_node_that_fails_leaves_a_failed_run_with_what_it_measured_before(
    asked: TemporaryProject, session: Session
) -> None:
    outcome = asked.run_node(train, parameters={"fails": True})

    [shown] = session.sql(f"SHOW RUNS LIKE '{name_of(outcome, 'TRAIN')}' IN EXPERIMENT EMBEDDED.PUBLIC.TRAIN").collect()
    assert '"FAILED"' in shown["metadata"]
    assert outcome.errors["train"].message == "too deep"


def test_the_tracking_of_a_node_itself_goes_on_undisturbed(asked: TemporaryProject) -> None:
    seen = {}

    @node
    def tracks(session: Any, context: Context) -> None:
        own = ExperimentTracking(session)
        own.set_experiment("OWN")
        seen["run"] = own.start_run("MINE")
        seen["own"] = own
        context.log_metric("auc", 0.5)

    outcome = asked.run_node(tracks)

    assert outcome.succeeded
    assert (seen["own"]._experiment.name, seen["own"]._run) == ("OWN", seen["run"])
    ExperimentTracking._instance = None


def test_a_node_without_a_session_tells_no_experiment(
    asked: TemporaryProject, embedded_snowflake: EmbeddedSnowflake
) -> None:
    before = embedded_snowflake.admin.statements()

    outcome = asked.run_node(count)

    assert outcome.metrics == {"rows": 3.0}
    assert embedded_snowflake.admin.statements() == before


def test_a_refusal_is_a_warning_and_the_node_succeeds(
    asked: TemporaryProject, embedded_snowflake: EmbeddedSnowflake
) -> None:
    with embedded_snowflake.admin.fault("error", sql="CREATE EXPERIMENT"):
        outcome = asked.run_node(train)

    assert outcome.succeeded
    [warning] = outcome.warnings
    assert warning.startswith("metrics of train are in no experiment: Snowflake keeps no experiment TRAIN")
