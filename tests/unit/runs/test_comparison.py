"""A comparison sets runs side by side, and knows what is the same in all of them."""

from __future__ import annotations

import math

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from mlops.context import Metric
from mlops.errors import RunError
from mlops.runs.comparison import Content, Side, compare, runs_to_compare
from mlops.runs.outcome import NodeOutcome, RunInfo, RunOutcome, State

TRAIN = "team:train"


def run(name: str = "a", *, started: float = 1.0, pipeline: str = "churn", **parameters: object) -> RunOutcome:
    info = RunInfo(name, pipeline, f"data/{name}", started, {TRAIN: parameters}, {"team": "1.0"})
    metrics = (Metric("loss", 0.9, 1), Metric("loss", 0.5 * started, 2))
    return RunOutcome(info, State.SUCCEEDED, (NodeOutcome(TRAIN, State.SUCCEEDED, 1, 1.0, 3.0, metrics=metrics),))


def row(rows, name):
    (found,) = [one for one in rows if one.name == name]
    return found


def test_parameters_that_differ_are_told_from_those_that_are_the_same_and_from_those_of_one_run_alone():
    comparison = compare([Side(run(depth=3, rate=0.1, limit=None)), Side(run("b", depth=4, rate=0.1))])

    assert [(one.name, one.values, one.differs) for one in comparison.parameters] == [
        ("depth", (3, 4), True),
        ("rate", (0.1, 0.1), False),
        ("limit", (None, UNSET), True),
    ]


def test_of_a_metric_the_last_value_counts_and_its_change_is_from_the_first_run_to_the_last():
    loss = row(compare([Side(run(started=1.0)), Side(run("b", started=3.0))]).metrics, "loss")

    assert (loss.values, loss.change) == ((0.5, 1.5), 1.0)


def test_two_values_that_are_no_numbers_are_no_difference():
    runs = [run(started=math.nan), run("b", started=math.nan)]

    assert not row(compare([Side(one) for one in runs]).metrics, "loss").differs


def test_datasets_are_the_same_where_their_content_is():
    first = {(TRAIN, "model"): Content("aa"), (TRAIN, "rows"): Content("bb", 5)}
    second = {(TRAIN, "model"): Content("ab"), (TRAIN, "rows"): Content("bb", 5)}

    datasets = compare([Side(run(), first), Side(run("b"), second)]).datasets

    assert {one.name: one.differs for one in datasets} == {"model": True, "rows": False}


def test_other_code_of_one_version_is_a_difference_and_no_hash_is_shown_without_one():
    same = compare([Side(run(), code={"team": "c1"}), Side(run("b"), code={"team": "c1"})])
    other = compare([Side(run(), code={"team": "c1"}), Side(run("b"), code={"team": "c2"})])

    assert row(same.code, "team").values == ("1.0", "1.0")
    assert row(other.code, "team").values == ("1.0 (c1)", "1.0 (c2)")


def test_code_that_is_not_known_of_a_run_is_not_compared():
    unknown = replace(run("b"), run=replace(run("b").run, versions={}))

    assert compare([Side(run()), Side(unknown)]).code == ()


def test_credentials_are_hidden():
    (token,) = compare([Side(run(api_token="x")), Side(run("b", api_token="y"))]).parameters

    assert token.values == ("***", "***")


KNOWN = [run("d", started=4.0), run("c", started=3.0, pipeline="other"), run("b", started=2.0), run("a", started=1.0)]


def newest(pipeline, limit):
    return [one for one in KNOWN if pipeline in (None, one.run.pipeline)][:limit]


@pytest.mark.parametrize(
    ("named", "pipeline", "last", "chosen"),
    [
        ([], None, 2, ["b", "d"]),
        ([], "churn", 3, ["a", "b", "d"]),
        ([KNOWN[3]], None, 2, ["a", "d"]),
        ([KNOWN[0]], None, 2, ["b", "d"]),
        ([KNOWN[0], KNOWN[3], KNOWN[1]], None, 2, ["d", "a", "c"]),
    ],
)
def test_what_is_not_named_is_of_one_pipeline_and_oldest_first(named, pipeline, last, chosen):
    found = runs_to_compare(named, newest, pipeline=pipeline, last=last)

    assert [one.run.run_id for one in found] == chosen


@pytest.mark.parametrize(
    ("named", "pipeline", "told"),
    [
        ([], "nothing", "there is none of 'nothing'"),
        ([KNOWN[1]], None, "is one of 'other'"),
        ([KNOWN[0]] * 2, None, "twice"),
    ],
)
def test_a_comparison_takes_two_runs(named, pipeline, told):
    with pytest.raises(RunError, match=told):
        runs_to_compare(named, newest, pipeline=pipeline)
