"""A comparison of runs: what they were given, what they measured, and what came out, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import UNSET, Struct, field

from mlops.credentials import hide_credentials
from mlops.errors import RunError
from mlops.runs.outcome import RunOutcome

T = TypeVar("T")


class Content(Struct, frozen=True):
    """What a dataset is in one run: equal contents have equal hashes, whatever file or table holds them."""

    sha256: str
    rows: int | None = None


class Work(Struct, frozen=True):
    """What a node came to in one run, and how long it took."""

    state: str
    seconds: float | None = None


class Row(Struct, frozen=True):
    """One thing in every run, in the order of the runs; UNSET in a run that does not have it.

    ``node`` is the full name of the node that it belongs to, empty for what belongs to the run.
    """

    name: str
    node: str
    values: tuple[object, ...]

    @property
    def differs(self) -> bool:
        """Whether it is not the same in all runs."""
        first = self.values[0]
        return any(value != first and not (_is_nan(value) and _is_nan(first)) for value in self.values[1:])

    @property
    def change(self) -> float | None:
        """How much the last value is more than the first; None where they are no numbers."""
        first, last = self.values[0], self.values[-1]
        return last - first if isinstance(first, (int, float)) and isinstance(last, (int, float)) else None


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value


class Side(Struct, frozen=True):
    """One run that is compared: ``contents`` of its datasets by node and name, ``code`` a hash by distribution."""

    outcome: RunOutcome
    contents: Mapping[tuple[str, str], Content] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)


class Comparison(Struct, frozen=True):
    """Runs beside each other. The values of ``datasets`` are ``Content``, of ``nodes`` ``Work``, all others are plain.

    ``code`` is a distribution's version; where runs of one version had other code, with a part of its hash.
    """

    runs: tuple[RunOutcome, ...]
    parameters: tuple[Row, ...]
    metrics: tuple[Row, ...]
    datasets: tuple[Row, ...]
    nodes: tuple[Row, ...]
    code: tuple[Row, ...]


def runs_to_compare(
    named: Sequence[RunOutcome],
    newest: Callable[[str | None, int], Sequence[RunOutcome]],
    *,
    pipeline: str | None = None,
    last: int = 2,
) -> list[RunOutcome]:
    """Return which runs are meant: those named; beside one alone the newest other one; without names the newest.

    ``newest`` gives the newest runs of a pipeline, or of any, newest first. What is not named comes oldest first, and all
    of it is of one pipeline.

    Raises:
        RunError: a run is named twice, or there are not two.
    """
    ids = [one.run.run_id for one in named]
    if twice := [one for one in ids if ids.count(one) > 1]:
        raise RunError(f"run {twice[0]} is named twice", hint="name each run once")
    if len(named) > 1:
        return list(named)
    first = [*named, *newest(pipeline, 1)][:1]
    wanted = pipeline or (first[0].run.pipeline if first else None)
    others = [one for one in newest(wanted, last + 1) if one.run.run_id not in ids]
    chosen = [*named, *others[: 1 if named else last]]
    if len(chosen) < 2:
        of = f" of {wanted!r}" if wanted else ""
        raise RunError(
            f"a comparison takes two runs, and there {'is one' if chosen else 'is none'}{of}",
            hint=f"mlops run {wanted or 'PIPELINE'} makes one, or mlops run {wanted or 'PIPELINE'} --param KEY=VALUE a different one",
        )
    return sorted(chosen, key=lambda one: one.run.started)


def compare(sides: Sequence[Side]) -> Comparison:
    """Return what is the same and what differs between runs, in the order they are given in."""
    runs = tuple(side.outcome for side in sides)
    return Comparison(
        runs=runs,
        parameters=_rows(runs, _parameters),
        metrics=_rows(runs, _metrics),
        datasets=_rows(sides, lambda side: side.contents),
        nodes=_rows(runs, lambda run: {(one.node, ""): Work(one.state.value, one.seconds) for one in run.nodes}),
        code=_code(sides),
    )


def _rows(runs: Sequence[T], found: Callable[[T], Mapping[tuple[str, str], object]]) -> tuple[Row, ...]:
    """Return a row for each name of a node that a run has, in the order they are first met."""
    tables = [found(run) for run in runs]
    keys = dict.fromkeys(key for table in tables for key in table)
    return tuple(Row(name, node, tuple(table.get((node, name), UNSET) for table in tables)) for node, name in keys)


def _parameters(run: RunOutcome) -> dict[tuple[str, str], object]:
    return {
        (node, name): value
        for node, values in run.run.parameters.items()
        for name, value in hide_credentials(values).items()
    }


def _metrics(run: RunOutcome) -> dict[tuple[str, str], object]:
    """Return the last value of each metric."""
    return {(one.node, metric.name): metric.value for one in run.nodes for metric in one.metrics}


def _code(sides: Sequence[Side]) -> tuple[Row, ...]:
    if not all(side.outcome.run.versions for side in sides):
        return ()  # Snowflake does not tell which code ran before the last deployment
    return tuple(
        _with_hashes(row, [side.code.get(row.name, "") for side in sides])
        for row in _rows(sides, lambda side: {("", name): one for name, one in side.outcome.run.versions.items()})
    )


def _with_hashes(row: Row, digests: Iterable[str]) -> Row:
    """Return the row of a distribution with the hashes of its code, where one version had several."""
    hashes = list(digests)
    if len(set(filter(None, hashes))) < 2:
        return row
    told = zip(row.values, hashes, strict=True)
    return Row(row.name, row.node, tuple(f"{version} ({digest})" if digest else version for version, digest in told))
