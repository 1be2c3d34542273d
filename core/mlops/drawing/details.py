"""What the page's side panel tells of each node and dataset, as JSON that cannot leave the element it stands in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops.credentials import HIDDEN
from mlops.drawing import wording
from mlops.quantities import number, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.drawing.scene import Pill, Scene
    from mlops.drawing.view import NodeView

_TRACEBACK_LINES = 24
_LONGEST_TEXT = 4_000
_MOST_COLUMNS = 40
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def details(scene: Scene) -> str:
    """Return the JSON of a scene; empty values are left out.

    ``<``, ``>`` and ``&`` are written as escapes, so that no text can end the element or open another.
    """
    ids = {view.node.full_name: key for key, view in scene.nodes.items()}
    named = {pill.dataset: key for key, pill in scene.pills.items()}
    data = {
        "nodes": {key: _node(view, named, ids) for key, view in scene.nodes.items()},
        "datasets": {key: _dataset(pill) for key, pill in scene.pills.items()},
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)


def _node(view: NodeView, named: Mapping[str, str], ids: Mapping[str, str]) -> dict[str, Any]:  # Any: JSON
    node = view.node
    short = {full.partition(":")[2]: key for full, key in ids.items()}
    return _without_empty(
        {
            "name": node.name,
            "full": node.full_name,
            "about": node.description,
            "plugin": wording.plugin(node),
            "source": node.origin.source,
            "finalizer": view.finalizer,
            "inputs": [[named[dataset], argument] for argument, dataset in node.inputs.items()],
            "outputs": [named[dataset] for dataset in node.outputs],
            "after": [short[name] for name in view.after],
            "parameters": _parameters(view),
            "needs": wording.needs(node),
            **(_happened(view) if view.outcome is not None else {}),
        }
    )


def _parameters(view: NodeView) -> list[list[str]]:
    """Return name, value, type, and the default where the value is another."""
    declared = {parameter.name: parameter for parameter in view.node.parameters}
    rows = []
    for name, value in view.parameters.items():
        parameter = declared.get(name)
        default = "" if parameter is None or value in (parameter.default, HIDDEN) else _cut(repr(parameter.default))
        rows.append([name, _cut(repr(value)), parameter.type if parameter else "", default])
    return rows


def _happened(view: NodeView) -> dict[str, Any]:  # Any: JSON
    outcome = view.outcome
    assert outcome is not None
    error = outcome.error
    return {
        "state": view.state,
        "took": view.took,
        "attempt": outcome.attempt,
        "attempts": view.node.retries.count + 1,
        "started": "" if outcome.started is None else wording.moment(outcome.started),
        "reason": _cut(outcome.reason),
        "metrics": [[name, number(value)] for name, value in {m.name: m.value for m in outcome.metrics}.items()],
        "warnings": [_cut(warning) for warning in outcome.warnings],
        "log": outcome.log or "",
        "error": _without_empty(
            {
                "type": error.type,
                "message": _cut(error.message),
                "hint": _cut(error.hint or ""),
                "kind": "" if error.kind == "raised" else error.kind,
                "traceback": _tail(error.traceback),
            }
        )
        if error
        else {},
    }


def _dataset(pill: Pill) -> dict[str, Any]:  # Any: JSON
    record = pill.record
    facts: dict[str, Any] = {"name": pill.dataset, "writer": pill.writer, "readers": list(pill.readers)}
    if record is not None:
        columns = record.columns or ()
        facts |= {
            "rows": "" if record.rows is None else f"{record.rows:,}",
            "size": size(record.bytes),
            "type": record.type,
            "serializer": record.serializer,
            "path": record.path,
            "sha256": record.sha256,
            "columns": [list(column) for column in columns[:_MOST_COLUMNS]],
            "more": max(len(columns) - _MOST_COLUMNS, 0),
        }
    return _without_empty(facts)


def _tail(text: str) -> str:
    """Return the last lines of a traceback, where its cause is."""
    lines = text.rstrip().splitlines()
    left = lines[-_TRACEBACK_LINES:]
    cut = "\n".join([f"… {len(lines) - len(left)} lines before"] * (len(lines) > len(left)) + left)
    return cut if len(cut) <= _LONGEST_TEXT else "…" + cut[-_LONGEST_TEXT:]


def _cut(text: str) -> str:
    return wording.shortened(text, _LONGEST_TEXT)


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    return {key: value for key, value in data.items() if value not in ("", None, [], {}, 0, False)}
