"""How long a run is waited for that does not appear."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

import pytest

from mlops.deploy.ownership import Ownership, comment_of
from mlops.errors import AccountError
from mlops.operate.deployed import DeployedPipeline, deployed_pipelines
from mlops.operate.following import LONGEST, LONGEST_UNSEEN, follow
from mlops.operate.operations import LiveTask, Operations, TaskRun


class Rows:
    """What Snowflake shows of a run, the same at each look."""

    def __init__(self, *rows: TaskRun) -> None:
        self.rows = rows

    def task_runs(self, **_: object) -> Sequence[TaskRun]:
        return self.rows

    def runs_going_on(self, root: str) -> Collection[str]:
        return ()


@pytest.fixture
def pipeline() -> DeployedPipeline:
    comment = comment_of(Ownership("shop", "sales", ("shop:load",)))
    [found] = deployed_pipelines([LiveTask("SALES", "root", True, comment, "do")], "shop")
    return found


def row(state: str, attempt: int) -> TaskRun:
    return TaskRun("SALES", "root", state, run="r1", attempt=attempt, scheduled=1.0, started=2.0, ended=3.0)


@pytest.mark.parametrize(
    ("rows", "after", "problem"), [([row("FAILED", 1)], 1, "attempt 2 at run r1"), ([], 0, "run r1 of sales")]
)
def test_what_never_begins_is_given_up(
    pipeline: DeployedPipeline, rows: list[TaskRun], after: int, problem: str
) -> None:
    slept: list[float] = []
    outcomes = follow(
        cast(Operations, Rows(*rows)), pipeline, "r1", target="dev", since=0.0, after_attempt=after, sleep=slept.append
    )

    with pytest.raises(AccountError, match=problem) as caught:
        next(outcomes)

    assert LONGEST_UNSEEN <= sum(slept) <= LONGEST_UNSEEN + LONGEST
    assert caught.value.hint == "it may begin yet: mlops status sales --target dev"


def test_an_attempt_that_is_there_is_followed_to_its_end(pipeline: DeployedPipeline) -> None:
    rows = Rows(row("FAILED", 1), row("SUCCEEDED", 2))
    outcomes = follow(
        cast(Operations, rows), pipeline, "r1", target="dev", since=0.0, after_attempt=1, sleep=lambda _: None
    )

    assert [one.state.value for one in outcomes] == ["succeeded"]
