"""Scores: how well probabilities and decisions match what customers did, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Labels: TypeAlias = NDArray[np.integer]
    Probabilities: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one model on one set of customers: four of its probabilities, then four of its decisions."""

    roc_auc: float
    average_precision: float
    log_loss: float
    brier: float
    accuracy: float
    precision: float
    recall: float
    f1: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a score lies with 95 % confidence: the percentile bootstrap over customers."""

    low: float
    high: float


def scores_of(churned: Labels, probabilities: Probabilities, decisions: Labels) -> Scores:
    """Return the scores. Precision and F1 of a model that flags nobody are 0."""
    from sklearn import metrics

    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        churned, decisions, average="binary", zero_division=0
    )
    return Scores(
        roc_auc=float(metrics.roc_auc_score(churned, probabilities)),
        average_precision=float(metrics.average_precision_score(churned, probabilities)),
        log_loss=float(metrics.log_loss(churned, probabilities, labels=[0, 1])),
        brier=float(metrics.brier_score_loss(churned, probabilities)),
        accuracy=float(metrics.accuracy_score(churned, decisions)),
        precision=float(precision),
        recall=float(recall),
        f1=float(f1),
    )


def bootstrap_roc_auc(
    churned: Labels, probabilities: Mapping[str, Probabilities], *, samples: int, random_state: int
) -> dict[str, Probabilities]:
    """Return ROC AUC by model on ``samples`` resamples of the customers, the same resamples for every model.

    Because they are the same, the difference of two models' values is a sample of their difference.
    """
    import numpy as np

    draw = np.random.default_rng(random_state)
    count = len(churned)
    orders = {name: _Order.of(churned, values) for name, values in probabilities.items()}
    results = {name: np.empty(samples) for name in orders}
    for sample in range(samples):
        weights = np.bincount(draw.integers(count, size=count), minlength=count)
        for name, order in orders.items():
            results[name][sample] = order.roc_auc(weights)
    return results


def interval(samples: Probabilities) -> Interval:
    """Return the middle 95 % of bootstrap samples, less those of one class, which have no ROC AUC."""
    import numpy as np

    low, high = np.nanpercentile(samples, (2.5, 97.5))
    return Interval(float(low), float(high))


@dataclass(frozen=True, slots=True)
class _Order:
    """Customers from the least probable up, so that the ROC AUC of a resample needs no sort."""

    order: NDArray[np.intp]
    ties: NDArray[np.intp]
    churned: Labels

    @classmethod
    def of(cls, churned: Labels, probabilities: Probabilities) -> _Order:
        import numpy as np

        order = np.argsort(probabilities, kind="stable")
        starts = np.flatnonzero(np.diff(probabilities[order], prepend=-1.0))
        return cls(order, starts, churned[order])

    def roc_auc(self, weights: NDArray[np.integer]) -> float:
        """Return the chance that a churner ranks above one who stayed; equal probabilities count half."""
        import numpy as np

        ordered = weights[self.order]
        positives = np.add.reduceat(ordered * self.churned, self.ties)
        negatives = np.add.reduceat(ordered * (1 - self.churned), self.ties)
        below = np.cumsum(negatives) - negatives
        pairs = float(positives.sum()) * float(negatives.sum())
        return float((positives * (below + negatives / 2)).sum() / pairs) if pairs else float("nan")


def top_decile_lift(churned: Labels, probabilities: Probabilities) -> float:
    """Return how many times the average churn rate the most probable tenth of the customers has."""
    import numpy as np

    top = np.argsort(-probabilities, kind="stable")[: max(1, len(churned) // 10)]
    return float(churned[top].mean() / churned.mean())


def calibration(churned: Labels, probabilities: Probabilities, *, bins: int = 10) -> NDArray[np.float64]:
    """Return a row a bin of equally many customers: mean probability, rate that churned, customers."""
    import numpy as np

    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return np.array([(probabilities[part].mean(), churned[part].mean(), len(part)) for part in parts])


def expected_calibration_error(churned: Labels, probabilities: Probabilities) -> float:
    """Return how far probabilities are from rates, on average over ten bins of equally many customers."""
    import numpy as np

    table = calibration(churned, probabilities)
    return float(np.average(np.abs(table[:, 0] - table[:, 1]), weights=table[:, 2]))


def group_scores(churned: Labels, probabilities: Probabilities, decisions: Labels) -> dict[str, float | None]:
    """Return what a comparison of groups needs; None for a score that the group's customers cannot give."""
    from sklearn.metrics import roc_auc_score

    stayed, left = churned == 0, churned == 1
    both = bool(stayed.any() and left.any())
    return {
        "customers": len(churned),
        "churn_rate": float(churned.mean()),
        "mean_probability": float(probabilities.mean()),
        "flagged": float(decisions.mean()),
        "recall": float(decisions[left].mean()) if left.any() else None,
        "false_positive_rate": float(decisions[stayed].mean()) if stayed.any() else None,
        "roc_auc": float(roc_auc_score(churned, probabilities)) if both else None,
    }
