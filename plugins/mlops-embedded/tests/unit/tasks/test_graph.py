"""Snowflake's rules for the shape of a task graph."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.tasks.definition import Task
from mlops_embedded.tasks.graph import TaskGraph, check_links, check_place, graph_of, roots_of

from .graphs import schema, task


def test_a_graph_has_its_predecessors_first_and_its_finalizer_apart() -> None:
    tasks = schema(task("C", "A", "B"), task("B", "R"), task("A", "R"), task("R"), task("F", finalize="R"), task("X"))

    graph = graph_of(tasks, "R")

    assert list(graph.tasks) == ["R", "A", "B", "C"]
    assert graph.finalizer is tasks["F"]
    assert roots_of(tasks, tasks["C"]) == {"R"}


def test_a_cycle_is_refused_by_the_names_in_it() -> None:
    with pytest.raises(SnowflakeError, match="cycle: A, B"):
        graph_of(schema(task("R"), task("A", "R", "B"), task("B", "A")), "R")


@pytest.mark.parametrize(
    ("tasks", "reason"),
    [
        ([task("R"), *(task(f"T{n:04}", f"T{n // 10 - 1:04}" if n > 9 else "R") for n in range(1000))], "at most 1000"),
        ([task("R"), *(task(f"T{n}", "R") for n in range(101))], "at most 100 child tasks, and R"),
        (
            [task("R"), task("R2", "R"), *(task(f"A{n}", "R") for n in range(51)), *(task(f"B{n}", "R2") for n in range(50)),
             task("T", *(f"A{n}" for n in range(51)), *(f"B{n}" for n in range(50)))],
            "at most 100 predecessors",
        ),
    ],
)  # fmt: skip
def test_a_graph_larger_than_snowflake_takes_is_refused(tasks: list, reason: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(SnowflakeError, match=reason):
        graph_of(schema(*tasks), "R")


@pytest.mark.parametrize(
    ("others", "new", "reason"),
    [
        ([task("R"), task("A", "R"), task("B", "A")], task("A", "R", "B"), "cycle: A, B"),
        ([task("R"), *(task(f"T{n}", "R") for n in range(100))], task("X", "R"), "at most 100 child tasks, and R"),
        ([task("R"), *(task(f"T{n:03}", f"T{n // 10 - 1:03}" if n > 9 else "R") for n in range(999))], task("X", "T998"), "at most 1000"),
    ],
)  # fmt: skip
def test_a_task_that_makes_a_graph_impossible_is_refused_before_it_is_in_it(
    others: list, new: Task, reason: str
) -> None:  # type: ignore[type-arg]
    with pytest.raises(SnowflakeError, match=reason):
        check_place(schema(*others), new)


def test_a_changed_link_is_known_from_both_ends() -> None:
    tasks = schema(task("R"), task("A", "R"), task("B", "A"), task("F", finalize="R"))

    tasks.put(task("B", "R"))
    tasks.remove("F")

    assert tasks.children("A") == set()
    assert tasks.children("R") == {"A", "B"}
    assert tasks.finalizer("R") is None


@pytest.mark.parametrize(
    ("others", "new", "reason"),
    [
        ([], task("A", "R"), "R' does not exist"),
        ([task("R", owner="OTHER")], task("A", "R"), "one owner"),
        ([task("R"), task("S")], task("A", "R", "S"), "not in the same task graph"),
        ([task("R"), task("F", finalize="R")], task("A", "F"), "finalizer task cannot have child"),
        ([task("R"), task("F", finalize="R")], task("G", finalize="R"), "has a finalizer already"),
        ([task("R"), task("A", "R")], task("F", finalize="A"), "must name a root task"),
        ([], task("A", "A"), "after itself"),
    ],
)
def test_a_link_that_snowflake_would_not_make_is_refused(others: list, new: object, reason: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(SnowflakeError, match=reason):
        check_links(schema(*others), new)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"schedule": "5 MINUTES"}, "SCHEDULE is for root tasks"),
        ({"config": "{}"}, "CONFIG is for root tasks"),
        ({"finalize": "R"}, "FINALIZE and AFTER exclude"),
        ({"user_task_timeout_ms": 604_800_001}, "USER_TASK_TIMEOUT_MS"),
    ],
)
def test_a_child_task_takes_no_setting_of_a_root(settings: dict, reason: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(SnowflakeError, match=reason):
        task("A", "R", **settings)


def test_a_graph_survives_being_written_down() -> None:
    graph = graph_of(schema(task("R", config='{"a": 1}'), task("A", "R"), task("F", finalize="R")), "R")

    again = TaskGraph.from_json("D", "S", graph.to_json())

    assert again.members == graph.members
    assert again.same_work(graph)


def test_suspending_a_task_does_not_make_it_other_work_but_another_definition_does() -> None:
    before = graph_of(schema(task("R"), task("A", "R")), "R")
    suspended = graph_of(schema(task("R"), task("A", "R", started=False)), "R")
    changed = graph_of(schema(task("R"), task("A", "R").with_settings(definition="SELECT 2")), "R")
    replaced = graph_of(schema(task("R"), replace(task("A", "R"), id="another")), "R")

    assert before.same_work(suspended)
    assert not before.same_work(changed)
    assert not before.same_work(replaced)
