"""The model card: one page of Markdown on what the model is, how well it does, and what it is not for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_churn.evaluation import BOOSTING, LOGISTIC, MAJORITY, Evaluation

NAMES = {BOOSTING: "Gradient boosting", LOGISTIC: "Logistic regression", MAJORITY: "Majority class"}
COLUMNS = {
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "log_loss": "Log loss",
    "brier": "Brier",
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
}
GROUP_COLUMNS = {
    "customers": ("Customers", "{:,.0f}"),
    "churn_rate": ("Churned", "{:.1%}"),
    "mean_probability": ("Mean probability", "{:.1%}"),
    "flagged": ("Flagged", "{:.1%}"),
    "recall": ("Recall", "{:.3f}"),
    "false_positive_rate": ("False positives", "{:.1%}"),
    "roc_auc": ("ROC AUC", "{:.3f}"),
}


CARD = """\
# Model card: customer churn

Predicts whether a customer of a telephone company leaves, from contract, services and bills.

## Data

{data}

Trained on {training[customers]:,} customers ({training[churn_rate]:.1%} churned), measured on {measured:,} others
({measured_rate:.1%} churned): a random split that keeps the share of churners. Encoders, number of trees and threshold come
from the training customers alone.

## Model

Gradient-boosted trees (scikit-learn HistGradientBoostingClassifier), {training[iterations]} of them, depth
{training[boosting][max_depth]}, learning rate {training[boosting][learning_rate]:g}, on {features} features of the
customer's own row. The number of trees has the least log loss in {crossed[folds]}-fold cross-validation; the threshold,
{evaluation.threshold:.2f}, the best {threshold_metric} there. Classes are not weighted, so that a probability of 30 % means
three in ten. Gender and age group (senior citizen) are kept out of the model and used below to compare groups.

## Results on held-out customers

{results}

- ROC AUC {best.roc_auc:.3f}, 95 % interval {evaluation.roc_auc_interval.low:.3f} to {evaluation.roc_auc_interval.high:.3f}
  ({evaluation.bootstrap_samples:,} bootstrap samples of the held-out customers).
- Over the logistic regression {evaluation.gain:+.3f} ROC AUC, 95 % interval {evaluation.gain_interval.low:+.3f} to
  {evaluation.gain_interval.high:+.3f}: {verdict}.
- The most probable tenth of the customers churned {evaluation.top_decile_lift:.1f} times as often as the average.
- Probabilities are {evaluation.expected_calibration_error:.1%} off on average (expected calibration error, tenths of the
  customers); {crossed[expected_calibration_error]:.1%} in cross-validation.
- In cross-validation the ROC AUC was {crossed[roc_auc]:.3f} and the log loss {crossed[log_loss]:.3f}.
- Decisions are at {evaluation.threshold:.2f} for gradient boosting and at 0.50 for logistic regression: compare the two by the
  columns before accuracy.
- Shuffling these features costs most: {strongest}.

## Groups

{groups}

A group that churns more is flagged more by any model that is right; what to look at is whether probabilities match rates in
each group, and how recall and false positives differ. Small groups make uncertain numbers.

## Intended use

To rank customers for a retention offer, reviewed by people, and as a worked example of a pipeline. Retrain and measure again
on the data of the company that uses it.

## Limits

- One observation of each customer, without dates: nothing here shows that the model predicts the future, or that it keeps
  its quality over time.
- It says who leaves, not who would stay because of an offer; that takes an experiment.
- Not for decisions about people that concern credit, price or access to a service.
- The number of trees and the threshold were chosen by the same cross-validation that is quoted above, so those numbers are
  slightly kind; the held-out ones are not.
"""


def model_card(
    evaluation: Evaluation, training: Mapping[str, Any], *, data: str
) -> str:  # Any: the training report, plain values of several types
    """Return the card; ``data`` is a paragraph on where the customers come from."""
    certain = evaluation.gain_interval.low > 0
    return CARD.format(
        data=data,
        evaluation=evaluation,
        training=training,
        crossed=training["cross_validation"],
        measured=len(evaluation.churned),
        measured_rate=evaluation.churned.mean(),
        features=len(training["features"]),
        threshold_metric=training["threshold_metric"].replace("_", " "),
        best=evaluation.models[BOOSTING],
        results=_results(evaluation),
        verdict="a difference that this many customers show" if certain else "too little to tell from chance here",
        strongest=", ".join(name.replace("_", " ") for name in list(evaluation.importance)[:5]),
        groups=_groups(evaluation),
    )


def _results(evaluation: Evaluation) -> str:
    rows = [
        [NAMES[name], *(f"{getattr(measured, column):.3f}" for column in COLUMNS)]
        for name, measured in evaluation.models.items()
    ]
    return _table(["", *COLUMNS.values()], rows)


def _groups(evaluation: Evaluation) -> str:
    rows = []
    for groups in evaluation.groups.values():
        for label, measured in groups.items():
            values = ((measured[key], form) for key, (_, form) in GROUP_COLUMNS.items())
            rows.append([label, *("n/a" if value is None else form.format(value) for value, form in values)])
    return _table(["Group", *(name for name, _ in GROUP_COLUMNS.values())], rows)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---", *("--:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
