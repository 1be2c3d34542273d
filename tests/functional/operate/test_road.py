"""The whole road as a person goes it: plan, deploy, run, look, fail, retry, change, destroy. Nodes run in real jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlops_embedded.life import EmbeddedSnowflake

from mlops import Workspace
from tests.command_line import Answer, CommandLine

SETTINGS = """
project = "road"
target = "embedded"

[targets.embedded]
database = "EMBEDDED"
schema = "PUBLIC"

[targets.embedded.pools.default]
name = "ROAD_POOL"

[pipelines.sums]
nodes = ["numbers", "total", "fragile"]
schedule = { cron = "0 2 * * *", timezone = "UTC" }
parameters = { count = 4 }
"""


class Traveller(CommandLine):
    """A folder with a project and an embedded Snowflake, whose jobs are processes with the project's plugin."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "mlops.toml").write_text(SETTINGS)

    def go(self, *words: str, code: int = 0) -> Answer:
        answer = self.run(*words)
        assert answer.code == code, (words, answer)
        return answer

    def told(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.go(*words, "--json", code=code).stdout)


@pytest.fixture
def traveller(
    make_environment: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Traveller]:
    environment = make_environment(["kit-tasks"])
    [site] = (environment.folder / "lib").glob("python*/site-packages")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("MLOPS_CACHE_DIR", str(environment.cache))
    monkeypatch.setenv("MLOPS_PLUGINS", "kit-tasks,mlops-embedded")
    with EmbeddedSnowflake(tmp_path / "data" / "embedded") as server:
        entry = yaml.safe_load((server.state / "images.yaml").read_text())["*/mlops"]
        entry["entrypoint"][0] = str(environment.python)
        (server.state / "images.yaml").write_text(yaml.safe_dump({"*/mlops": entry}))
        yield Traveller(tmp_path)


def test_a_pipeline_goes_from_the_registry_to_snowflake_and_away_again(traveller: Traveller) -> None:
    needed = traveller.folder / "needed"
    needed.touch()
    go, told = traveller.go, traveller.told

    assert go("plan", "sums", "--detailed-exitcode", code=2).stdout.rstrip().endswith("6 to create, 0 unchanged")
    assert "SUMS is started" in go("deploy", "sums", "--yes").stdout

    run = told("trigger", "sums", "--wait", "-p", "factor=2", "-p", f"needs={needed}")
    assert run["state"] == "succeeded"
    assert run["parameters"]["kit-tasks:numbers"]["count"] == 4
    [total] = [node for node in run["nodes"] if node["node"] == "kit-tasks:total"]
    assert total["metrics"] == {"total": 12.0}

    status = go("status", "sums").stdout
    assert "cron 0 2 * * * UTC" in status
    assert "metrics  total=12" in status
    assert "WARN    adding 4 numbers" in go("logs", "total").stdout
    assert [one["run"] for one in told("runs", "list", "--target", "embedded")["runs"]] == [run["run"]]
    stage = traveller.folder / "data" / "embedded" / "stages"
    assert [file.parent.parent.name for file in stage.rglob("numbers*.json") if run["run"] in str(file)] != []

    look = told("datasets", "show", "numbers", "--run", run["run"], "--target", "embedded")
    assert (look["node"], look["head"]) == ("kit-tasks:numbers", [0, 1, 2, 3])
    assert len(told("datasets", "list", "--target", "embedded")["datasets"]) == 3
    with Workspace(traveller.folder, target="embedded") as workspace:
        fetched = workspace.open_deployed()
        assert (fetched.id, fetched["total"], fetched.metrics) == (run["run"], 12.0, {"total": 12.0})

    assert go("deploy", "sums", "--yes").stdout.rstrip().endswith("no changes: 6 objects are as they are wanted")

    needed.unlink()
    failed = go("trigger", "sums", "--wait", "-p", f"needs={needed}", code=1)
    assert f"ValueError: there is no {needed}" in failed.stdout
    needed.touch()
    plan = told("retry", "sums", "--dry-run")
    assert ([one["node"] for one in plan["again"]], plan["kept"]) == (
        ["kit-tasks:fragile"], ["kit-tasks:numbers", "kit-tasks:total"],
    )  # fmt: skip
    retried = told("retry", "sums", "--wait", "--yes")
    assert {node["node"].rpartition(":")[2]: (node["state"], node["attempt"]) for node in retried["nodes"]} == {
        "numbers": ("succeeded", 1), "total": ("succeeded", 1), "fragile": ("succeeded", 2),
    }  # fmt: skip

    traveller.folder.joinpath("mlops.toml").write_text(SETTINGS.replace("count = 4", "count = 5"))
    assert "1 to change" in go("plan", "sums").stdout
    go("destroy", "sums", "--yes")
    assert told("status")["pipelines"] == []
