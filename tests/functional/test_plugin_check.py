"""``mlops plugins check``: each check can fail, says what and how to mend it, and leaves sound plugins alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from msgspec.json import encode

from mlops.testing import Report, check
from mlops.testing.rehearsal import Line, Performance, Written, told_by

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture(scope="module")
def careless() -> Report:
    """A plugin that breaks every check, built from its folder and looked at beside what is installed."""
    return check(PLUGINS / "kit-careless")


@pytest.mark.parametrize(
    ("name", "subject", "problem", "hint"),
    [
        ("loads", "kit-careless:not_there", "no attribute 'not_there'", "did you mean"),
        ("metadata", "kit-careless", "does not require mlops-framework", "dependencies"),
        ("metadata", "kit-careless:undocumented", "no docstring", "one line"),
        ("metadata", "kit-careless:renamed", "'kit_careless:another_name'", "one name"),
        ("import", "kit-careless", "s of processor time", "inside the node's function"),
        ("import", "kit-careless", "package of Snowflake", "by name"),
        ("import", "kit-careless", "reaches for the network: socket.connect", "inside the node"),
        ("import", "kit-careless", "starts a process", "inside the node"),
        ("import", "kit-careless", "prints when it is imported: 'hello'", "logging"),
        ("names", "kit-careless:train_model", "mlops-churn has a node of the same short name", "more telling name"),
        ("names", "kit-careless", "'run' is one of mlops itself", "another name"),
        ("secrets", "kit-careless:secretive", "'api_key' is named like a secret", "secret of Snowflake"),
        ("resources", "kit-careless:greedy", "4000Gi", "partitions="),
        ("pipelines", "pipeline misspelt", "'what_nobody_writes'", "default"),
        ("job", "pipeline large", "'99' is not a minute in cron", "from 0 to 59"),
        ("job", "pipeline large", "'Mars/Olympus' is not a time zone", "IANA"),
        ("outputs", "kit-careless:forgetful", "'forgotten'", "return it"),
        ("outputs", "kit-careless:waiting", "it was not run", "mlops_project.run_node"),
        ("deterministic", "kit-careless:fickle", "another 'draw' from the same inputs", "seed"),
        (
            "parity",
            "kit-careless:two_faced",
            "builtins.str without services and builtins.int with them",
            "not the value",
        ),
    ],
)
def test_each_check_tells_what_is_wrong_and_how_to_mend_it(careless, name, subject, problem, hint):
    findings = [one for made in careless.checks if made.name == name for one in made.findings]

    assert [one for one in findings if one.subject == subject and problem in one.problem and hint in one.hint], findings


def test_every_check_of_a_careless_plugin_fails(careless):
    assert [made.name for made in careless.checks if made.passed] == []


def test_a_wheel_of_a_sound_plugin_passes_and_is_not_installed_by_that(healthy, folder):
    subprocess.run(
        [healthy.python, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"],
        cwd=PLUGINS / "kit-steps", check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = (folder / "dist").iterdir()

    ended = healthy.mlops("plugins", "check", str(wheel), "--json", cwd=folder, KIT_STEPS_FILE=str(folder / "steps"))

    answer = json.loads(ended.stdout)
    assert (ended.returncode, answer["passed"], answer["plugin"]) == (0, True, "kit-steps"), ended.stdout
    assert (folder / "steps").read_text().split() == ["seed", "left", "right", "both", "blob", "total"]
    assert "kit-steps" not in healthy.mlops("plugins", "list", cwd=folder).stdout


SERVED = """
import time

from mlops import Pipeline, Serving, node


@node(outputs=["answer"])
def quick() -> int:
    \"\"\"Ends.\"\"\"
    return 42


@node(serving=Serving())
def serve() -> None:
    \"\"\"Goes on until it is stopped.\"\"\"
    time.sleep(600)


both = Pipeline("both", nodes=["quick", "serve"])
alone = Pipeline("alone", nodes=["serve"])
"""


def test_a_service_is_not_run_since_it_would_not_end(folder):
    (folder / "served.py").write_text(SERVED)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "served"\nversion = "1"\ndependencies = ["mlops-framework"]\n'
        '[project.entry-points."mlops.nodes"]\nquick = "served:quick"\nserve = "served:serve"\n'
        '[project.entry-points."mlops.pipelines"]\nboth = "served:both"\nalone = "served:alone"\n'
    )

    (outputs,) = [made for made in check(folder).checks if made.name == "outputs"]

    assert outputs.passed
    assert "1 of 2 nodes run" in outputs.told
    assert [one.problem for one in outputs.findings] == ["it was not run: it is a service"]


def test_a_rehearsal_that_was_ended_has_told_what_came_before_and_which_node_went_on():
    done = Performance("team:quick", "succeeded", outputs=(Written("answer", "builtins.int", "aa"),))
    lines = [Line(begun="team:quick"), Line(done=done), Line(begun="team:stuck")]
    output = b"\n".join(encode(line) for line in lines) + b'\n{"begu'

    assert told_by(output) == ((done,), "team:stuck")


def test_what_cannot_be_checked_is_told(healthy, folder):
    (folder / "empty").mkdir()

    unknown = healthy.mlops("plugins", "check", "kit-heathy", cwd=folder)
    empty = healthy.mlops("plugins", "check", "./empty", cwd=folder)

    assert (unknown.returncode, empty.returncode) == (1, 1)
    assert "did you mean 'kit-healthy'?" in unknown.stderr
    assert "has no pyproject.toml" in empty.stderr


def test_pytest_makes_a_test_of_each_check(healthy, folder):
    ended = subprocess.run(
        [healthy.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--mlops-plugin", PLUGINS / "kit-misspelt"],
        cwd=folder, env=healthy.environ(), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 1
    assert "1 failed, 10 passed" in ended.stdout
    assert "implements the hook 'before_node_rum', which does not exist" in ended.stdout
    assert "Traceback" not in ended.stdout
