"""What a node measured, as an experiment keeps it."""

from __future__ import annotations

from itertools import pairwise

from mlops.context import Metric
from mlops.runs.measured import MOST_STEPS, Measured, measured


def of(*metrics: Metric, pipeline: str = "churn", node: str = "train_model") -> Measured:
    return measured(
        pipeline=pipeline, node=node, run_id="20261123-101500-3f9a1c", parameters={}, metrics=metrics, succeeded=True
    )


def test_an_experiment_a_pipeline_and_a_run_a_node_run_have_names_that_need_no_quotes() -> None:
    told = of(pipeline="2nd churn-model")

    assert (told.experiment, told.run) == ("_2ND_CHURN_MODEL", "TRAIN_MODEL_20261123_101500_3F9A1C")


def test_metrics_come_step_by_step_and_those_without_a_step_one_after_the_other() -> None:
    told = of(
        Metric("loss", 0.5, 10), Metric("auc", 0.7, 10), Metric("loss", 0.9, 1), Metric("rows", 3), Metric("rows", 4)
    )

    assert told.steps == ((0, {"rows": 3.0}), (1, {"loss": 0.9, "rows": 4.0}), (10, {"loss": 0.5, "auc": 0.7}))
    assert told.left_out == ()


def test_what_is_no_number_is_left_out_and_said_so() -> None:
    told = of(Metric("loss", float("nan"), 1), Metric("loss", 0.5, 2))

    assert told.steps == ((2, {"loss": 0.5}),)
    assert told.left_out == ("loss is nan",)


def test_of_very_many_steps_the_first_the_last_and_even_ones_between_are_told() -> None:
    told = of(*(Metric("loss", 1 / (step + 1), step) for step in range(1000)))

    steps = [step for step, _ in told.steps]
    assert (len(steps), steps[0], steps[-1]) == (MOST_STEPS, 0, 999)
    assert {after - before for before, after in pairwise(steps)} <= {10, 11}
    assert told.left_out == ("900 of 1000 steps",)


def test_an_experiment_is_not_told_what_is_named_like_a_credential() -> None:
    parameters = {"depth": 6, "api_key": "hunter2"}

    told = measured(pipeline="churn", node="a", run_id="b", parameters=parameters, metrics=(), succeeded=True)

    assert told.parameters == {"depth": 6, "api_key": "***"}
