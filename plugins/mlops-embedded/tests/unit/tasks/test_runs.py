"""Which tasks of a run may start, and how it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlops_embedded.tasks.definition import Task
from mlops_embedded.tasks.graph import descendants, graph_of
from mlops_embedded.tasks.runs import Step, may_overlap, next_step, states_to_keep

from .graphs import schema, task

DIAMOND = schema(task("R"), task("A", "R"), task("B", "R"), task("C", "A", "B"), task("F", finalize="R"))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Task], dict[str, str]]:
    """A random graph, and how each of its tasks would end if it ran."""
    size = draw(st.integers(1, 8))
    tasks = [task("T0")]
    for n in range(1, size):
        before = draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=3))
        tasks.append(task(f"T{n}", *(f"T{b}" for b in sorted(before)), started=draw(st.booleans())))
    tasks.append(task("F", finalize="T0", started=draw(st.booleans())))
    ends = st.sampled_from(["SUCCEEDED", "SUCCEEDED", "FAILED", "SKIPPED"])
    return schema(*tasks), {t.name.name: draw(ends) for t in tasks}


@given(graphs())
def test_every_run_ends_and_nothing_runs_after_what_did_not_succeed(given_: tuple) -> None:  # type: ignore[type-arg]
    tasks, ends = given_
    graph = graph_of(tasks, "T0")
    states: dict[str, str] = {}
    step = next_step(graph, states)
    while step.outcome is None:
        assert step.start
        for name in step.start:
            assert name not in states
            states[name] = ends[name]
        step = next_step(graph, states)

    stopped = {name for name, state in states.items() if state != "SUCCEEDED"}
    assert not any(descendants(tasks, name) & set(states) for name in stopped)
    assert all(tasks[name].started for name in states)
    assert (step.outcome == "FAILED") == ("FAILED" in states.values())
    if tasks["F"].started:
        assert ("F" in states) == (ends["T0"] != "SKIPPED")


def test_both_branches_start_at_once_and_their_join_waits_for_both() -> None:
    graph = graph_of(DIAMOND, "R")

    assert next_step(graph, {}) == Step(start=("R",))
    assert next_step(graph, {"R": "SUCCEEDED"}) == Step(start=("A", "B"))
    assert next_step(graph, {"R": "SUCCEEDED", "A": "SUCCEEDED", "B": "EXECUTING"}) == Step()


def test_a_suspended_task_counts_as_succeeded() -> None:
    graph = graph_of(schema(*DIAMOND.values(), task("A", "R", started=False)), "R")

    assert next_step(graph, {"R": "SUCCEEDED", "B": "SUCCEEDED"}) == Step(start=("C",))


def test_the_finalizer_waits_for_what_still_runs_beside_a_failure() -> None:
    graph = graph_of(DIAMOND, "R")

    assert next_step(graph, {"R": "SUCCEEDED", "A": "FAILED", "B": "EXECUTING"}) == Step()
    assert next_step(graph, {"R": "SUCCEEDED", "A": "FAILED", "B": "SUCCEEDED"}) == Step(start=("F",))


def test_a_failed_run_with_retries_left_retries_before_its_finalizer() -> None:
    graph = graph_of(DIAMOND, "R")
    failed = {"R": "SUCCEEDED", "A": "FAILED", "B": "SUCCEEDED"}

    assert next_step(graph, failed, retries_left=1) == Step(outcome="FAILED", retry=True)
    assert next_step(graph, states_to_keep(graph, failed)) == Step(start=("A",))


@pytest.mark.parametrize(
    ("policy", "runs", "roots", "allowed"),
    [
        ("NO_OVERLAP", 0, 0, True), ("NO_OVERLAP", 1, 0, False), ("ALLOW_CHILD_OVERLAP", 1, 0, True),
        ("ALLOW_CHILD_OVERLAP", 1, 1, False), ("ALLOW_ALL_OVERLAP", 3, 3, True),
    ],
)  # fmt: skip
def test_the_overlap_policy_decides_whether_runs_meet(policy: str, runs: int, roots: int, allowed: bool) -> None:
    assert may_overlap(policy, runs=runs, roots_running=roots) is allowed
