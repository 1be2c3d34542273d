"""Draw docs/pictures/architecture.svg: the rooms of the house, and which way the imports go.

python docs/pictures/architecture.py
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 960, 640
ROOMS = (
    # x, y, width, height, title, lines, class
    (40, 20, 880, 62, "cli/", ("words in, answers out; the only room that prints",), "top"),
    (40, 120, 280, 118, "runs/", ("a run on this machine: runner,", "executors, records, reuse", "container/ — one node in a task"), "wing"),
    (340, 120, 280, 118, "compile/", ("a graph as job specifications", "and a task graph, as plain values", "pure: nothing leaves the process"), "wing"),
    (640, 120, 280, 118, "deploy/  operate/", ("plan, apply, destroy", "status, trigger, retry, logs,", "grants, doctor"), "wing"),
    (640, 278, 280, 92, "snowflake/", ("the only room that imports the SDK,", "behind protocols of the wings"), "edge"),
    (40, 278, 280, 92, "datasets/", ("values as files and tables,", "committed by manifest"), "ground"),
    (340, 278, 280, 92, "registry · resolution · graph", ("edges from datasets; every problem", "of a pipeline in one message"), "ground"),
    (40, 406, 280, 92, "plugins/", ("hook specifications, discovery", "and its cache, guests kept apart"), "ground"),
    (340, 406, 280, 92, "nodes · parameters · pipeline", ("configuration/ · context · errors", "the ground floor"), "ground"),
    (40, 534, 580, 84, "packages that you pip install", ("nodes, pipelines, hooks, serializers and commands through entry points:", "mlops-churn, your own, …"), "guest"),
    (640, 406, 280, 212, "a Snowflake", ("an account, or mlops-embedded:", "SQL and REST on DuckDB,", "tasks and jobs that really run;", "the same clients, unmodified"), "guest"),
)  # fmt: skip
ARROWS = (
    ((180, 82), (180, 120)), ((480, 82), (480, 120)), ((780, 82), (780, 120)),
    ((640, 179), (620, 179)), ((180, 238), (180, 278)), ((480, 238), (480, 278)),
    ((780, 238), (780, 278)), ((780, 370), (780, 406)), ((480, 370), (480, 406)), ((180, 370), (340, 425)),
    ((320, 452), (340, 452)), ((180, 498), (180, 534)),
)  # fmt: skip
STYLE = """
svg { font-family: system-ui, sans-serif } .title { font-weight: 600; font-size: 15px } .line { font-size: 13px }
rect { rx: 10px; stroke-width: 1.5px } text { fill: #1f2933 } path { stroke: #52606d; stroke-width: 1.6px; fill: none }
.top rect { fill: #e4e7eb; stroke: #9aa5b1 } .wing rect { fill: #dcebff; stroke: #7aa7e0 } .edge rect { fill: #d3f4ff; stroke: #29b5e8 }
.ground rect { fill: #f2eadb; stroke: #c4a76a } .guest rect { fill: #e6f6e6; stroke: #86bd86; stroke-dasharray: 5 4 }
"""


def room(x: int, y: int, width: int, height: int, title: str, lines: tuple[str, ...], kind: str) -> str:
    """Return one room: a rectangle with a title and some lines."""
    parts = [f'<g class="{kind}"><rect x="{x}" y="{y}" width="{width}" height="{height}"/>']
    parts.append(f'<text class="title" x="{x + 16}" y="{y + 28}">{escape(title)}</text>')
    parts += [
        f'<text class="line" x="{x + 16}" y="{y + 50 + 19 * at}">{escape(line)}</text>' for at, line in enumerate(lines)
    ]
    return "".join([*parts, "</g>"])


def picture() -> str:
    """Return the picture as SVG."""
    arrows = "".join(f'<path d="M {x1} {y1} L {x2} {y2}" marker-end="url(#head)"/>' for (x1, y1), (x2, y2) in ARROWS)
    head = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M 0 0 L 8 4 L 0 8 z" style="fill:#52606d;stroke:none"/></marker></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="The rooms of mlops and which way imports go"><style>{STYLE}</style>{head}'
        f'<rect width="{WIDTH}" height="{HEIGHT}" style="fill:#ffffff;stroke:none"/>'
        f"{''.join(room(*one) for one in ROOMS)}{arrows}</svg>\n"
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(picture(), encoding="utf-8")
