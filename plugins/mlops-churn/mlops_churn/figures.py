"""The pictures of an evaluation, as matplotlib figures that no global state knows of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_churn import scores
from mlops_churn.evaluation import BOOSTING, LOGISTIC, Evaluation

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

INK, QUIET, GRID = "#1f2933", "#6b7785", "#e4e8ec"
LINES = {BOOSTING: ("#1768ac", "Gradient boosting"), LOGISTIC: ("#e07a1f", "Logistic regression")}
MOST_FEATURES = 15


def roc_curve(evaluation: Evaluation) -> Figure:
    """Draw recall against false positive rate, with the point at which the model decides."""
    from sklearn import metrics

    figure, axes = _panel("ROC curve", "False positive rate", "True positive rate (recall)")
    axes.plot([0, 1], [0, 1], color=QUIET, linestyle=(0, (4, 3)), linewidth=1.2, label="Majority class (0.500)")
    low, high = evaluation.roc_auc_interval.low, evaluation.roc_auc_interval.high
    for name in (LOGISTIC, BOOSTING):
        color, label = LINES[name]
        false_positive, true_positive, _ = metrics.roc_curve(evaluation.churned, evaluation.probabilities[name])
        area = f"{evaluation.models[name].roc_auc:.3f}"
        area += f", 95 % {low:.3f} to {high:.3f}" if name == BOOSTING else ""
        axes.plot(false_positive, true_positive, color=color, linewidth=2, label=f"{label} ({area})")
    (kept, alarms), (missed, found) = metrics.confusion_matrix(evaluation.churned, evaluation.decisions, labels=[0, 1])
    axes.plot(alarms / max(1, kept + alarms), found / max(1, missed + found), **_decision_point(evaluation))
    _unit_square(axes)
    axes.legend(loc="lower right", title="Area under the curve", **_legend())
    return figure


def precision_recall_curve(evaluation: Evaluation) -> Figure:
    """Draw precision against recall, with the churn rate that flagging at random would reach."""
    from sklearn import metrics

    figure, axes = _panel(
        "Precision and recall", "Recall: share of churners flagged", "Precision: share of flags right"
    )
    rate = float(evaluation.churned.mean())
    axes.axhline(rate, color=QUIET, linestyle=(0, (4, 3)), linewidth=1.2, label=f"Flagging at random ({rate:.3f})")
    for name in (LOGISTIC, BOOSTING):
        color, label = LINES[name]
        precision, recall, _ = metrics.precision_recall_curve(evaluation.churned, evaluation.probabilities[name])
        area = evaluation.models[name].average_precision
        axes.plot(recall, precision, color=color, linewidth=2, drawstyle="steps-post", label=f"{label} ({area:.3f})")
    chosen = evaluation.models[BOOSTING]
    axes.plot(chosen.recall, chosen.precision, **_decision_point(evaluation))
    _unit_square(axes)
    axes.legend(loc="lower left", title="Average precision", **_legend())
    return figure


def confusion_matrix(evaluation: Evaluation) -> Figure:
    """Draw how many customers of each class the model flags; each row's shades add up to one."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap
    from sklearn import metrics

    table = metrics.confusion_matrix(evaluation.churned, evaluation.decisions, labels=[0, 1])
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure, axes = _panel(f"Decisions at threshold {evaluation.threshold:.2f}", "The model said", "The customer")
    axes.imshow(
        shares,
        cmap=LinearSegmentedColormap.from_list("shades", ["#f4f8fb", LINES[BOOSTING][0]]),
        vmin=0,
        vmax=1,
    )
    for row in range(2):
        for column in range(2):
            color = "white" if shares[row, column] > 0.5 else INK
            axes.text(
                column,
                row - 0.06,
                f"{table[row, column]:,}",
                ha="center",
                va="center",
                color=color,
                fontsize=20,
            )
            axes.text(
                column,
                row + 0.18,
                f"{shares[row, column]:.1%} of row",
                ha="center",
                va="center",
                color=color,
                fontsize=10,
            )
    axes.set_xticks([0, 1], ["stays", "churns"])
    axes.set_yticks([0, 1], ["stayed", "churned"])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def calibration_curve(evaluation: Evaluation) -> Figure:
    """Draw the rate that churned against the mean probability, in tenths of the customers."""
    figure, axes = _panel("Calibration", "Mean probability in a tenth of the customers", "Share that churned")
    axes.plot([0, 1], [0, 1], color=QUIET, linestyle=(0, (4, 3)), linewidth=1.2, label="Probability equals rate")
    for name in (LOGISTIC, BOOSTING):
        color, label = LINES[name]
        table = scores.calibration(evaluation.churned, evaluation.probabilities[name])
        error = scores.expected_calibration_error(evaluation.churned, evaluation.probabilities[name])
        rate = table[:, 1]
        low, high = _wilson(rate, table[:, 2])
        axes.errorbar(
            table[:, 0],
            rate,
            yerr=(rate - low, high - rate) if name == BOOSTING else None,
            color=color,
            linewidth=2,
            elinewidth=1,
            capsize=3,
            marker="o",
            markersize=5,
            label=f"{label} (error {error:.3f})",
        )
    _unit_square(axes)
    axes.legend(loc="upper left", title="Bars: 95 % interval of the share", **_legend())
    return figure


