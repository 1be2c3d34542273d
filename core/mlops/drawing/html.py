"""A graph as one self-contained page: it opens offline, asks no server for anything, and prints.

The picture is there without the script; the script adds the side panel, the search, and moving about.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from mlops.credentials import hide_credentials
from mlops.drawing import wording
from mlops.drawing.details import details
from mlops.drawing.scene import Scene, scene_of
from mlops.drawing.svg import hue, picture, sign, signs
from mlops.drawing.timeline import timeline
from mlops.drawing.wording import MARKS
from mlops.quantities import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops.graph import Graph
    from mlops.runs.outcome import RunOutcome


def render(graph: Graph, outcome: RunOutcome | None = None) -> str:
    """Return the page. Its own content policy lets nothing run or load but the style and the script it brings."""
    scene = scene_of(graph, outcome)
    name, style, script = graph.pipeline.name, _part("page.css"), _part("page.js")
    bars = "" if outcome is None else timeline(scene, outcome)
    title = name if outcome is None else f"{name} {outcome.state.value}, run {outcome.run.run_id}"
    return Template(_part("page.html")).substitute(
        title=escape(title),
        policy=f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        name=escape(name),
        run="" if outcome is None else _run(outcome),
        about=f"<p>{escape(graph.pipeline.description)}</p>" if graph.pipeline.description else "",
        facts=_facts(graph, outcome),
        notes=_notes(graph, outcome),
        legend=_legend(graph, scene, outcome),
        signs=signs(),
        picture=picture(scene, f"graph of {title}"),
        timeline=f'<section class="timeline" aria-label="Timeline">{bars}</section>' if bars else "",
        details=details(scene),
    )


@cache
def _part(name: str) -> str:
    return files("mlops.drawing").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the hash by which a content policy knows the text of an element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _run(outcome: RunOutcome) -> str:
    state, seconds = outcome.state.value, wording.total(outcome)
    took = "" if seconds is None else f" <b>{duration(seconds)}</b>"
    return (
        f'<span class="state {state}">{sign(state)}{state}{took}</span>'
        f'<span class="run"><span class="muted">run</span> <code>{escape(outcome.run.run_id)}</code></span>'
    )


def _facts(graph: Graph, outcome: RunOutcome | None) -> str:
    pipeline = graph.pipeline
    rows = [("nodes", f"{len(graph.nodes):,}"), ("datasets", f"{len(graph.producers) + len(graph.external):,}")]
    if pipeline.distribution:
        rows.append(("offered by", f"{pipeline.distribution} {pipeline.version}"))
    if pipeline.schedule is not None:
        rows.append(("schedule", str(pipeline.schedule)))
    if outcome is not None:
        run = outcome.run
        rows += [
            ("started", wording.moment(run.started)),
            ("outcome", wording.tally(outcome)),
            ("reason", outcome.reason),
            ("resumed", wording.counted(run.resumed, "time") if run.resumed else ""),
            ("executor", run.executor),
            ("target", run.target),
            ("auth", run.auth_mode),
            ("datasets in", run.folder),
            ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
        ]
    facts = f"<dl>{_rows(rows)}</dl>"
    if pipeline.parameters:
        sets = hide_credentials(pipeline.parameters).items()
        facts += f"<h3>Sets</h3><dl>{_rows([(name, repr(value)) for name, value in sets])}</dl>"
    return facts


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in rows if value)


def _notes(graph: Graph, outcome: RunOutcome | None) -> str:
    notes = wording.notes(graph, outcome)
    return f"<h3>Notes</h3><ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""


def _legend(graph: Graph, scene: Scene, outcome: RunOutcome | None) -> str:
    """Return what the colours and signs mean, each with how many nodes it stands for."""
    entries = [
        f'<li class="{hue(scene, plugin)}"><i></i>{escape(plugin)} <span class="muted">{count:,}</span></li>'
        for plugin, count in wording.plugins(graph.nodes).items()
    ]
    if outcome is not None:
        counts = Counter(view.state for view in scene.nodes.values())
        entries += [
            f'<li>{sign(state)}{state} <span class="muted">{counts[state]:,}</span></li>'
            for state in MARKS
            if counts[state]
        ]
    return "".join(entries)
