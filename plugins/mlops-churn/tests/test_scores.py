from __future__ import annotations

import numpy as np
import pytest
from mlops_churn import scores
from sklearn.metrics import roc_auc_score


@pytest.mark.parametrize("levels", [3, 20, 10_000])
def test_roc_auc_of_a_resample_is_that_of_scikit_learn_on_the_same_rows_ties_included(levels: int) -> None:
    draw = np.random.default_rng(levels)
    churned = draw.integers(0, 2, 300)
    probabilities = draw.integers(0, levels, 300) / levels

    ours = scores.bootstrap_roc_auc(churned, {"model": probabilities}, samples=20, random_state=11)["model"]

    again = np.random.default_rng(11)
    for value in ours:
        rows = again.integers(300, size=300)
        assert value == pytest.approx(roc_auc_score(churned[rows], probabilities[rows]))


def test_the_interval_covers_the_true_roc_auc_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    true = 0.7602499389065233  # of normal scores one standard deviation apart: Phi(1 / sqrt(2))
    covered = 0
    for repeat in range(100):
        churned = draw.integers(0, 2, 300)
        probabilities = 1 / (1 + np.exp(-draw.normal(churned, 1)))
        sampled = scores.bootstrap_roc_auc(churned, {"m": probabilities}, samples=200, random_state=repeat)
        found = scores.interval(sampled["m"])
        covered += found.low <= true <= found.high

    assert 87 <= covered <= 100


def test_models_are_compared_on_the_same_resamples() -> None:
    draw = np.random.default_rng(2)
    churned = draw.integers(0, 2, 200)
    probabilities = draw.random(200)

    sampled = scores.bootstrap_roc_auc(
        churned, {"one": probabilities, "same": probabilities**2}, samples=50, random_state=0
    )

    assert np.array_equal(sampled["one"], sampled["same"])


def test_probabilities_that_are_the_rates_have_no_calibration_error() -> None:
    probabilities = np.repeat([0.2, 0.8], 50)
    churned = np.array(([1, 0, 0, 0, 0] * 10) + ([1, 1, 1, 1, 0] * 10))

    assert scores.expected_calibration_error(churned, probabilities) == pytest.approx(0)
    assert scores.expected_calibration_error(1 - churned, probabilities) == pytest.approx(0.6)


def test_lift_of_a_perfect_order_is_the_most_there_can_be() -> None:
    churned = np.array([1] * 25 + [0] * 75)

    assert scores.top_decile_lift(churned, np.linspace(1, 0, 100)) == pytest.approx(4)
    assert scores.top_decile_lift(churned, np.linspace(0, 1, 100)) == 0


def test_a_group_without_churners_has_no_recall_and_no_roc_auc() -> None:
    group = scores.group_scores(np.zeros(4, dtype=int), np.full(4, 0.1), np.array([0, 0, 0, 1]))

    assert (group["recall"], group["roc_auc"]) == (None, None)
    assert group["false_positive_rate"] == 0.25
