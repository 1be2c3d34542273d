"""What a task returns: which nodes it ran, what they committed and measured, as JSON that Snowflake keeps with its run."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import json

from mlops.runs.outcome import NodeOutcome, RunInfo

LIMIT = 10_000
"""Bytes that a return value may have. Source: Snowflake documentation, SYSTEM$SET_RETURN_VALUE."""


def return_value(run: RunInfo, outcomes: Sequence[NodeOutcome]) -> str:
    """Return the JSON of one node, or of several under ``nodes``; what is too long is left out, metrics first, and said."""
    for left_out in ((), ("metrics",), ("metrics", "outputs")):
        parts = [_of_node(outcome, left_out) for outcome in outcomes]
        value = {"run": run.run_id, "attempt": max(one.attempt for one in outcomes)}
        value |= parts[0] if len(parts) == 1 else {"nodes": parts}
        text = json.encode(value).decode()
        if len(text.encode()) <= LIMIT:
            return text
    return json.encode({"run": run.run_id, "nodes": [one.node for one in outcomes]}).decode()[:LIMIT]


def _of_node(outcome: NodeOutcome, left_out: Sequence[str]) -> dict[str, object]:
    outputs = [
        {"name": one.name, "type": one.type, "rows": one.rows, "bytes": one.bytes, "sha256": one.sha256}
        for one in outcome.outputs
    ]
    value: dict[str, object] = {
        "node": outcome.node,
        "state": outcome.state.value,
        "outputs": outputs,
        "metrics": {metric.name: metric.value for metric in outcome.metrics},
        "seconds": round(outcome.seconds or 0.0, 3),
    }
    if left_out:
        value = {name: part for name, part in value.items() if name not in left_out} | {"left_out": list(left_out)}
    return value
