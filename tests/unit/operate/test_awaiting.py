"""Waiting for a node to start: what is told meanwhile, and what ends it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

import pytest

from mlops.deploy.ownership import Ownership, comment_of
from mlops.errors import RunError, UnknownNameError
from mlops.operate.awaiting import awaited_task_run
from mlops.operate.deployed import DeployedPipeline, deployed_pipelines
from mlops.operate.operations import LiveTask, Operations, TaskRun

TIMES = {"EXECUTING": (2.0, None), "SUCCEEDED": (2.0, 3.0), "FAILED": (2.0, 3.0)}


class Looks:
    """Operations that show other rows at each look, the last ones from then on."""

    def __init__(self, *looks: Sequence[TaskRun]) -> None:
        self.looks = list(looks)

    def task_runs(self, *, run: str | None = None, **_: object) -> Sequence[TaskRun]:
        rows = self.looks[0] if len(self.looks) == 1 else self.looks.pop(0)
        return [row for row in rows if run in (None, row.run)]

    def runs_going_on(self, root: str) -> Collection[str]:
        return ("r1", "r2")


@pytest.fixture
def pipeline() -> DeployedPipeline:
    live = [
        LiveTask(name, name, True, comment_of(Ownership("shop", "sales", (f"shop:{node}",))), "do", before)
        for name, node, before in (("S", "load", ()), ("S$T", "train", ("S",)), ("S$R", "report", ("S$T",)))
    ]
    [found] = deployed_pipelines(live, "shop")
    return found


def row(name: str, state: str, run: str = "r1", scheduled: float = 1.0) -> TaskRun:
    started, ended = TIMES[state]
    return TaskRun(name, "S", state, run=run, scheduled=scheduled, started=started, ended=ended)


def awaited(pipeline: DeployedPipeline, *looks: Sequence[TaskRun], run: str | None = None) -> tuple[TaskRun, list[str]]:
    told: list[str] = []
    found = awaited_task_run(
        cast(Operations, Looks(*looks)), pipeline, pipeline.task_of("train"), run, node="shop:train", target="dev",
        tell=told.append, sleep=lambda _: None,
    )  # fmt: skip
    return found, told


def test_the_node_is_waited_for_and_each_change_is_told_once(pipeline: DeployedPipeline) -> None:
    loading, loaded = [row("S", "EXECUTING")], [row("S", "SUCCEEDED")]
    training = [*loaded, row("S$T", "EXECUTING")]

    found, told = awaited(pipeline, loading, loading, loading, loaded, training)

    assert (found.name, found.state) == ("S$T", "EXECUTING")
    assert told == [
        "waiting for train to start in run r1: load is running", "waiting for train to start in run r1",
    ]  # fmt: skip


def test_an_older_run_is_not_taken_for_the_one_that_goes_on(pipeline: DeployedPipeline) -> None:
    old = [row("S", "SUCCEEDED", "r0"), row("S$T", "SUCCEEDED", "r0")]
    new = [row("S", "EXECUTING", "r1", 9.0)]

    found, told = awaited(pipeline, [*old, *new], new, [*old, *new, row("S$T", "EXECUTING", "r1", 9.0)])

    assert (found.run, len(told)) == ("r1", 1)


def test_a_newest_run_that_has_ended_without_the_node_is_passed_over(pipeline: DeployedPipeline) -> None:
    rows = [row("S", "FAILED", "r1", 9.0), row("S", "SUCCEEDED", "r0"), row("S$T", "SUCCEEDED", "r0")]

    found, told = awaited(pipeline, rows)

    assert (found.run, told) == ("r0", [])


def test_a_run_that_ends_before_the_node_starts_ends_the_waiting(pipeline: DeployedPipeline) -> None:
    with pytest.raises(RunError, match="'train' did not start in run r1: load failed") as caught:
        awaited(pipeline, [row("S", "EXECUTING")], [row("S", "EXECUTING")], [row("S", "FAILED")])

    assert caught.value.hint == "see mlops runs show r1 --target dev"


def test_a_named_run_that_has_ended_without_the_node_is_not_waited_for(pipeline: DeployedPipeline) -> None:
    with pytest.raises(RunError, match="did not start in run r1"):
        awaited(pipeline, [row("S", "FAILED")], run="r1")
    with pytest.raises(UnknownNameError):
        awaited(pipeline, [row("S", "FAILED")], run="r7")


def test_where_nothing_has_run_it_is_said_how_to_start_a_run(pipeline: DeployedPipeline) -> None:
    with pytest.raises(RunError) as caught:
        awaited(pipeline, [])

    assert caught.value.hint == "start a run: mlops trigger sales"
