from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import skops.io
from mlops_churn import nodes
from mlops_churn.features import FEATURES
from mlops_churn.training import Boosting, TooFewCustomersError, choose_threshold, fit
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from conftest import Run

QUICK = {"max_iter": 40, "folds": 3}


def probabilities(training: dict[str, object], customers: pd.DataFrame) -> np.ndarray:
    return np.asarray(training["model"].predict_proba(customers[list(FEATURES)])[:, 1])  # type: ignore[attr-defined]


def test_equal_parameters_give_an_equal_model(run: Run) -> None:
    again = nodes.train_model(run.train)

    assert np.array_equal(probabilities(again, run.test), probabilities(run.training, run.test))
    assert again["training_report"] == run.training["training_report"]


def test_the_number_of_threads_does_not_change_the_model(run: Run) -> None:
    boosting = Boosting(0.1, max_iter=40, max_depth=3, l2_regularization=1.0, min_samples_leaf=40)
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            fitted = fit(run.train, boosting, folds=2, threshold_metric="f1", random_state=0)
        found.append((fitted.report, fitted.model.predict_proba(run.test[list(FEATURES)]).tolist()))

    assert found[0] == found[1]


def test_nothing_of_the_held_out_customers_reaches_the_model_from_the_first_node_on(run: Run) -> None:
    # The split looks at labels alone, so that held-out customers stay held out whatever their other values become.
    held_out = run.customers["customer_id"].isin(run.test["customer_id"])
    donor = run.customers[held_out].sample(frac=1, random_state=4)
    scrambled = run.customers.copy()
    for column in ("tenure", "monthly_charges", "female", "senior_citizen", "payment_method", "contract"):
        scrambled.loc[held_out, column] = donor[column].to_numpy()
    scrambled.loc[held_out, "monthly_charges"] *= 50
    scrambled.loc[held_out, "total_charges"] = 9_999_999.0

    parts = nodes.train_test_split(nodes.engineer_features(nodes.preprocess_data(scrambled)))
    training = nodes.train_model(parts["train"])

    assert not parts["test"].equals(run.test)
    assert training["training_report"] == run.training["training_report"]
    assert np.array_equal(probabilities(training, run.test), probabilities(run.training, run.test))


def test_a_model_of_shuffled_labels_knows_nothing_of_the_held_out_customers(run: Run) -> None:
    shuffled = run.train.assign(churn=run.train["churn"].sample(frac=1, random_state=0).to_numpy())

    training = nodes.train_model(shuffled, **QUICK)

    assert roc_auc_score(run.test["churn"], probabilities(training, run.test)) == pytest.approx(0.5, abs=0.1)
    assert training["training_report"]["cross_validation"]["roc_auc"] == pytest.approx(0.5, abs=0.05)


def test_cross_validation_tells_what_the_held_out_customers_then_show(run: Run) -> None:
    told = run.training["training_report"]["cross_validation"]

    shown = run.evaluated["metrics"]["gradient_boosting"]

    assert told["roc_auc"] == pytest.approx(shown["roc_auc"], abs=0.03)
    assert told["log_loss"] == pytest.approx(shown["log_loss"], abs=0.03)
    assert told["f1"] == pytest.approx(shown["f1"], abs=0.05)


def test_cross_validation_stops_before_the_trees_learn_by_heart(run: Run) -> None:
    report = run.training["training_report"]

    assert 10 < report["iterations"] < report["boosting"]["max_iter"]
    assert run.training["model"].estimator_[-1].n_iter_ == report["iterations"]


def test_the_model_decides_at_the_threshold_of_the_report(run: Run) -> None:
    decisions = run.training["model"].predict(run.test[list(FEATURES)])

    expected = probabilities(run.training, run.test) >= run.training["training_report"]["threshold"]

    assert np.array_equal(decisions, expected.astype(int))


@pytest.mark.parametrize(("metric", "score"), [("f1", f1_score), ("balanced_accuracy", balanced_accuracy_score)])
def test_the_threshold_is_the_best_of_the_hundredths(run: Run, metric: str, score: object) -> None:
    churned, found = run.test["churn"].to_numpy(), probabilities(run.training, run.test)

    threshold, value = choose_threshold(churned, found, metric=metric)  # type: ignore[arg-type]

    values = [score(churned, found >= step / 100) for step in range(1, 100)]  # type: ignore[operator]
    assert value == pytest.approx(max(values))
    assert score(churned, found >= threshold) == pytest.approx(value)  # type: ignore[operator]


def test_a_word_that_training_never_saw_is_no_error(run: Run) -> None:
    strange = run.test.head(5).astype({"payment_method": "object"}).assign(payment_method="Barter")

    assert np.isfinite(probabilities(run.training, strange)).all()


def test_words_as_text_and_as_categories_predict_the_same(run: Run) -> None:
    text = run.test.astype(dict.fromkeys(run.test.select_dtypes("category"), "object"))

    assert np.array_equal(probabilities(run.training, text), probabilities(run.training, run.test))


@pytest.mark.parametrize("dataset", ["model", "baseline_model"])
def test_models_are_stored_without_pickle_and_with_types_of_scikit_learn_alone(run: Run, dataset: str) -> None:
    data = skops.io.dumps(run.training[dataset])

    beyond = skops.io.get_untrusted_types(data=data)
    loaded = skops.io.loads(data, trusted=beyond)

    assert all(name.startswith("sklearn.") for name in beyond)
    customers = run.test[list(FEATURES)]
    assert np.array_equal(loaded.predict_proba(customers), run.training[dataset].predict_proba(customers))


def test_the_report_is_plain_values(run: Run) -> None:
    report = run.training["training_report"]

    assert json.loads(json.dumps(report)) == report


def test_fewer_churners_than_folds_are_counted_in_the_error(run: Run) -> None:
    few = pd.concat([run.train[run.train["churn"] == 0].head(50), run.train[run.train["churn"] == 1].head(4)])

    with pytest.raises(TooFewCustomersError) as caught:
        nodes.train_model(few)

    assert (caught.value.churned, caught.value.needed) == (4, 5)
