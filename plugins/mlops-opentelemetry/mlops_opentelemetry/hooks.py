"""Observers that make a span of each run, attempt of a node, deployment and fallback. Quiet until an exporter is configured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mlops import hookimpl

if TYPE_CHECKING:
    from mlops import Node


@hookimpl
def after_pipeline_run(run: Any, outcome: Any) -> None:
    """Make the span of a run: the root of its trace."""
    if configured():
        from mlops_opentelemetry.spans import pipeline_span

        pipeline_span(run, outcome)


@hookimpl
def on_pipeline_error(run: Any, outcome: Any) -> None:
    """Make the span of a run that failed or was stopped."""
    after_pipeline_run(run, outcome)


@hookimpl
def after_node_run(run: Any, node: Node, outcome: Any) -> None:
    """Make the span of an attempt, with its datasets and metrics as attributes."""
    if configured():
        from mlops_opentelemetry.spans import node_span

        node_span(run, node, outcome)


@hookimpl
def on_node_error(run: Any, node: Node, outcome: Any) -> None:
    """Make the span of an attempt that failed, with the exception as its event."""
    after_node_run(run, node, outcome)


@hookimpl
def on_auth_fallback(fallback: Any) -> None:
    """Make a span with the status error, for an alert: a session was made with other credentials than were wanted."""
    if configured():
        from mlops_opentelemetry.spans import fallback_span

        fallback_span(fallback)


@hookimpl
def after_deploy(deployment: Any, plan: Any) -> None:
    """Make a span of a deployment that has written something, with what it wrote."""
    if configured():
        from mlops_opentelemetry.spans import deployment_span

        deployment_span(deployment, plan)


def configured() -> bool:
    """Tell whether spans go anywhere: an exporter is named, or an endpoint, and the SDK is not switched off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporters = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if exporters:
        return exporters != "none"
    return any(os.environ.get(name) for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
