"""What the rows of a graph run add up to, also between two tasks, after a retry and when the graph has changed."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mlops.deploy.ownership import Ownership, comment_of
from mlops.errors import RunError
from mlops.operate.deployed import DeployedPipeline, deployed_pipelines
from mlops.operate.graph_runs import as_ended, find_run, next_run, outcome_of, runs_of
from mlops.operate.operations import LiveTask, TaskRun
from mlops.operate.retry import plan_retry
from mlops.runs.outcome import RunOutcome, State

ROOT_ID = "root"


def live(name: str, *after: str, nodes: tuple[str, ...], **facts: Any) -> LiveTask:
    comment = comment_of(Ownership("shop", "sales", nodes))
    return LiveTask(name, facts.pop("id", name), facts.pop("started", True), comment, f"do {name}", after, **facts)


def sales(**changes: Any) -> DeployedPipeline:
    """load → clean → train, and a finalizer; ``changes`` are facts of the root or, by name, of other tasks."""
    tasks = [
        live("SALES$TIDY", nodes=("shop:tidy",), finalizes="SALES"),
        live("SALES$TRAIN", "SALES$CLEAN", nodes=("shop:train",), **changes.pop("train", {})),
        live("SALES$CLEAN", "SALES", nodes=("shop:clean",), **changes.pop("clean", {})),
        live("SALES", nodes=("shop:load",), id=ROOT_ID, **changes),
    ]
    [found] = deployed_pipelines(tasks, "shop")
    return found


def row(name: str, state: str, attempt: int = 1, **facts: Any) -> TaskRun:
    at = 1000.0 * attempt
    defaults = {"run": "r1", "scheduled": at, "started": at + 1, "ended": at + 2, "definition": f"do {name}"}
    return TaskRun(name, ROOT_ID, state, attempt=attempt, **{**defaults, **facts})


def of(pipeline: DeployedPipeline, *rows: TaskRun) -> RunOutcome:
    return outcome_of(pipeline, runs_of(rows)["r1"], target="t")


def states(outcome: RunOutcome) -> dict[str, str]:
    return {one.node.removeprefix("shop:"): one.state.value for one in outcome.nodes}


def test_tasks_are_in_the_order_in_which_they_run_the_finalizer_last():
    assert sales().nodes == ("shop:load", "shop:clean", "shop:train", "shop:tidy")


def test_a_run_between_two_tasks_goes_on():
    outcome = of(sales(), row("SALES", "SUCCEEDED"))

    assert outcome.state is State.RUNNING
    assert states(outcome) == {"load": "succeeded", "clean": "pending", "train": "pending", "tidy": "pending"}


def test_a_run_has_ended_when_its_finalizer_has():
    whole = [row(name, "SUCCEEDED") for name in ("SALES", "SALES$CLEAN", "SALES$TRAIN")]

    assert of(sales(), *whole).state is State.RUNNING
    assert of(sales(), *whole, row("SALES$TIDY", "SUCCEEDED")).state is State.SUCCEEDED


def test_what_comes_after_a_failure_is_skipped_and_says_because_of_what():
    outcome = of(
        sales(),
        row("SALES", "SUCCEEDED"),
        row("SALES$CLEAN", "FAILED", error_code="1", error_message="no rows"),
        row("SALES$TIDY", "SUCCEEDED"),
    )

    assert outcome.state is State.FAILED
    assert states(outcome) == {"load": "succeeded", "clean": "failed", "train": "skipped", "tidy": "succeeded"}
    assert [(one.reason, one.error and one.error.message) for one in outcome.nodes][1:3] == [
        ("", "no rows"),
        ("clean failed", None),
    ]


def test_a_suspended_task_is_passed_over_and_what_comes_after_it_runs():
    outcome = of(sales(clean={"started": False}), row("SALES", "SUCCEEDED"))

    assert states(outcome) == {"load": "succeeded", "clean": "skipped", "train": "pending", "tidy": "pending"}


def test_a_retry_that_has_begun_makes_what_failed_pending_again_and_keeps_the_rest():
    rows = [
        row("SALES", "SUCCEEDED"),
        row("SALES$CLEAN", "SUCCEEDED"),
        row("SALES$TRAIN", "FAILED"),
        row("SALES$TIDY", "SUCCEEDED"),
        row("SALES$TRAIN", "EXECUTING", 2, ended=None),
    ]

    outcome = of(sales(), *rows)

    assert states(outcome) == {"load": "succeeded", "clean": "succeeded", "train": "running", "tidy": "pending"}
    assert (outcome.run.resumed, outcome.nodes[2].attempt) == (1, 2)


def test_a_failed_run_that_retries_by_itself_goes_on_until_its_attempts_are_used_up():
    failed = [row("SALES", "FAILED"), row("SALES$TIDY", "SUCCEEDED")]

    assert of(sales(auto_retry_attempts=1), *failed).state is State.RUNNING
    assert of(sales(auto_retry_attempts=1), row("SALES", "FAILED", 2), row("SALES$TIDY", "SUCCEEDED", 2)).state is (
        State.FAILED
    )


def test_a_run_that_snowflake_calls_ended_leaves_nothing_pending():
    outcome = as_ended(of(sales(), row("SALES", "SUCCEEDED")))

    assert outcome.state is State.SUCCEEDED
    assert states(outcome)["train"] == "skipped"


def test_a_task_that_is_no_longer_deployed_is_still_shown():
    outcome = of(sales(), row("SALES", "SUCCEEDED"), row("SALES$OLD", "SUCCEEDED"))

    assert [(one.node, one.reason) for one in outcome.nodes][-1] == ("SALES$OLD", "its task is no longer deployed")


def test_what_a_node_handed_back_is_its_metrics_and_datasets():
    returned = {"node": "shop:load", "metrics": {"rows": 7}, "outputs": [{"name": "raw", "bytes": 9, "sha256": "ab"}]}

    [load, *_] = of(sales(), row("SALES", "SUCCEEDED", return_value=json.dumps(returned))).nodes

    assert [(one.name, one.value) for one in load.metrics] == [("rows", 7.0)]
    assert [(one.name, one.bytes) for one in load.outputs] == [("raw", 9)]


def test_a_metric_that_json_has_no_number_for_is_none():
    returned = json.dumps({"node": "shop:load", "metrics": {"loss": None}})

    [load, *_] = of(sales(), row("SALES", "SUCCEEDED", return_value=returned)).nodes

    assert math.isnan(load.metrics[0].value)


@pytest.mark.parametrize(
    "returned", ["", "words", "[1]", '{"metrics": 3}', '{"outputs": [1]}', "null", '{"metrics": {"a": "b"}}']
)
def test_a_return_value_of_another_form_is_passed_over(returned: str):
    [load, *_] = of(sales(), row("SALES", "SUCCEEDED", return_value=returned)).nodes

    assert (load.metrics, load.outputs) == ((), ())


def test_nodes_that_share_a_container_have_each_its_own():
    each = [{"node": "shop:load", "metrics": {"rows": 1}}, {"node": "shop:more", "metrics": {"rows": 2}}]
    tasks = [live("SALES", nodes=("shop:load", "shop:more"), id=ROOT_ID)]
    [pipeline] = deployed_pipelines(tasks, "shop")

    outcome = of(pipeline, row("SALES", "SUCCEEDED", return_value=json.dumps({"run": "r1", "nodes": each})))

    assert [one.metrics[0].value for one in outcome.nodes] == [1.0, 2.0]


def test_the_next_run_is_the_first_that_is_only_scheduled():
    rows = [
        row("SALES", "SCHEDULED", run=None, scheduled=900.0),
        row("SALES", "SCHEDULED", run=None, scheduled=800.0),
        TaskRun("OTHER", "other", "SCHEDULED", scheduled=1.0),
    ]

    assert next_run(sales(), rows) == 800.0


def test_a_part_of_an_id_that_several_runs_have_is_refused():
    assert find_run("latest", ["a1", "a2"]) == "a1"
    assert find_run("2", ["a1", "a2"]) == "a2"
    with pytest.raises(RunError, match="'a' is 2 runs"):
        find_run("a", ["a1", "a2"])


FAILED = [row("SALES", "SUCCEEDED"), row("SALES$CLEAN", "FAILED"), row("SALES$TIDY", "SUCCEEDED")]


def test_a_retry_runs_what_failed_what_waited_for_it_and_the_finalizer():
    plan = plan_retry(sales(), FAILED, now=2000)

    assert plan.kept == ("shop:load",)
    assert plan.again == (
        ("shop:clean", "failed"),
        ("shop:train", "did not run: clean failed"),
        ("shop:tidy", "runs at the end of every attempt"),
    )


@pytest.mark.parametrize(
    ("pipeline", "rows", "now", "why"),
    [
        (sales(), [], 2000, "has no run"),
        (sales(), [row("SALES", "EXECUTING", ended=None)], 2000, "goes on"),
        (sales(), [row(name, "SUCCEEDED") for name in ("SALES", "SALES$CLEAN", "SALES$TRAIN", "SALES$TIDY")], 2000,
         "succeeded: there is nothing to retry"),
        (sales(), FAILED, 1000 + 15 * 86400, "started 15 days ago"),
        (sales(), [*FAILED, row("SALES$OLD", "SUCCEEDED")], 2000, r"task SALES\$OLD is gone"),
        (sales(), [row("SALES", "FAILED", definition="do something else")], 2000, "task SALES has another definition"),
        (sales(train={"created": 1500.0}), FAILED, 2000, r"task SALES\$TRAIN is new"),
    ],
)  # fmt: skip
def test_a_retry_that_is_impossible_says_why(pipeline: DeployedPipeline, rows: list[TaskRun], now: float, why: str):
    with pytest.raises(RunError, match=why):
        plan_retry(pipeline, rows, now=now)
