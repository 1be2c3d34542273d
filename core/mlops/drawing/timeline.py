"""The timeline of a run: a bar for each node that started, from its start to its end, in the order they started."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mlops.drawing import wording
from mlops.drawing.svg import hue
from mlops.quantities import duration

if TYPE_CHECKING:
    from mlops.drawing.scene import Scene
    from mlops.runs.outcome import RunOutcome

ROW = 24
_STEPS = (
    *(digit / power for power in (1000, 100, 10, 1) for digit in (1, 2, 5)),
    *(10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400),
)


def timeline(scene: Scene, outcome: RunOutcome) -> str:
    """Return the timeline as HTML, empty if no node has started. Bars are placed by per cent, so it fits any width."""
    bars = []
    for key, view in scene.nodes.items():
        one = view.outcome
        if one is not None and one.started is not None:
            bars.append((one.started, one.ended, key, view))
    if not bars:
        return ""
    bars.sort(key=lambda bar: bar[0])
    known = [moment for started, ended, _, _ in bars for moment in (started, ended) if moment is not None]
    end = max(known if outcome.ended is None else [*known, outcome.ended])
    start = _start(outcome.run.started, bars[0][0], end)
    span = max(end - start, 0.001)

    height = len(bars) * ROW
    rows, labels = [], []
    for at, (started, ended, key, view) in enumerate(bars):
        left = 100 * (started - start) / span
        width = 100 * ((end if ended is None else ended) - started) / span
        color = hue(scene, wording.plugin(view.node))
        rows.append(
            f'<g class="bar {color} {view.state}" data-node="{key}">'
            f'<rect class="row" x="0" y="{at * ROW}" width="100%" height="{ROW}"/>'
            f'<rect class="span" x="{left:.3f}%" y="{at * ROW + 5}" width="{max(width, 0.25):.3f}%" height="14" rx="3"/>'
            f"{_words(view.took or view.state or '', left, left + width, at)}</g>"
        )
        labels.append(
            f'<button type="button" class="{color}" data-node="{key}" tabindex="-1">{escape(view.node.name)}</button>'
        )
    ticks = _ticks(span)
    lines = "".join(
        f'<line class="tick" x1="{100 * tick / span:.3f}%" x2="{100 * tick / span:.3f}%" y1="0" y2="{height}"/>'
        for tick in ticks
    )
    marks = "".join(f'<text x="{100 * tick / span:.3f}%" y="13">{_tick(tick)}</text>' for tick in ticks)
    return (
        f'<div class="axis"><span></span><svg width="100%" height="18" aria-hidden="true">{marks}</svg></div>'
        f'<div class="bars"><div class="labels">{"".join(labels)}</div>'
        f'<svg width="100%" height="{height}" aria-hidden="true">{lines}{"".join(rows)}</svg></div>'
    )


def _start(run: float, first: float, end: float) -> float:
    """Return where the axis begins: at the start of the run, unless nothing ran for most of the time since.

    A run that was continued the next day would otherwise be all gap.
    """
    return run if run <= first and first - run <= end - first else first


def _words(text: str, left: float, right: float, at: int) -> str:
    """Return the duration beside its bar: after it, or before it where the edge is near, or in it where both are."""
    y = at * ROW + 16
    if right < 92:
        return f'<text x="{right:.3f}%" dx="6" y="{y}">{escape(text)}</text>'
    if left > 8:
        return f'<text class="before" x="{left:.3f}%" dx="-6" y="{y}">{escape(text)}</text>'
    return f'<text class="inside" x="{left:.3f}%" dx="8" y="{y}">{escape(text)}</text>'


def _ticks(span: float) -> list[float]:
    """Return at most nine round times from 0 to the end of the axis."""
    step = next((step for step in _STEPS if span / step <= 8), span / 8)
    return [step * at for at in range(int(span / step * 0.97) + 1)]


def _tick(seconds: float) -> str:
    return "0" if not seconds else duration(seconds).removesuffix(" 0 s").removesuffix(" 0 min").replace(".0 s", " s")
