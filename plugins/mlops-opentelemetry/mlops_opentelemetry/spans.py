"""Spans from what runs and nodes came to. They are made when a run or node has ended, with the times it had.

Trace and span ids of a run follow from its id, so that nodes that ran in other processes or containers, which know no more
than that id, hang their spans below the span of the run.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from mlops import hide_credentials
from mlops_opentelemetry.provider import ids_of_next_span, tracer

if TYPE_CHECKING:
    from mlops import Node

NANOSECONDS = 1_000_000_000


def pipeline_span(run: Any, outcome: Any) -> None:
    """Make the root span of a run."""
    context = _run_context(run)
    with ids_of_next_span(context.trace_id, context.span_id):
        span = tracer().start_span(
            f"mlops run {run.pipeline}",
            context=Context(),
            kind=SpanKind.INTERNAL,
            start_time=_moment(run.started),
            attributes={
                **_of_run(run),
                "mlops.state": outcome.state.value,
                "mlops.resumed": run.resumed,
                **{f"mlops.nodes.{state}": count for state, count in _counted(outcome).items()},
            },
        )
    if outcome.state.value != "succeeded":
        span.set_status(Status(StatusCode.ERROR, outcome.reason))
    span.end(end_time=_moment(outcome.ended or run.started))


def node_span(run: Any, node: Node, outcome: Any) -> None:
    """Make the span of one attempt of a node, below the span of its run."""
    parent = trace.set_span_in_context(NonRecordingSpan(_run_context(run)), Context())
    span = tracer().start_span(
        f"mlops node {node.name}",
        context=parent,
        kind=SpanKind.INTERNAL,
        start_time=_moment(outcome.started),
        attributes={
            **_of_run(run),
            "mlops.node": node.full_name,
            "mlops.plugin": node.origin.distribution,
            "mlops.plugin.version": node.origin.version,
            "mlops.attempt": outcome.attempt,
            "mlops.state": outcome.state.value,
            **{f"mlops.parameter.{name}": str(value) for name, value in _parameters(run, node)},
            **{f"mlops.metric.{metric.name}": metric.value for metric in outcome.metrics},
            **_of_outputs(outcome),
        },
    )
    if outcome.error is not None:
        span.add_event(
            "exception",
            {
                "exception.type": outcome.error.type,
                "exception.message": outcome.error.message,
                "exception.stacktrace": outcome.error.traceback,
            },
            timestamp=_moment(outcome.ended),
        )
        span.set_status(Status(StatusCode.ERROR, f"{outcome.error.type}: {outcome.error.message}"))
    span.end(end_time=_moment(outcome.ended))


def deployment_span(deployment: Any, plan: Any) -> None:
    """Make the span of a deployment, in a trace of its own; it ends now, and has no length."""
    actions = [step.action.value for step in plan.steps]
    span = tracer().start_span(
        f"mlops deploy {deployment.pipeline}",
        context=Context(),
        kind=SpanKind.CLIENT,
        attributes={
            "mlops.pipeline": deployment.pipeline,
            "mlops.target": deployment.target,
            "mlops.place": f"{deployment.database}.{deployment.schema}",
            "mlops.root": deployment.root.name,
            **{f"mlops.version.{name}": version for name, version in deployment.versions.items()},
            **{f"mlops.steps.{action}": actions.count(action) for action in dict.fromkeys(actions)},
        },
    )
    span.end()


def fallback_span(fallback: Any) -> None:
    """Make the span of a session that was made with other credentials than were wanted."""
    attributes = {"mlops.auth.wanted": fallback.wanted, "mlops.auth.used": fallback.used}
    span = tracer().start_span("mlops auth fallback", context=Context(), attributes=attributes)
    span.set_status(Status(StatusCode.ERROR, fallback.problem))
    span.end()


def _run_context(run: Any) -> SpanContext:
    digest = hashlib.sha256(f"{run.pipeline}/{run.run_id}".encode()).digest()
    return SpanContext(
        trace_id=int.from_bytes(digest[:16], "big"),
        span_id=int.from_bytes(digest[16:24], "big"),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _of_run(run: Any) -> dict[str, Any]:
    return {
        "mlops.run_id": run.run_id,
        "mlops.pipeline": run.pipeline,
        "mlops.target": run.target,
        "mlops.executor": run.executor,
        "mlops.auth_mode": run.auth_mode,
    }


def _parameters(run: Any, node: Node) -> list[tuple[str, Any]]:
    return list(hide_credentials(run.parameters.get(node.full_name, {})).items())


def _of_outputs(outcome: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = {"mlops.outputs": [record.name for record in outcome.outputs]}
    for record in outcome.outputs:
        attributes[f"mlops.output.{record.name}.bytes"] = record.bytes
        if record.rows is not None:
            attributes[f"mlops.output.{record.name}.rows"] = record.rows
    return attributes


def _counted(outcome: Any) -> dict[str, int]:
    states = [one.state.value for one in outcome.nodes]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def _moment(seconds: float) -> int:
    return int(seconds * NANOSECONDS)
