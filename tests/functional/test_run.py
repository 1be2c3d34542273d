"""Runs of a pipeline from the command line: what is refused, what fails, and what is left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def run(environment, folder: Path, *words: str, **variables: str) -> tuple[int, dict]:
    ended = environment.mlops("run", *words, "--json", cwd=folder, **variables)
    return ended.returncode, json.loads(ended.stdout)


def states(answer: dict) -> dict[str, str]:
    return {row["node"].partition(":")[2]: row["state"] for row in answer["nodes"]}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("count=abc", "'abc' is not int"),
        ("coutn=3", "did you mean 'count'?"),
        ("kind=third", "Literal['even', 'odd']"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_runs(healthy, folder, word, told):
    code, answer = run(healthy, folder, "numbers", "--param", word)

    assert code == 1
    assert told in f"{answer['error']['message']} {answer['error']['hint']}"
    assert not (folder / "data").exists()


@pytest.mark.parametrize("executor", ["inline", "process"])
def test_a_failing_node_lets_the_others_finish_and_the_finalizer_run(healthy, folder, executor):
    code, answer = run(healthy, folder, "troubled", "--executor", executor)

    assert code == 1
    assert states(answer) == {
        "start": "succeeded",
        "fail": "failed",
        "after_failure": "skipped",
        "independent": "succeeded",
        "last": "succeeded",
    }


def test_a_node_killed_by_a_signal_is_told_as_such(healthy, folder):
    code, answer = run(healthy, folder, "deadly", "--executor", "process")

    (error,) = [row["error"] for row in answer["nodes"] if row["error"]]
    assert (code, error["kind"]) == (1, "killed")
    assert "SIGKILL" in error["message"]
    assert states(answer)["independent"] == "succeeded"


def test_a_flaky_node_is_tried_again_until_it_works(healthy, folder):
    code, answer = run(healthy, folder, "flaky_pipeline", "-p", f"counter={folder / 'attempts'}")

    assert code == 0
    assert {row["node"]: row["attempt"] for row in answer["nodes"]}["kit-troubled:flaky"] == 3


def test_a_run_is_continued_with_the_parameters_it_was_given_and_others_replace_them(healthy, folder):
    run(healthy, folder, "numbers", "-p", "count=3", "-p", "summarise.scale=2")

    told = healthy.mlops("run", "numbers", "--resume", cwd=folder).stderr.splitlines()[0]
    _, other = run(healthy, folder, "numbers", "--resume", "-p", "scale=5")
    _, again = run(healthy, folder, "numbers", "--resume")
    _, new = run(healthy, folder, "numbers")

    assert told.endswith("(4 nodes) with make_numbers.count=3, summarise.scale=2.0")
    assert other["parameters"]["kit-healthy:make_numbers"]["count"] == 3
    assert states(other)["make_table"] == "reused"
    assert again["given"] == {"kit-healthy:make_numbers": {"count": 3}, "kit-healthy:summarise": {"scale": 5.0}}
    assert set(states(again).values()) == {"reused"}
    assert (new["given"], new["parameters"]["kit-healthy:make_numbers"]["count"]) == ({}, 7)


def test_resume_runs_again_what_a_changed_parameter_touches_and_says_why_it_reuses_the_rest(healthy, folder):
    run(healthy, folder, "numbers")

    code, answer = run(healthy, folder, "numbers", "--resume", "-p", "scale=2")

    assert code == 0
    assert states(answer)["make_numbers"] == states(answer)["make_table"] == "reused"
    assert states(answer)["summarise"] == "succeeded"
    assert all("committed before" in row["reason"] for row in answer["nodes"] if row["state"] == "reused")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("plain", "--inputs", '{"question": 4}'), 0),
        (("fail", "--inputs", '{"start": 1}'), 10),
        (("no_such_node",), 11),
        (("fail", "--inputs", "{}"), 12),
        (("fail", "--inputs", "not json"), 12),
    ],
)
def test_the_exit_code_of_run_node_says_what_to_mend(healthy, folder, words, code):
    assert healthy.mlops("run-node", *words, cwd=folder).returncode == code
