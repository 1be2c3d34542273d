"""The whole road: an image built and pushed, pipelines deployed to the embedded Snowflake, run in real containers, mended."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from mlops_embedded import life
from snowflake.connector import DictCursor

from tests.container.conftest import Image
from tests.readme import console, general

pytestmark = [
    pytest.mark.container,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PROJECT = """
target = "embedded"

[targets.embedded]
database = "EMBEDDED"
schema = "PUBLIC"
warehouse = "COMPUTE_WH"
image = "{image}"

[targets.embedded.pools.default]
name = "MLOPS_POOL"
max_nodes = 2
"""
QUICK = ["train_model.max_iter=20", "train_model.folds=2", "bootstrap_samples=20", "importance_repeats=1"]
"""Parameters of a run that need not be good."""

TROUBLED = """
[pipelines.fragile]
nodes = ["numbers", "total", "kit-tasks:fragile"]
parameters = {"fragile.needs" = "/mlops/data/mended"}

[pipelines.greedy]
nodes = ["greedy"]

[pipelines.patient]
nodes = ["patient"]
parameters = {"patient.sign" = "/tmp/sign", "patient.seconds" = 300.0}
"""


@dataclass(frozen=True)
class Road:
    """A project, the embedded Snowflake that it is deployed to, and the command that does both."""

    folder: Path
    server: life.Running
    command: Callable[..., subprocess.CompletedProcess[str]]
    registry: str

    def mlops(self, *words: str, code: int = 0) -> str:
        """Run a command, expect its exit code, and return what it answers."""
        done = self.command(*words, cwd=self.folder, timeout=600)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def sql(self, text: str) -> list[dict[str, Any]]:
        with (
            snowflake.connector.connect(**self.server.connection) as connection,
            connection.cursor(DictCursor) as cursor,
        ):
            return cursor.execute(text).fetchall()  # type: ignore[union-attr, return-value]

    def history(self, pipeline: str) -> dict[str, dict[str, Any]]:
        """The last run of each task of a pipeline, by its name, in the order in which they started."""
        rows = self.sql(
            "SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 1000)) WHERE STATE <> 'SCHEDULED'"
        )
        own = [row for row in rows if row["NAME"].split("$")[0] == pipeline.upper()]
        return {
            row["NAME"]: row for row in sorted(own, key=lambda row: (row["ATTEMPT_NUMBER"], row["QUERY_START_TIME"]))
        }


Build = Callable[[str, str], contextlib.AbstractContextManager[Road]]


@pytest.fixture(scope="module")
def build_road(make_environment: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Makes a project, whose plugins are churn and one that stumbles, with a server of its own whose containers are real."""
    environment = make_environment(["kit-tasks"])
    registry = os.environ["MLOPS_EMBEDDED_REGISTRY"]
    kept = {"MLOPS_DISABLE_PLUGINS": "", "DOCKER_HOST": os.environ["DOCKER_HOST"]}

    def command(*words: str, cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
        done: subprocess.CompletedProcess[str] = environment.mlops(*words, cwd=cwd, timeout=timeout, **kept)
        return done

    @contextlib.contextmanager
    def build(image: str, more: str) -> Iterator[Road]:
        folder = tmp_path_factory.mktemp("road")
        (folder / "mlops.toml").write_text(PROJECT.format(image=image) + more)
        _, start, *_ = console("In real containers")
        started = command(*(os.path.expandvars(word) for word in start.words), cwd=folder, timeout=60)
        assert started.returncode == 0, started.stderr
        try:
            server = life.status(folder / "data" / "embedded")
            assert server is not None
            yield Road(folder, server, command, registry)
        finally:
            command("embedded", "stop", "--state", "data/embedded", cwd=folder, timeout=60)

    return build


@pytest.fixture(scope="module")
def road(image: Image, build_road: Build) -> Iterator[Road]:
    with build_road(image.tag, "") as road:
        yield road


def test_churn_runs_in_six_containers_with_inherited_tokens_and_no_credentials(road: Road, image: Image) -> None:
    *_, push, deploy, trigger = console("In real containers")
    pushed = json.loads(road.mlops(*push.words, "--json"))
    road.mlops(*deploy.words)
    road.mlops(*trigger.words, *(word for one in QUICK for word in ("--param", one)))

    assert pushed["repository"] == f"{road.registry}/embedded/public/mlops_images"
    shown = [general(line).replace("mlops:latest", image.tag) for line in push.shown]
    assert shown == [general(f"{pushed['image']}@{pushed['digest']}")]
    definitions = [row["definition"] for row in road.sql("SHOW TASKS") if row["name"].startswith("CHURN")]
    assert len(definitions) == 6
    assert all(f"mlops:tests@{pushed['digest']}" in text for text in definitions)
    password = str(road.server.connection["password"])
    assert not [
        text for text in definitions if password in text or "SNOWFLAKE_" in text.replace("SNOWFLAKE_WAREHOUSE", "")
    ]

    tasks = road.history("churn")
    order = ["CHURN"] + [
        f"CHURN${name}" for name in
        ("PREPROCESS_DATA", "ENGINEER_FEATURES", "TRAIN_TEST_SPLIT", "TRAIN_MODEL", "EVALUATE_MODEL")
    ]  # fmt: skip
    assert list(tasks) == order
    assert {row["STATE"] for row in tasks.values()} == {"SUCCEEDED"}
    assert all(before["COMPLETED_TIME"] <= after["QUERY_START_TIME"] for before, after in zip(
        [tasks[name] for name in order], [tasks[name] for name in order[1:]], strict=False
    ))  # fmt: skip
    returned = json.loads(tasks["CHURN$TRAIN_MODEL"]["RETURN_VALUE"])
    assert (returned["node"], returned["state"]) == ("mlops-churn:train_model", "succeeded")
    jobs = road.sql("SHOW JOB SERVICES")
    assert len(jobs) == 6
    assert {job["status"] for job in jobs} == {"DONE"}

    assert road.sql("SHOW MODELS IN SCHEMA EMBEDDED.PUBLIC")
    assert (
        road.sql("SELECT COUNT(*) AS ROWS_ FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'PUBLIC'")[0]["ROWS_"]
        > 0
    )
    log = road.mlops("logs", "train_model")
    assert "node train_model succeeded" in log
    status = json.loads(road.mlops("status", "churn", "--json"))
    assert "succeeded" in json.dumps(status)
    run = json.loads(road.mlops("runs", "list", "--target", "embedded", "--json"))
    assert "inherited" in json.dumps(run)
    assert password not in log + json.dumps(status) + json.dumps(run)


@pytest.fixture(scope="module")
def troubled(image: Image, build_road: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """The image with one more plugin, pushed; the pipelines that use it are deployed."""
    wheel = next(built_wheel(tmp_path_factory.mktemp("wheels")).glob("*.whl"))
    dockerfile = (
        f"FROM {image.tag}\nUSER root\nCOPY {wheel.name} /tmp/\n"
        f"RUN /usr/local/bin/python -m pip --python /opt/mlops/bin/python install -q --no-deps --no-index /tmp/{wheel.name} "
        "&& mlops nodes list >/dev/null\nUSER 10001:10001\n"
    )
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, data in (("Dockerfile", dockerfile.encode()), (wheel.name, wheel.read_bytes())):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    content.seek(0)
    image.engine.images.build(fileobj=content, custom_context=True, tag="mlops:troubled", pull=False)
    with build_road("mlops:troubled", TROUBLED) as road:
        road.mlops("image", "push")
        for pipeline in ("fragile", "greedy", "patient"):
            road.mlops("deploy", pipeline, "--yes")
        yield road


def built_wheel(folder: Path) -> Path:
    source = Path(__file__).parents[1] / "plugins" / "kit-tasks"
    subprocess.run(
        ["python", "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "wheels"],
        cwd=source, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    return folder / "wheels"


def test_a_container_that_fails_is_told_with_its_node_and_a_retry_goes_on_there(troubled: Road) -> None:
    troubled.mlops("trigger", "fragile", "--wait", code=1)

    failed = troubled.history("fragile")
    assert {name: row["STATE"] for name, row in failed.items()} == {
        "FRAGILE": "SUCCEEDED", "FRAGILE$TOTAL": "SUCCEEDED", "FRAGILE$FRAGILE": "FAILED",
    }  # fmt: skip
    assert "exited with code 10" in failed["FRAGILE$FRAGILE"]["ERROR_MESSAGE"]
    assert "ValueError: there is no /mlops/data/mended" in troubled.mlops("logs", "kit-tasks:fragile")

    jobs = len(troubled.sql("SHOW JOB SERVICES"))
    (troubled.server.state.path / "stages" / "EMBEDDED" / "PUBLIC" / "MLOPS_DATA" / "mended").write_text("")
    troubled.mlops("retry", "fragile", "--wait", "--yes")

    retried = troubled.history("fragile")
    assert {row["STATE"] for row in retried.values()} == {"SUCCEEDED"}
    assert retried["FRAGILE$FRAGILE"]["ATTEMPT_NUMBER"] == 2
    assert retried["FRAGILE"]["QUERY_START_TIME"] == failed["FRAGILE"]["QUERY_START_TIME"]
    assert len(troubled.sql("SHOW JOB SERVICES")) == jobs + 1


def test_a_container_that_exceeds_its_memory_fails_with_137(troubled: Road) -> None:
    troubled.mlops("trigger", "greedy", "--wait", code=1)

    row = troubled.history("greedy")["GREEDY"]
    assert row["STATE"] == "FAILED"
    assert "137" in row["ERROR_MESSAGE"] or "memory" in row["ERROR_MESSAGE"].lower()


def test_a_container_that_is_killed_fails_its_task_and_commits_nothing(troubled: Road, image: Image) -> None:
    troubled.mlops("trigger", "patient")
    until = time.monotonic() + 120
    while not (running := [one for one in image.engine.containers.list() if "patient" in str(one.attrs["Args"])]):
        assert time.monotonic() < until, "the container does not start"
        time.sleep(0.2)
    while running[0].exec_run(["test", "-s", "/tmp/sign"]).exit_code:
        assert time.monotonic() < until, "the node does not start"
        time.sleep(0.2)

    running[0].kill("SIGKILL")

    while (row := troubled.history("patient").get("PATIENT", {})).get("STATE") != "FAILED":
        assert time.monotonic() < until, row
        time.sleep(0.2)
    stage = troubled.server.state.path / "stages" / "EMBEDDED" / "PUBLIC" / "MLOPS_DATA" / "patient"
    assert not list(stage.rglob("*.json"))
    assert "failed" in troubled.mlops("status", "patient")
