from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from mlops_churn import nodes
from mlops_churn.features import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run
    from matplotlib.figure import Figure

PICTURES = ("roc_curve", "precision_recall_curve", "confusion_matrix", "calibration_curve", "feature_importance")


def test_the_model_beats_the_majority_class_by_a_wide_margin(run: Run) -> None:
    model, majority = (run.evaluated["metrics"][name] for name in ("gradient_boosting", "majority_class"))

    assert model["roc_auc"] > 0.82
    assert majority["roc_auc"] == 0.5
    assert model["log_loss"] < majority["log_loss"] - 0.12
    assert model["brier"] < majority["brier"] - 0.04
    assert model["average_precision"] > 2 * majority["average_precision"]
    assert (model["f1"] > 0.58, majority["f1"]) == (True, 0)


def test_the_model_is_no_worse_than_a_logistic_regression(run: Run) -> None:
    metrics = run.evaluated["metrics"]

    assert metrics["gradient_boosting"]["log_loss"] < metrics["logistic_regression"]["log_loss"]
    assert metrics["roc_auc_gain_95"]["high"] > 0
    assert metrics["roc_auc_gain_over_logistic_regression"] == pytest.approx(
        metrics["gradient_boosting"]["roc_auc"] - metrics["logistic_regression"]["roc_auc"]
    )


def test_the_interval_lies_around_the_score(run: Run) -> None:
    metrics = run.evaluated["metrics"]

    low, high = metrics["roc_auc_95"]["low"], metrics["roc_auc_95"]["high"]

    assert low < metrics["gradient_boosting"]["roc_auc"] < high
    assert 0.02 < high - low < 0.06


def test_probabilities_are_near_the_rates_and_the_top_tenth_churns_often(run: Run) -> None:
    assert run.evaluated["metrics"]["expected_calibration_error"] < 0.05
    assert run.evaluated["metrics"]["top_decile_lift"] > 2


def test_held_out_labels_that_are_shuffled_take_every_merit_away(run: Run) -> None:
    shuffled = run.test.assign(churn=run.test["churn"].sample(frac=1, random_state=2).to_numpy())

    evaluated = nodes.evaluate_model(
        **run.training, test=shuffled, data_origin="", bootstrap_samples=20, importance_repeats=1
    )

    assert evaluated["metrics"]["gradient_boosting"]["roc_auc"] == pytest.approx(0.5, abs=0.05)


def test_groups_add_up_to_all_held_out_customers(run: Run) -> None:
    groups = run.evaluated["metrics"]["groups"]

    assert set(groups) == {"female", "senior_citizen"}
    for parts in groups.values():
        assert sum(part["customers"] for part in parts.values()) == len(run.test)
        flagged = sum(part["customers"] * part["flagged"] for part in parts.values())
        assert flagged == pytest.approx(run.training["model"].predict(run.test[list(FEATURES)]).sum())


def test_importance_names_every_feature_and_the_contract_first(run: Run) -> None:
    importance = run.evaluated["metrics"]["importance"]

    assert set(importance) == set(FEATURES)
    assert next(iter(importance)) == "contract"


def test_the_run_records_scores_of_the_model_and_of_both_baselines(run: Run) -> None:
    metrics = run.evaluated["metrics"]

    assert run.logged["roc_auc"] == metrics["gradient_boosting"]["roc_auc"]
    assert run.logged["majority_class_roc_auc"] == 0.5
    assert run.logged["logistic_regression_roc_auc"] == metrics["logistic_regression"]["roc_auc"]
    assert run.logged["rows_mended"] == 11


def test_metrics_are_plain_values(run: Run) -> None:
    assert json.loads(json.dumps(run.evaluated["metrics"])) == run.evaluated["metrics"]


def png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


@pytest.mark.parametrize("picture", PICTURES)
def test_each_picture_is_titled_and_labelled(run: Run, picture: str) -> None:
    (axes,) = run.evaluated[picture].axes

    assert axes.get_title(loc="left")
    assert axes.get_xlabel()
    assert len(png(run.evaluated[picture])) > 10_000


def test_equal_parameters_give_equal_metrics_pictures_and_card(run: Run) -> None:
    quick = {"data_origin": "", "bootstrap_samples": 20, "importance_repeats": 1}

    one, other = (nodes.evaluate_model(**run.training, test=run.test, **quick) for _ in range(2))

    assert one["metrics"] == other["metrics"]
    assert one["model_card"] == other["model_card"]
    for picture in PICTURES:
        assert png(one[picture]) == png(other[picture]), picture


def test_the_confusion_matrix_shows_the_counts_of_the_decisions(run: Run) -> None:
    decisions = run.training["model"].predict(run.test[list(FEATURES)])
    churned = run.test["churn"].to_numpy()

    shown = [text.get_text() for text in run.evaluated["confusion_matrix"].axes[0].texts][::2]

    expected = [int(np.sum((churned == row) & (decisions == column))) for row in (0, 1) for column in (0, 1)]
    assert shown == [f"{count:,}" for count in expected]


def test_drawing_leaves_the_global_state_of_matplotlib_alone(run_python: Callable[..., str], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from mlops_churn import nodes\n"
        "made = nodes.generate_data(customer_count=600)\n"
        "parts = nodes.train_test_split(nodes.engineer_features(nodes.preprocess_data(made['customers'])))\n"
        "training = nodes.train_model(parts['train'], folds=2, max_iter=20)\n"
        "nodes.evaluate_model(**training, test=parts['test'], data_origin=made['data_origin'],"
        " bootstrap_samples=10, importance_repeats=1)['roc_curve'].savefig(sys.argv[1])\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )

    done = run_python(script, str(tmp_path / "roc.png"))

    assert done.strip() == "False"


def test_the_card_quotes_the_scores_that_were_measured(run: Run) -> None:
    card, metrics = run.evaluated["model_card"], run.evaluated["metrics"]

    for name in ("gradient_boosting", "logistic_regression", "majority_class"):
        assert " | ".join(f"{value:.3f}" for value in metrics[name].values()) in card
    assert f"{metrics['roc_auc_95']['low']:.3f} to {metrics['roc_auc_95']['high']:.3f}" in card
    assert "IBM" in card
    for heading in ("Data", "Model", "Results on held-out customers", "Groups", "Intended use", "Limits"):
        assert f"\n## {heading}\n" in card
