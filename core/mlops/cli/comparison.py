"""``mlops runs compare``: what differs between runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import click
from msgspec import UNSET

from mlops.cli import options
from mlops.cli.output import moment, print_json, print_table
from mlops.quantities import duration, number

if TYPE_CHECKING:
    from mlops.runs.comparison import Comparison, Row

_DIGITS = 12
_WIDEST = 40


@click.command("compare")
@click.argument("names", metavar="[RUN]...", nargs=-1, shell_complete=options.complete_runs)
@click.option(
    "--pipeline", metavar="NAME", help="The newest runs of this pipeline.", shell_complete=options.complete_pipelines
)
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=2, max=len(ascii_uppercase)),
    default=2,
    show_default=True,
    help="How many of the newest runs, where no RUN is given.",
)
@click.option("--all", "everything", is_flag=True, help="Show what is the same, too.")
@options.target_for("Runs in Snowflake of what is deployed to this target.")
@options.connection
@options.as_json
def compare(
    names: tuple[str, ...],
    pipeline: str | None,
    last: int,
    everything: bool,
    target: str | None,
    connection: str | None,
    as_json: bool,
) -> None:
    """Compare runs: parameters, metrics, datasets, code, and what became of their nodes.

    Without RUN the newest two runs of a pipeline, the older one first; with one RUN that and the newest other one of its
    pipeline. Datasets are compared by the hash of their content.

    \b
    Examples:
      mlops runs compare
      mlops runs compare 53443d 0a1b2c
      mlops runs compare --pipeline churn --last 5
      mlops runs compare 53443d --all --json
    """
    from mlops.runs.comparison import compare as compared

    if target is not None:
        from mlops.cli.deployed_runs import deployed_sides

        sides = deployed_sides(options.project(target=target), names, pipeline, last, connection)
    else:
        from mlops.runs.history import recorded_sides

        sides = recorded_sides(options.project(), names, pipeline=pipeline, last=last)
    comparison = compared(sides)
    if as_json:
        print_json(comparison_row(comparison))
    else:
        _tell(comparison, everything)


def comparison_row(comparison: Comparison) -> dict[str, Any]:  # Any: JSON
    """Return a comparison as JSON holds it: in each row one value a run, null where the run has none."""

    def rows(found: Sequence[Row], kind: str) -> list[dict[str, Any]]:  # Any: as above
        return [
            {
                kind: one.name,
                "node": one.node,
                "differs": one.differs,
                "values": [_plain(value) for value in one.values],
            }
            for one in found
        ]

    return {
        "runs": [
            {
                "run": one.run.run_id,
                "pipeline": one.run.pipeline,
                "state": one.state.value,
                "started": moment(one.run.started),
                "seconds": None if one.ended is None else round(one.ended - one.run.started, 3),
                "target": one.run.target,
            }
            for one in comparison.runs
        ],
        "parameters": rows(comparison.parameters, "parameter"),
        "metrics": [
            {**row, "change": one.change}
            for row, one in zip(rows(comparison.metrics, "metric"), comparison.metrics, strict=True)
        ],
        "datasets": [
            {
                "dataset": row.name,
                "node": row.node,
                "differs": row.differs,
                "sha256": [getattr(value, "sha256", None) for value in row.values],
                "rows": [getattr(value, "rows", None) for value in row.values],
            }
            for row in comparison.datasets
        ],
        "nodes": [
            {
                "node": row.node,
                "states": [getattr(value, "state", None) for value in row.values],
                "seconds": [getattr(value, "seconds", None) for value in row.values],
            }
            for row in comparison.nodes
        ],
        "code": [
            {"distribution": row.name, "differs": row.differs, "versions": [_plain(value) for value in row.values]}
            for row in comparison.code
        ],
    }


def _tell(comparison: Comparison, everything: bool) -> None:
    labels = ascii_uppercase[: len(comparison.runs)]
    rows = [
        {
            " ": label,
            "run": one.run.run_id,
            "pipeline": one.run.pipeline,
            "state": one.state.value,
            "started": moment(one.run.started),
            "took": duration(None if one.ended is None else one.ended - one.run.started),
        }
        for label, one in zip(labels, comparison.runs, strict=True)
    ]
    print_table(rows, [" ", "run", "pipeline", "state", "started", "took"])
    names = _short_names(comparison)
    hidden = [
        _section("parameter", comparison.parameters, labels, names, _value, everything),
        _section("metric", comparison.metrics, labels, names, _number, True),
        _section("dataset", comparison.datasets, labels, names, _content, everything),
        _section("node", comparison.nodes, labels, names, _work, everything or _states_differ(comparison)),
        _section("distribution", comparison.code, labels, names, _value, everything),
    ]
    if told := [one for one in hidden if one]:
        click.echo(f"\nnot shown: {', '.join(told)} (--all)")


def _section(
    kind: str,
    rows: Sequence[Row],
    labels: str,
    names: Mapping[str, str],
    show: Callable[[object], str],
    everything: bool,
) -> str:
    """Print what differs of one kind, and return in words how much is the same."""
    timed = kind == "node"  # no two runs of a node take the same time: that is no difference worth a line
    shown = [row for row in rows if everything or (row.differs and not timed)]
    if shown:
        click.echo("")
        cells = [
            {
                **{label: show(value) for label, value in zip(labels, row.values, strict=True)},
                "change": _change(row) if kind == "metric" and len(labels) == 2 else "",
                "node": names[row.node],
                **({} if kind == "node" else {kind: row.name}),
            }
            for row in shown
        ]
        last = [one for one in ("change", "node") if one != kind and any(cell[one] for cell in cells)]
        print_table(cells, [kind, *labels, *last])
    if len(shown) == len(rows):
        return ""
    left = len(rows) - len(shown)
    return f"{left} {kind}{'s' if left > 1 else ''}{'' if timed else ' that are the same'}"


def _short_names(comparison: Comparison) -> dict[str, str]:
    """Return what each node is called: its short name where no other node of the runs has it."""
    kinds = (comparison.nodes, comparison.parameters, comparison.datasets, comparison.metrics)
    full = dict.fromkeys(row.node for rows in kinds for row in rows)
    shorts = [one.rpartition(":")[2] for one in full]
    return {one: short if shorts.count(short) == 1 else one for one, short in zip(full, shorts, strict=True)} | {"": ""}


def _states_differ(comparison: Comparison) -> bool:
    return any(len({getattr(value, "state", None) for value in row.values}) > 1 for row in comparison.nodes)


def _plain(value: object) -> object:
    return None if value is UNSET else value


def _value(value: object) -> str:
    text = "·" if value is UNSET else "null" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _number(value: object) -> str:
    return number(value) if isinstance(value, (int, float)) else "·"


def _content(value: object) -> str:
    from mlops.runs.comparison import Content

    if not isinstance(value, Content):
        return "·"
    return value.sha256[:_DIGITS] + (f", {value.rows:,} rows" if value.rows is not None else "")


def _work(value: object) -> str:
    from mlops.runs.comparison import Work

    return f"{value.state} {duration(value.seconds)}".rstrip() if isinstance(value, Work) else "·"


def _change(row: Row) -> str:
    change, first = row.change, row.values[0]
    if not change or not math.isfinite(change):
        return ""
    share = f" ({change / abs(first):+.1%})" if isinstance(first, (int, float)) and first else ""
    return f"{'+' if change > 0 else '-'}{number(abs(change))}{share}"
