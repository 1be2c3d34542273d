"""The model: gradient-boosted trees; their number and the decision threshold come from cross-validation.

Churners are the smaller class. That is met by the threshold, not by weights: weights would bend the
probabilities away from the rates that happen, and whoever acts on the model needs those rates.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

from mlops import MlopsError
from mlops_churn.features import FEATURES, LABEL, NUMBERS, WORDS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.model_selection import FixedThresholdClassifier
    from sklearn.pipeline import Pipeline

ThresholdMetric = Literal["f1", "balanced_accuracy"]


class TooFewCustomersError(MlopsError):
    """A part of the data with too few customers of one class to split it."""

    def __init__(self, *, stayed: int, churned: int, needed: int) -> None:
        self.stayed, self.churned, self.needed = stayed, churned, needed
        super().__init__(
            f"{stayed} customers stayed and {churned} churned, and each class needs at least {needed}",
            hint="use more customers (customer_count), or fewer folds",
        )


@dataclass(frozen=True, slots=True)
class Boosting:
    """How the trees are grown. ``max_iter`` is the most of them; cross-validation chooses how many."""

    learning_rate: float
    max_iter: int
    max_depth: int
    l2_regularization: float
    min_samples_leaf: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model fitted on all training customers, the baseline beside it, and what cross-validation showed."""

    model: FixedThresholdClassifier
    baseline: Pipeline
    report: dict[str, object]


def fit(
    train: pd.DataFrame,
    boosting: Boosting,
    *,
    folds: int,
    threshold_metric: ThresholdMetric,
    random_state: int,
) -> Fitted:
    """Return the model and a logistic regression, both fitted on ``train`` and on nothing else.

    Each fold is scored by a model, encoders included, that never saw it. The number of trees is where their
    mean log loss is least; the scores at that number give the threshold, and show how far probabilities are
    from rates.

    Raises:
        TooFewCustomersError: a class has fewer customers than there are folds.
    """
    import numpy as np
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
    from sklearn.model_selection import FixedThresholdClassifier

    from mlops_churn.scores import expected_calibration_error

    customers, churned = train[list(FEATURES)], train[LABEL].to_numpy()
    counts = np.bincount(churned, minlength=2)
    if counts.min() < folds:
        raise TooFewCustomersError(stayed=int(counts[0]), churned=int(counts[1]), needed=folds)

    iterations, probabilities = _cross_validate(customers, churned, boosting, folds=folds, random_state=random_state)
    threshold, score = choose_threshold(churned, probabilities, metric=threshold_metric)
    trees = _trees(boosting, max_iter=iterations, random_state=random_state)
    model = FixedThresholdClassifier(trees, threshold=threshold, pos_label=1, response_method="predict_proba")
    model.fit(customers, churned)
    baseline = _logistic_regression().fit(customers, churned)
    report: dict[str, object] = {
        "customers": len(train),
        "churn_rate": float(churned.mean()),
        "features": list(FEATURES),
        "boosting": asdict(boosting),
        "iterations": iterations,
        "threshold": threshold,
        "threshold_metric": threshold_metric,
        "cross_validation": {
            "folds": folds,
            "roc_auc": float(roc_auc_score(churned, probabilities)),
            "average_precision": float(average_precision_score(churned, probabilities)),
            "log_loss": float(log_loss(churned, probabilities)),
            threshold_metric: score,
            "mean_probability": float(probabilities.mean()),
            "expected_calibration_error": expected_calibration_error(churned, probabilities),
        },
        "random_state": random_state,
    }
    return Fitted(model=model, baseline=baseline, report=report)


def choose_threshold(
    churned: NDArray[np.integer], probabilities: NDArray[np.floating], *, metric: ThresholdMetric
) -> tuple[float, float]:
    """Return the threshold in whole hundredths at which ``metric`` is best, and the metric there.

    Hundredths, because a finer choice would follow the noise of the few customers around it.
    """
    import numpy as np

    thresholds = np.arange(1, 100) / 100
    positives, negatives = np.sort(probabilities[churned == 1]), np.sort(probabilities[churned == 0])
    found = len(positives) - np.searchsorted(positives, thresholds)
    false_alarms = len(negatives) - np.searchsorted(negatives, thresholds)
    if metric == "f1":
        scores = 2 * found / (len(positives) + found + false_alarms)
    else:
        scores = (found / len(positives) + 1 - false_alarms / len(negatives)) / 2
    best = int(np.argmax(scores))
    return float(thresholds[best]), float(scores[best])


def _cross_validate(
    customers: pd.DataFrame,
    churned: NDArray[np.integer],
    boosting: Boosting,
    *,
    folds: int,
    random_state: int,
) -> tuple[int, NDArray[np.float64]]:
    """Return the best number of trees, and each customer's probability by the model that did not see it."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(folds, shuffle=True, random_state=random_state)
    losses = np.zeros((folds, boosting.max_iter))
    held_out = []
    for fold, (seen, unseen) in enumerate(splitter.split(customers, churned)):
        trees = _trees(boosting, max_iter=boosting.max_iter, random_state=random_state)
        trees.fit(customers.iloc[seen], churned[seen])
        encoded = trees[:-1].transform(customers.iloc[unseen])
        held_out.append((unseen, trees[-1], encoded))
        for step, stage in enumerate(trees[-1].staged_predict_proba(encoded)):
            of_truth = np.where(churned[unseen] == 1, stage[:, 1], stage[:, 0])
            losses[fold, step] = -np.log(np.maximum(of_truth, 1e-15)).mean()
    iterations = int(losses.mean(axis=0).argmin()) + 1
    probabilities = np.empty(len(churned))
    for unseen, model, encoded in held_out:
        (stage,) = islice(model.staged_predict_proba(encoded), iterations - 1, iterations)
        probabilities[unseen] = stage[:, 1]
    return iterations, probabilities


def _trees(boosting: Boosting, *, max_iter: int, random_state: int) -> Pipeline:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    # One column a word: the trees' own categories score the same here, and put a function into the stored
    # model.
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("words", encoder, list(WORDS)), ("numbers", "passthrough", list(NUMBERS))])
    classifier = HistGradientBoostingClassifier(
        learning_rate=boosting.learning_rate,
        max_iter=max_iter,
        max_depth=boosting.max_depth,
        l2_regularization=boosting.l2_regularization,
        min_samples_leaf=boosting.min_samples_leaf,
        early_stopping=False,
        random_state=random_state,
    )
    return Pipeline([("columns", columns), ("trees", classifier)])


def _logistic_regression() -> Pipeline:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [
            ("words", OneHotEncoder(handle_unknown="ignore"), list(WORDS)),
            ("numbers", StandardScaler(), list(NUMBERS)),
        ]
    )
    return Pipeline([("columns", columns), ("regression", LogisticRegression(max_iter=1000))])
