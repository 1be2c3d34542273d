"""The evaluation: what a model is worth on customers that had no part in making it, beside two baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mlops_churn import scores
from mlops_churn.features import AUDIT, FEATURES, LABEL

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import ClassifierMixin

BOOSTING, LOGISTIC, MAJORITY = "gradient_boosting", "logistic_regression", "majority_class"

MOST_CUSTOMERS_FOR_IMPORTANCE = 20_000
"""Permutation importance predicts every customer some two hundred times; a sample of this size is as good."""

GROUPS = {"female": ("men", "women"), "senior_citizen": ("under 65", "65 and over")}
"""The columns of AUDIT, and what their 0 and 1 mean."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was measured on the held-out customers.

    ``gain`` is ROC AUC over the logistic regression's. ``importance`` maps a feature to the ROC AUC lost,
    mean and standard deviation, when its values are shuffled among customers; most first.
    """

    churned: NDArray[np.integer]
    probabilities: Mapping[str, NDArray[np.float64]]
    decisions: NDArray[np.integer]
    threshold: float
    models: Mapping[str, scores.Scores]
    roc_auc_interval: scores.Interval
    gain: float
    gain_interval: scores.Interval
    bootstrap_samples: int
    top_decile_lift: float
    expected_calibration_error: float
    groups: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    importance: Mapping[str, tuple[float, float]]

    def as_metrics(self) -> dict[str, object]:
        """Return the measurements as plain values."""
        return {
            "customers": len(self.churned),
            "churn_rate": float(self.churned.mean()),
            "threshold": self.threshold,
            **{name: measured.as_dict() for name, measured in self.models.items()},
            "roc_auc_95": asdict(self.roc_auc_interval),
            "roc_auc_gain_over_logistic_regression": self.gain,
            "roc_auc_gain_95": asdict(self.gain_interval),
            "bootstrap_samples": self.bootstrap_samples,
            "top_decile_lift": self.top_decile_lift,
            "expected_calibration_error": self.expected_calibration_error,
            "groups": {column: dict(groups) for column, groups in self.groups.items()},
            "importance": {name: {"mean": mean, "std": std} for name, (mean, std) in self.importance.items()},
        }

    def headline(self) -> dict[str, float]:
        """Return the numbers that a run records: the model's scores, and each baseline's ROC AUC and F1."""
        numbers = self.models[BOOSTING].as_dict()
        numbers |= {
            "roc_auc_low": self.roc_auc_interval.low,
            "roc_auc_high": self.roc_auc_interval.high,
            "top_decile_lift": self.top_decile_lift,
            "expected_calibration_error": self.expected_calibration_error,
        }
        for name in (LOGISTIC, MAJORITY):
            baseline = self.models[name]
            numbers |= {f"{name}_roc_auc": baseline.roc_auc, f"{name}_accuracy": baseline.accuracy}
            numbers |= {f"{name}_log_loss": baseline.log_loss, f"{name}_f1": baseline.f1}
        return numbers


def evaluate(
    model: ClassifierMixin,
    baseline: ClassifierMixin,
    test: pd.DataFrame,
    *,
    training_churn_rate: float,
    threshold: float,
    bootstrap_samples: int,
    importance_repeats: int,
    random_state: int,
) -> Evaluation:
    """Measure ``model`` on ``test`` beside the logistic regression ``baseline`` and the majority class.

    The majority class says for everybody what most training customers did, with the training churn rate as
    probability. The logistic regression decides at one half: it is the model of somebody who took no trouble
    over a threshold.
    """
    import numpy as np

    customers, churned = test[list(FEATURES)], test[LABEL].to_numpy()
    probabilities = {
        BOOSTING: model.predict_proba(customers)[:, 1],
        LOGISTIC: baseline.predict_proba(customers)[:, 1],
        MAJORITY: np.full(len(test), training_churn_rate),
    }
    decisions = {
        BOOSTING: model.predict(customers),
        LOGISTIC: baseline.predict(customers),
        MAJORITY: np.full(len(test), int(training_churn_rate >= 0.5)),
    }
    models = {name: scores.scores_of(churned, probabilities[name], decisions[name]) for name in probabilities}
    resampled = scores.bootstrap_roc_auc(
        churned,
        {name: probabilities[name] for name in (BOOSTING, LOGISTIC)},
        samples=bootstrap_samples,
        random_state=random_state,
    )
    return Evaluation(
        churned=churned,
        probabilities=probabilities,
        decisions=decisions[BOOSTING],
        threshold=threshold,
        models=models,
        roc_auc_interval=scores.interval(resampled[BOOSTING]),
        gain=models[BOOSTING].roc_auc - models[LOGISTIC].roc_auc,
        gain_interval=scores.interval(resampled[BOOSTING] - resampled[LOGISTIC]),
        bootstrap_samples=bootstrap_samples,
        top_decile_lift=scores.top_decile_lift(churned, probabilities[BOOSTING]),
        expected_calibration_error=scores.expected_calibration_error(churned, probabilities[BOOSTING]),
        groups=_groups(test, churned, probabilities[BOOSTING], decisions[BOOSTING]),
        importance=_importance(model, customers, churned, repeats=importance_repeats, random_state=random_state),
    )


def _groups(
    test: pd.DataFrame,
    churned: NDArray[np.integer],
    probabilities: NDArray[np.float64],
    decisions: NDArray[np.integer],
) -> dict[str, dict[str, dict[str, float | None]]]:
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for column in AUDIT:
        found[column] = {}
        for value, label in enumerate(GROUPS[column]):
            rows = (test[column] == value).to_numpy()
            if rows.any():
                found[column][label] = scores.group_scores(churned[rows], probabilities[rows], decisions[rows])
    return found


def _importance(
    model: ClassifierMixin,
    customers: pd.DataFrame,
    churned: NDArray[np.integer],
    *,
    repeats: int,
    random_state: int,
) -> dict[str, tuple[float, float]]:
    import numpy as np
    from sklearn.inspection import permutation_importance

    if len(customers) > MOST_CUSTOMERS_FOR_IMPORTANCE:
        rows = np.random.default_rng(random_state).choice(
            len(customers), MOST_CUSTOMERS_FOR_IMPORTANCE, replace=False, shuffle=False
        )
        customers, churned = customers.iloc[rows], churned[rows]
    lost = permutation_importance(
        model, customers, churned, scoring="roc_auc", n_repeats=repeats, random_state=random_state
    )
    order = np.argsort(-lost.importances_mean, kind="stable")
    return {
        customers.columns[index]: (float(lost.importances_mean[index]), float(lost.importances_std[index]))
        for index in order
    }
