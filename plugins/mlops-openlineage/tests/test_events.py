"""Events as OpenLineage's own file transport writes them, from runs that mlops makes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from mlops_openlineage.hooks import configured

from mlops.testing import check

NODES = """
from mlops import Pipeline, node

@node(outputs=["table"])
def make(*, rows: int = 3):
    import pandas as pd
    return pd.DataFrame({"number": range(rows), "word": ["a"] * rows})

@node(outputs=["count"], retries=0)
def use(table, *, wrong: bool = False, api_key: str = "") -> int:
    if wrong:
        raise ValueError("no")
    return len(table)

traced = Pipeline("traced", nodes=["make", "use"])
"""


@pytest.fixture
def lineage(mlops_project, tmp_path, monkeypatch):
    """A function that runs the pipeline with events going to a file, and returns these."""
    mlops_project.install("traced-nodes", NODES, nodes=["make", "use"], pipelines=["traced"])
    file = tmp_path / "lineage.jsonl"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(file))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    from mlops_openlineage import hooks

    hooks._client_of.cache_clear()

    def run(**words):
        outcome = mlops_project.run("traced", **words)
        return outcome, [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def deploy():
        deployed = mlops_project.deploy("traced")
        return deployed, [json.loads(line) for line in file.read_text().splitlines()]

    run.deploy = deploy
    yield run
    hooks._client_of.cache_clear()


def summary(events):
    return [(event["job"]["name"], event["eventType"]) for event in events]


@pytest.mark.parametrize("executor", ["inline", "process"])
def test_a_run_is_a_parent_and_every_node_a_child_whichever_process_emits(lineage, executor):
    outcome, events = lineage(executor=executor)

    assert outcome.warnings == ()
    assert summary(events) == [
        ("traced", "START"),
        ("traced.make", "START"),
        ("traced.make", "COMPLETE"),
        ("traced.use", "START"),
        ("traced.use", "COMPLETE"),
        ("traced", "COMPLETE"),
    ]
    run = events[0]["run"]["runId"]
    assert {event["run"]["facets"]["parent"]["run"]["runId"] for event in events[1:5]} == {run}
    assert events[1]["run"]["runId"] == events[2]["run"]["runId"] != events[3]["run"]["runId"]


def test_a_parameter_that_is_named_like_a_credential_is_sent_hidden(lineage):
    _, events = lineage(parameters={"api_key": "hunter2"})

    (sent,) = [event for event in events if (event["job"]["name"], event["eventType"]) == ("traced.use", "START")]
    values = {one["name"]: one["value"] for one in sent["run"]["facets"]["executionParameters"]["parameters"]}
    assert values == {"wrong": "False", "api_key": "***"}
    assert "hunter2" not in json.dumps(events)


def test_an_output_carries_its_schema_its_size_and_its_hash(lineage):
    _, events = lineage(parameters={"rows": 5})

    (output,) = events[2]["outputs"]
    assert output["name"] == "traced.table"
    fields = {field["name"]: field["type"] for field in output["facets"]["schema"]["fields"]}
    assert fields.keys() == {"number", "word"}
    assert fields["number"] == "int64"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 5
    assert len(output["facets"]["version"]["datasetVersion"]) == 64
    file = output["facets"]["symlinks"]["identifiers"][0]["name"]
    assert os.path.getsize(file) == output["outputFacets"]["outputStatistics"]["size"]
    assert [one["name"] for one in events[3]["inputs"]] == ["traced.table"]


def test_an_attempt_that_fails_is_told_with_its_error_and_so_is_the_run(lineage):
    _, events = lineage(parameters={"wrong": True})

    failed, run = events[-2:]
    assert summary(events)[-2:] == [("traced.use", "FAIL"), ("traced", "FAIL")]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ValueError: no"
    assert "raise ValueError" in failed["run"]["facets"]["errorMessage"]["stackTrace"]
    assert run["run"]["facets"]["errorMessage"]["message"] == "no"
    assert {one["key"]: one["value"] for one in failed["run"]["facets"]["executionParameters"]["parameters"]} == {
        "wrong": "True",
        "api_key": "",
    }


def test_a_deployment_tells_the_jobs_that_are_there_now(lineage):
    deployed, events = lineage.deploy()

    jobs = {event["job"]["name"]: event["job"]["facets"] for event in events}
    assert deployed.warnings == ()
    assert jobs.keys() == {"traced", "traced.make", "traced.use"}
    assert jobs["traced.use"]["documentation"]["description"] == "traced-nodes:use in task TESTS.PUBLIC.TRACED$USE"
    assert not any("run" in event for event in events)


def test_a_place_that_cannot_be_written_to_is_a_warning_and_no_failure(lineage, tmp_path, monkeypatch):
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(tmp_path / "blocked" / "lineage.jsonl"))

    outcome, events = lineage()

    assert outcome.succeeded
    assert events == []
    assert any("hook before_node_run of mlops-openlineage" in warning for warning in outcome.warnings)


def test_without_a_configuration_nothing_is_emitted(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("OPENLINEAGE_")]:
        monkeypatch.delenv(name)

    assert not configured()
    Path("openlineage.yml").write_text("transport:\n  type: console\n")
    assert configured()


def test_the_plugin_keeps_the_contract():
    assert check("mlops-openlineage", run=False).findings == ()
