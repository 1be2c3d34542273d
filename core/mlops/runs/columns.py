"""Columns of a list of runs: metrics and parameters by their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlops.credentials import hide_credentials
from mlops.errors import UnknownNameError
from mlops.runs.outcome import RunOutcome


def values_of(run: RunOutcome) -> dict[str, object]:
    """Return what a run was given and has measured, by ``name`` and by ``node.name``.

    Of a metric with steps it is the last value. What two nodes have of one name goes by that of the later one; a metric goes
    before a parameter.
    """
    given = {
        (node, name): value
        for node, values in run.run.parameters.items()
        for name, value in hide_credentials(values).items()
    }
    measured = {(one.node, metric.name): metric.value for one in run.nodes for metric in one.metrics}
    found: dict[str, object] = {}
    for values in (given, measured):
        for (node, name), value in values.items():
            found[name] = found[f"{node.rpartition(':')[2]}.{name}"] = found[f"{node}.{name}"] = value
    return found


def columns_of(runs: Iterable[RunOutcome], names: Sequence[str]) -> list[dict[str, object]]:
    """Return for each run its values of these names, None where it has none.

    Raises:
        UnknownNameError: no run has a metric or parameter of a name.
    """
    tables = [values_of(run) for run in runs]
    known = {name for table in tables for name in table}
    for name in names:
        if tables and name not in known:
            short = [one for one in known if ":" not in one]
            raise UnknownNameError(kind="metric or parameter of these runs:", name=name, known=short)
    return [{name: table.get(name) for name in names} for table in tables]


def order_by(rows: Sequence[dict[str, object]], name: str, *, reverse: bool = False) -> list[int]:
    """Return the order of rows by one column, the largest first, or with ``reverse`` the smallest; rows without it come last."""
    there = [at for at, row in enumerate(rows) if not _is_none(row[name])]
    there.sort(key=lambda at: _key(rows[at][name]), reverse=not reverse)
    return [*there, *(at for at, row in enumerate(rows) if _is_none(row[name]))]


def _is_none(value: object) -> bool:
    return value is None or value != value  # NaN is no number, and not the largest one


def _key(value: object) -> tuple[bool, float, str]:
    number = isinstance(value, (int, float))
    return number, float(value) if isinstance(value, (int, float)) else 0.0, "" if number else str(value)
