"""Metrics and parameters of runs as columns, and runs in their order."""

from __future__ import annotations

import math

import pytest

from mlops.context import Metric
from mlops.errors import UnknownNameError
from mlops.runs.columns import columns_of, order_by
from mlops.runs.outcome import NodeOutcome, RunInfo, RunOutcome, State


def run(auc: float | None = None, **parameters: object) -> RunOutcome:
    metrics = () if auc is None else (Metric("auc", 0.1, 1), Metric("auc", auc, 2))
    info = RunInfo("r", "p", "f", 1.0, {"team:train": parameters})
    return RunOutcome(info, State.SUCCEEDED, (NodeOutcome("team:train", State.SUCCEEDED, metrics=metrics),))


def test_a_column_is_a_metric_or_a_parameter_by_any_of_its_names():
    names = ["auc", "train.depth", "team:train.depth", "api_token"]

    assert columns_of([run(0.9, depth=3, api_token="x"), run(depth=4)], names) == [
        {"auc": 0.9, "train.depth": 3, "team:train.depth": 3, "api_token": "***"},
        {"auc": None, "train.depth": 4, "team:train.depth": 4, "api_token": None},
    ]


def test_a_name_that_no_run_has_is_told_with_the_closest():
    with pytest.raises(UnknownNameError) as caught:
        columns_of([run(0.9, depth=3)], ["dept"])

    assert caught.value.closest == "depth"
    assert columns_of([], ["dept"]) == []


@pytest.mark.parametrize(("reverse", "order"), [(False, [3, 0, 1]), (True, [1, 0, 3])])
def test_runs_without_a_value_come_last_whatever_the_order(reverse, order):
    rows = columns_of([run(0.5), run(0.25), run(math.nan), run(0.9), run()], ["auc"])

    assert order_by(rows, "auc", reverse=reverse) == [*order, 2, 4]


def test_texts_are_sorted_too():
    rows = columns_of([run(kind="a"), run(kind="c"), run(kind="b")], ["kind"])

    assert order_by(rows, "kind") == [1, 2, 0]
