"""The provider of tracers: one a process, with the exporters that OpenTelemetry's own variables name.

It is not the global one: that belongs to the application, whose instrumentation may have set it. Each span is exported as
soon as it has ended, since the process of a node ends with its node.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import RandomIdGenerator, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Tracer

import mlops


class _PlannedIds(RandomIdGenerator):
    """Random ids, but for a span whose ids were planned."""

    planned: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return self.planned[0] if self.planned else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return self.planned[1] if self.planned else super().generate_span_id()


_IDS = _PlannedIds()
_given: list[SpanExporter] = []


@contextmanager
def ids_of_next_span(trace_id: int, span_id: int) -> Iterator[None]:
    """Let the spans that are started in this block have these ids."""
    _IDS.planned = (trace_id, span_id)
    try:
        yield
    finally:
        _IDS.planned = None


def export_to(*exporters: SpanExporter) -> None:
    """Export the spans of this process to these, in place of what the variables name; for tests and notebooks."""
    _given[:] = exporters
    _provider.cache_clear()


def tracer() -> Tracer:
    """Return the tracer of this process."""
    return _provider(os.getpid()).get_tracer("mlops", mlops.__version__)


@cache
def _provider(process: int) -> TracerProvider:
    del process  # a forked process has connections of its own
    named = {SERVICE_NAME: "mlops"} if "OTEL_SERVICE_NAME" not in os.environ else {}
    provider = TracerProvider(resource=Resource.create(named), id_generator=_IDS, shutdown_on_exit=False)
    for exporter in _given or _named_exporters():
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def _named_exporters() -> list[SpanExporter]:
    """Return the exporters of ``OTEL_TRACES_EXPORTER``, ``otlp`` where only an endpoint is given.

    Raises:
        LookupError: no installed package has an exporter of that name.
    """
    names = [name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")]
    if "otlp" in names:
        protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").replace("/", "_")
        names[names.index("otlp")] = {"grpc": "otlp_proto_grpc"}.get(protocol, "otlp_proto_http")
    exporters = []
    for name in names:
        found = list(entry_points(group="opentelemetry_traces_exporter", name=name))
        if not found:
            raise LookupError(
                f"no exporter {name!r} is installed: pip install the package that has it, for otlp opentelemetry-exporter-otlp"
            )
        exporters.append(found[0].load()())
    return exporters
