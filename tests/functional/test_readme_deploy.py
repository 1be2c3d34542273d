"""The road of README.md from the registry of nodes to a Task graph is typed as it is shown, and prints what it shows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.readme import console, general

ROOT = Path(__file__).parents[2]
SMALL = """
[targets.embedded.parameters]
source = "synthetic"
customer_count = 400
max_iter = 30
folds = 3
bootstrap_samples = 50
importance_repeats = 1
"""
"""Parameters of a run that need not be good."""
FAILS = "this one fails, and shows why"
PROMISED = {
    "a Snowflake that goes on between commands": "the embedded Snowflake runs on",
    "what would be created; writes nothing": "9 to create, 0 unchanged",
    "a run now: a job a node, each with the session of its role": "[6/6] ✓ evaluate_model",
    "the graph, with the states of its last run": "✓ evaluate_model succeeded",
    "parameters, metrics, datasets": "max_iter=30",
    FAILS: "test_size is 2.0, and the share held out is between 0 and 1",
    "what would run again, and what is kept": "again train_test_split: failed",
    "the least SQL that a role needs for exactly this": "GRANT EXECUTE TASK ON ACCOUNT TO ROLE",
    "is everything there, and how to mend what is not": "✓ pipeline churn deployed for the versions that are installed",
}
"""What shows that a command does what the comment behind it says; a comment that is not here is an error."""


@pytest.fixture(scope="module")
def environment(make_environment):
    made = make_environment([])
    made.install(ROOT, *(ROOT / "plugins" / name for name in ("mlops-churn", "mlops-embedded")))
    return made


def test_the_road_to_a_task_graph_goes_as_the_readme_shows(environment, tmp_path: Path) -> None:
    own = re.findall(r"^\[tool\.mlops.*\]\n(?:[^\n\[]+\n)*", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    settings = "\n".join(own).replace("[tool.mlops]\n", "").replace("[tool.mlops.", "[")
    (tmp_path / "mlops.toml").write_text(settings + SMALL, encoding="utf-8")
    (tmp_path / ".venv").symlink_to(environment.folder)
    # the plugins of the test run itself are not a reader's
    environ = environment.environ(
        OMP_NUM_THREADS="1", MLOPS_DISABLE_PLUGINS="mlops-open*,mlops-quality,mlops-transit,mlops-calendar"
    )

    def typed(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f". .venv/bin/activate\n{command}"], cwd=tmp_path, env=environ,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400, check=False,
        )  # fmt: skip

    steps = console("Deploy")
    try:
        for command, comment, shown in steps:
            ended = typed(command)
            told = f"{command}\n{ended.stdout}"
            assert ended.returncode == (1 if comment == FAILS else 0), told
            lines = iter([general(line) for line in ended.stdout.splitlines()])
            assert [line for line in shown if general(line) not in lines] == [], told  # and in this order
            assert not comment or PROMISED[comment] in general(ended.stdout), told
    finally:
        typed("mlops embedded stop --state data/embedded")

    assert set(PROMISED) == {comment for _, comment, _ in steps if comment}
    assert sum(len(shown) for _, _, shown in steps) >= 4
