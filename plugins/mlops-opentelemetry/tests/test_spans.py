"""Spans as the SDK's in-memory exporter receives them, and as they are written by the processes of nodes."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest
from mlops_opentelemetry.hooks import configured
from mlops_opentelemetry.provider import export_to
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from mlops.testing import check

NODES = """
from mlops import Pipeline, node

@node(outputs=["table"])
def make(context, *, rows: int = 3):
    import pandas as pd
    context.log_metric("rows", rows)
    return pd.DataFrame({"number": range(rows)})

@node(outputs=["count"])
def use(table, *, wrong: bool = False, api_key: str = "") -> int:
    if wrong:
        raise ValueError("no")
    return len(table)

traced = Pipeline("traced", nodes=["make", "use"])
"""


@pytest.fixture
def project(mlops_project, monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    mlops_project.install("traced-nodes", NODES, nodes=["make", "use"], pipelines=["traced"])
    return mlops_project


@pytest.fixture
def exported(project, monkeypatch):
    """The SDK's in-memory exporter, which receives the spans of this process."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    exporter = InMemorySpanExporter()
    export_to(exporter)
    yield exporter
    export_to()


def test_a_run_is_a_trace_with_a_span_for_each_node(project, exported):
    outcome = project.run("traced", parameters={"rows": 5})

    make, use, run = exported.get_finished_spans()
    assert outcome.warnings == ()
    assert [span.name for span in (make, use, run)] == ["mlops node make", "mlops node use", "mlops run traced"]
    assert run.parent is None
    assert {span.parent.span_id for span in (make, use)} == {run.context.span_id}
    assert len({span.context.trace_id for span in (make, use, run)}) == 1
    assert run.start_time <= make.start_time <= make.end_time <= use.end_time <= run.end_time


def test_parameters_metrics_and_outputs_are_attributes(project, exported):
    project.run("traced", parameters={"rows": 5})

    make, _, run = exported.get_finished_spans()
    assert make.attributes["mlops.parameter.rows"] == "5"
    assert make.attributes["mlops.metric.rows"] == 5.0
    assert make.attributes["mlops.outputs"] == ("table",)
    assert make.attributes["mlops.output.table.rows"] == 5
    assert make.attributes["mlops.output.table.bytes"] > 0
    assert run.attributes["mlops.nodes.succeeded"] == 2
    assert run.resource.attributes["service.name"] == "mlops"


def test_a_parameter_that_is_named_like_a_credential_is_sent_hidden(project, exported):
    project.run("traced", parameters={"api_key": "hunter2"})

    spans = exported.get_finished_spans()
    assert spans[1].attributes["mlops.parameter.api_key"] == "***"
    assert not [span.name for span in spans if "hunter2" in span.to_json()]


def test_a_failure_is_the_status_and_an_event(project, exported):
    project.run("traced", parameters={"wrong": True})

    _, use, run = exported.get_finished_spans()
    (event,) = use.events
    assert (use.status.status_code, use.status.description) == (StatusCode.ERROR, "ValueError: no")
    assert (run.status.status_code, run.status.description) == (StatusCode.ERROR, "use failed")
    assert event.attributes["exception.type"] == "ValueError"
    assert "raise ValueError" in event.attributes["exception.stacktrace"]


def test_spans_of_nodes_in_processes_of_their_own_meet_in_one_trace(project, monkeypatch, tmp_path):
    file = tmp_path / "spans" / "spans.jsonl"
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "mlops_file")
    monkeypatch.setenv("MLOPS_OTEL_FILE", str(file))

    outcome = project.run("traced", executor="process")

    spans = {span["name"]: span for span in map(json.loads, file.read_text().splitlines())}
    assert outcome.warnings == ()
    assert spans.keys() == {"mlops node make", "mlops node use", "mlops run traced"}
    assert len({span["context"]["trace_id"] for span in spans.values()}) == 1
    root = spans["mlops run traced"]["context"]["span_id"]
    assert spans["mlops node make"]["parent_id"] == spans["mlops node use"]["parent_id"] == root
    assert spans["mlops node use"]["attributes"]["mlops.executor"] == "process"


def test_a_deployment_is_a_span_and_one_that_writes_nothing_is_none(project, exported):
    first = project.deploy("traced")
    project.deploy("traced", account=first.account)

    (span,) = exported.get_finished_spans()
    assert span.name == "mlops deploy traced"
    assert span.attributes["mlops.place"] == "TESTS.PUBLIC"
    assert span.attributes["mlops.version.traced-nodes"] == "1.0"
    assert span.attributes["mlops.steps.create"] >= 2
    assert first.warnings == ()


def test_a_fallback_of_authentication_is_an_error_to_alert_on(exported):
    from mlops_opentelemetry.hooks import on_auth_fallback

    on_auth_fallback(SimpleNamespace(wanted="inherited", used="key pair", problem="no token"))

    (span,) = exported.get_finished_spans()
    assert span.attributes["mlops.auth.used"] == "key pair"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no token")


def test_an_exporter_that_is_not_installed_is_a_warning_that_says_what_to_install(project, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    export_to()

    outcome = project.run("traced")

    assert outcome.succeeded
    assert any("no exporter 'otlp_proto_grpc' is installed" in warning for warning in outcome.warnings)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, False),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
    ],
)
def test_spans_are_made_only_where_they_go_somewhere(project, monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert configured() is expected


def test_the_plugin_keeps_the_contract():
    assert check("mlops-opentelemetry", run=False).findings == ()