def feature_importance(evaluation: Evaluation) -> Figure:
    """Draw the features whose shuffling costs most ROC AUC."""
    shown = list(evaluation.importance.items())[:MOST_FEATURES][::-1]
    figure, axes = _panel("Permutation importance", "ROC AUC lost when the feature is shuffled", "", width=6.4)
    axes.barh(
        [name.replace("_", " ") for name, _ in shown],
        [mean for _, (mean, _) in shown],
        xerr=[std for _, (_, std) in shown],
        color=LINES[BOOSTING][0],
        error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 2},
        height=0.68,
    )
    axes.axvline(0, color=QUIET, linewidth=1)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    hidden = len(evaluation.importance) - len(shown)
    note = "Related features share importance: each can stand in for the other."
    note += f" {hidden} lesser features not shown." if hidden > 0 else ""
    figure.supxlabel(note, color=QUIET, fontsize=8.5)
    return figure


def _wilson(
    rate: NDArray[np.float64], customers: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 95 % score interval of a rate, which stays within 0 and 1 also for few customers."""
    import numpy as np

    z2 = 1.96**2
    centre = (rate + z2 / (2 * customers)) / (1 + z2 / customers)
    half = 1.96 * np.sqrt(rate * (1 - rate) / customers + z2 / (4 * customers**2)) / (1 + z2 / customers)
    return np.minimum(centre - half, rate), np.maximum(centre + half, rate)


def _panel(title: str, x: str, y: str, *, width: float = 5.6) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    figure = Figure(figsize=(width, 5.8), dpi=150, layout=layout, facecolor="white")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=14, fontweight="bold", color=INK, pad=12)
    axes.set_xlabel(x, color=INK, labelpad=8)
    axes.set_ylabel(y, color=INK, labelpad=8)
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(colors=INK, labelsize=9.5)
    return figure, axes


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")


def _decision_point(evaluation: Evaluation) -> dict[str, Any]:  # Any: keyword arguments of matplotlib
    return {
        "marker": "o",
        "markersize": 8,
        "markerfacecolor": "white",
        "markeredgecolor": LINES[BOOSTING][0],
        "markeredgewidth": 2,
        "linestyle": "none",
        "label": f"Decision at {evaluation.threshold:.2f}",
    }


def _legend() -> dict[str, Any]:  # Any: keyword arguments of matplotlib
    return {"frameon": True, "framealpha": 0.95, "edgecolor": GRID, "fontsize": 8.5, "title_fontsize": 8.5}
