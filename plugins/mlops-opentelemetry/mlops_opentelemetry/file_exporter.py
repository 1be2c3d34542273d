"""An exporter that appends spans to a file, a JSON object a line: for machines without a collector."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult


class FileSpanExporter(SpanExporter):
    """Appends to the file that ``MLOPS_OTEL_FILE`` names, ``spans.jsonl`` where it names none.

    A span is one write to a file that is opened for appending, so that several processes may share it.
    """

    def __init__(self) -> None:
        self._file = Path(os.environ.get("MLOPS_OTEL_FILE", "spans.jsonl"))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append the spans."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab", buffering=0) as file:
            for span in spans:
                file.write(json.dumps(json.loads(span.to_json())).encode() + b"\n")
        return SpanExportResult.SUCCESS
