"""Which runs go and which stay, as a pure choice."""

from __future__ import annotations

import pytest

from mlops.errors import UsageError
from mlops.pruning.choice import Policy, StoredRun, choose, going, policy
from mlops.runs.outcome import State

DAY = 86400.0
NOW = 100 * DAY


def run(days: float, state: State | None = State.FAILED, *, pipeline: str = "churn", held: str = "") -> StoredRun:
    """A run of so many days ago, named for them."""
    return StoredRun(f"{pipeline}-{days:g}", pipeline, state, NOW - days * DAY, files=1, bytes=10, held=held)


def gone(*runs: StoredRun, keep: int | None = None, older_than: str | None = None) -> list[str]:
    return [one.run_id for one in going(choose(runs, policy(keep, older_than), now=NOW))]


def test_the_newest_of_each_pipeline_are_kept_and_the_oldest_go_first():
    runs = [run(days, pipeline=name) for name in ("churn", "transit") for days in (1, 2, 3, 4)]

    assert gone(*runs, keep=2) == ["churn-4", "transit-4", "churn-3", "transit-3"]


def test_runs_of_an_age_and_younger_are_kept():
    assert gone(*map(run, (1, 29, 31, 90)), older_than="30d") == ["churn-90", "churn-31"]


def test_with_both_a_run_goes_only_if_both_let_it():
    assert gone(*map(run, (40, 50, 60)), keep=2, older_than="30d") == ["churn-60"]
    assert gone(*map(run, (1, 2, 3)), keep=1, older_than="30d") == []


def test_the_latest_that_succeeded_and_the_newest_stay_whatever_their_age():
    runs = [run(50), run(60, State.SUCCEEDED), run(70, State.SUCCEEDED), run(80)]

    choices = {one.run.run_id: one.stays for one in choose(runs, policy(None, "1d"), now=NOW)}

    assert choices == {
        "churn-50": "it is the newest", "churn-60": "it is the latest that succeeded", "churn-70": "", "churn-80": "",
    }  # fmt: skip


def test_where_no_run_is_known_to_have_succeeded_the_latest_of_which_nothing_is_known_stays():
    assert gone(run(1), run(2), run(3, None), run(4, None), keep=1) == ["churn-4", "churn-2"]


def test_a_run_that_is_held_stays_and_says_why():
    choices = choose([run(1), run(2, State.RUNNING, held="it is running"), run(3)], policy(1, None), now=NOW)

    assert [(one.run.run_id, one.stays, one.asked) for one in choices] == [
        ("churn-1", "it is one of the newest 1", True), ("churn-2", "it is running", False), ("churn-3", "", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400.0), ("12h", 43200.0), ("30d", 30 * DAY), ("1.5w", 10.5 * DAY), (" 2D ", 2 * DAY)]
)
def test_an_age_is_a_number_and_a_unit(text: str, seconds: float):
    assert policy(None, text) == Policy(None, seconds, text.strip())


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "3 months", "1d2h", "nan d"])
def test_another_text_is_no_age_and_the_hint_shows_one(text: str):
    with pytest.raises(UsageError) as caught:
        policy(None, text)

    assert "30d" in str(caught.value.hint)


def test_nothing_goes_without_being_told_which():
    with pytest.raises(UsageError, match="which runs may go"):
        policy(None, None)
