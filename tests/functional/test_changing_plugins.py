"""A plugin whose code or version changes: it is looked at again, and a continued run does its nodes again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STEPS = Path(__file__).parents[1] / "plugins" / "kit-steps"
NODES = ("seed", "left", "right", "both", "blob", "total")


@pytest.fixture(scope="module")
def environment(make_environment):
    return make_environment([])


@pytest.fixture
def project(environment, tmp_path):
    """The distribution kit-steps, to be changed and installed by a test, and taken away after it."""
    yield shutil.copytree(STEPS, tmp_path / "kit-steps", ignore=shutil.ignore_patterns("__pycache__"))
    environment.uninstall("kit-steps")


@pytest.fixture
def answer(environment, folder) -> Callable[..., Any]:
    """Run a command and return what its ``--json`` says."""

    def run(*words: str) -> Any:
        done = environment.mlops(*words, "--json", cwd=folder, KIT_STEPS_FILE=str(folder / "executed"))
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def states(answer: Any) -> dict[str, tuple[str, str]]:
    return {row["node"].partition(":")[2]: (row["state"], row["reason"]) for row in answer["nodes"]}


def test_code_that_changes_in_place_is_looked_at_again_and_run_again(environment, folder, project, answer):
    environment.install(project, editable=True)
    before = {row["name"]: row["params"] for row in answer("nodes", "list")["nodes"]}
    first = answer("run", "steps")
    same = answer("run", "steps", "--resume")

    edit(project / "kit_steps.py", "def left(seeded: int)", "def left(seeded: int, *, factor: int = 4)")
    edit(project / "kit_steps.py", "return seeded * 2", "return seeded * factor")
    after = {row["name"]: row["params"] for row in answer("nodes", "list")["nodes"]}
    again = answer("run", "steps", "--resume")

    assert {state for state, _ in states(same).values()} == {"reused"}
    assert (list(before["left"]), list(after["left"])) == ([], ["factor"])
    assert {name: params for name, params in after.items() if name != "left"} == {
        name: params for name, params in before.items() if name != "left"
    }
    assert again["run"] == first["run"]
    assert {name: state for name, (state, _) in states(again).items()} == dict.fromkeys(NODES, "succeeded")
    assert "the code of kit-steps 1.0 changed" in states(again)["seed"][1]
    left = answer("datasets", "show", "left_value")
    assert left["head"] == [12]


def test_a_node_is_found_anew_when_its_code_has_changed_in_place(environment, folder, project, answer):
    environment.install(project, editable=True)
    answer("nodes", "list")
    edit(project / "kit_steps.py", "*, start: int = 3", "*, begin: int = 5")
    edit(project / "kit_steps.py", "return start", "return begin")

    told = answer("run-node", "seed", "--inputs", '{"begin": 7}')

    assert told["state"] == "succeeded"


def test_another_version_of_a_plugin_is_run_again(environment, folder, project, answer):
    environment.install(project)
    first = answer("run", "steps")
    edit(project / "pyproject.toml", 'version = "1.0"', 'version = "1.1"')
    environment.install(project)

    again = answer("run", "steps", "--resume")

    assert again["run"] == first["run"]
    assert {name: state for name, (state, _) in states(again).items()} == dict.fromkeys(NODES, "succeeded")
    assert "kit-steps changed from 1.0 to 1.1" in states(again)["seed"][1]
    assert (folder / "executed").read_text().split() == [*NODES, *NODES]
    shown = answer("runs", "show")
    assert shown["versions"]["kit-steps"] == "1.1"


def test_the_same_version_built_again_is_not_run_again(environment, folder, project, answer):
    environment.install(project)
    answer("run", "steps")
    environment.uninstall("kit-steps")
    environment.install(project)

    again = answer("run", "steps", "--resume")

    assert {state for state, _ in states(again).values()} == {"reused"}
