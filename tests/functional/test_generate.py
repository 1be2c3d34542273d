"""``mlops generate``: files that are written once, compared ever after, and never written from a broken project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from mlops.cli.app import cli
from mlops.compile.drift import StaleJobsError
from mlops.errors import PipelineError, SettingsError, UsageError

PROJECT = """
target = "dev"
[plugins]
allow = ["mlops-churn"]
[targets.dev]
database = "ml"
schema = "dev"
warehouse = "wh"
[targets.dev.pools.default]
name = "small"
[targets.prod]
extends = "dev"
schema = "prod"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mlops.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mlops(*words: str, fails: type[Exception] | None = None) -> Result:
    result = CliRunner().invoke(cli, words)
    if fails is None:
        assert result.exception is None, result.output
    else:
        assert isinstance(result.exception, fails), result.output
    return result


def test_files_are_written_once_and_found_current_ever_after(project):
    first = mlops("generate", "churn")
    second = mlops("generate", "churn")
    mlops("generate", "--check")

    files = sorted(path.name for path in (project / "jobs" / "churn").iterdir())
    assert files == [
        "job-engineer-features.yaml", "job-evaluate-model.yaml", "job-generate-data.yaml", "job-preprocess-data.yaml",
        "job-train-model.yaml", "job-train-test-split.yaml", "task-graph.yaml",
    ]  # fmt: skip
    assert len(first.stdout.splitlines()) == 7
    assert (second.stdout, second.stderr) == ("", "7 of 7 files are unchanged\n")


def test_the_first_line_names_the_command_that_writes_the_same_bytes(project):
    mlops("generate", "churn", "--target", "prod", "--output", "jobs/prod")
    file = project / "jobs" / "prod" / "churn" / "job-train-model.yaml"
    before = file.read_bytes()
    command = before.decode().partition("\n")[0].removeprefix("# Written by: mlops ").removesuffix(" (do not edit)")
    file.unlink()

    mlops(*command.split())

    assert command == "generate churn --target prod --output jobs/prod"
    assert file.read_bytes() == before


def test_a_changed_a_missing_and_a_stale_file_are_drift_that_is_shown_and_mended_by_the_hint(project):
    mlops("generate", "churn")
    jobs = project / "jobs" / "churn"
    (jobs / "job-train-model.yaml").write_text((jobs / "job-train-model.yaml").read_text().replace("8Gi", "16Gi"))
    (jobs / "job-generate-data.yaml").unlink()
    (jobs / "job-gone.yaml").write_text((jobs / "task-graph.yaml").read_text())
    (jobs / "by-hand.yaml").write_text("spec: {}\n")

    result = mlops("generate", "--check", fails=StaleJobsError)

    assert "-        memory: '16Gi'\n+        memory: '8Gi'\n" in result.stdout
    assert "+ jobs/churn/job-generate-data.yaml is missing\n" in result.stdout
    assert "- jobs/churn/job-gone.yaml is generated no more\n" in result.stdout
    assert [Path(file).name for file in result.exception.files] == [
        "job-generate-data.yaml", "job-train-model.yaml", "job-gone.yaml"
    ]  # fmt: skip
    assert result.exception.hint == "write them anew: mlops generate --target dev"
    assert (jobs / "job-gone.yaml").exists()
    assert "removed jobs/churn/job-gone.yaml" in mlops("generate").stdout
    mlops("generate", "--check")
    assert (jobs / "by-hand.yaml").exists()


def test_json_tells_the_state_of_every_file_and_check_fails_with_it(project):
    result = mlops("generate", "churn", "--check", "--json", fails=SystemExit)

    files = json.loads(result.stdout)["files"]
    assert result.exit_code == 1
    assert {file["state"] for file in files} == {"missing"}
    assert all(file["diff"].startswith("--- jobs/churn/") for file in files)
    assert not (project / "jobs").exists()


def test_statements_of_sql_and_dcm_are_written_or_printed(project):
    printed = mlops("generate", "churn", "--format", "sql", "--output", "-").stdout
    mlops("generate", "churn", "--format", "dcm")
    mlops("generate", "churn", "--format", "sql")

    assert sorted(path.name for path in (project / "jobs" / "churn").iterdir()) == [
        "task-graph.dcm.sql",
        "task-graph.sql",
    ]
    assert printed.partition("\n")[2] == (project / "jobs" / "churn" / "task-graph.sql").read_text().partition("\n")[2]
    mlops("generate", "churn", "--format", "sql", "--check")
    mlops("generate", "churn", "--output", "-", fails=UsageError)


def test_the_graph_file_holds_tasks_whose_specifications_are_the_files_beside_it(project):
    mlops("generate", "churn")

    jobs = project / "jobs" / "churn"
    graph = yaml.safe_load((jobs / "task-graph.yaml").read_text())
    assert [task["name"] for task in graph["tasks"]][:2] == ["CHURN", "CHURN$PREPROCESS_DATA"]
    for task in graph["tasks"]:
        container = yaml.safe_load((jobs / task["specification"]).read_text())["spec"]["containers"][0]
        assert container["args"] == ["--task", task["nodes"][0]]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ('[targets.dev.nodes.train_modle]\ncpu = 2\n', SettingsError, "did you mean 'train_model'?"),
        ('[targets.dev.nodes.train_model]\npool = "gpu"\n', PipelineError, "there is no pool 'gpu'"),
        ('[targets.dev.env]\nDB_PASSWORD = "x"\n', PipelineError, "looks like a credential"),
    ],
)  # fmt: skip
def test_nothing_is_written_from_a_project_that_is_not_right(project, change, error, said):
    (project / "mlops.toml").write_text(PROJECT + change)

    result = mlops("generate", fails=error)

    assert said in f"{result.exception} {result.exception.hint}"
    assert not (project / "jobs").exists()


def test_a_job_file_written_by_hand_is_used_for_its_node_and_kept(project):
    written = project / "jobs" / "churn" / "train.yaml"
    written.parent.mkdir(parents=True)
    written.write_text(
        "spec:\n  containers:\n  - name: gpu\n    image: <registry>/train:1\n    env: [{name: A, value: 1}]\n"
    )
    (project / "mlops.toml").write_text(PROJECT + '[targets.dev.nodes.train_model]\njob = "jobs/churn/train.yaml"\n')

    result = mlops("generate", "churn")

    container = yaml.safe_load((project / "jobs" / "churn" / "job-train-model.yaml").read_text())["spec"]["containers"][
        0
    ]
    assert (container["name"], container["image"]) == ("gpu", "/ml/dev/mlops_images/train:1")
    assert container["args"] == ["--task", "mlops-churn:train_model"]
    assert "jobs/churn/train.yaml:5: spec.containers" not in result.stderr
    assert "jobs/churn/train.yaml:5: env is a list" in result.stderr
    assert written.read_text().startswith("spec:")


def test_a_job_file_is_checked_alone_with_every_problem_and_its_line(project):
    (project / "good.yaml").write_text("spec: {containers: [{name: a, image: <registry>/x:1}]}\n")
    (project / "bad.yaml").write_text("spec: {containers: [{name: A, image: <registri>/x:1}]}\n")

    assert mlops("jobs", "check", "good.yaml").stdout == "good.yaml: ok\n"
    result = mlops("jobs", "check", "good.yaml", "bad.yaml", "--json", fails=SystemExit)

    assert result.exit_code == 1
    good, bad = json.loads(result.stdout)["files"]
    assert (good["problems"], bad["problems"][0]["line"]) == ([], 1)
    assert bad["problems"][0]["hint"] == "did you mean <registry>?"
