"""The choice: which of the runs that are kept somewhere go, and why each of the others stays. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from mlops.errors import UsageError
from mlops.runs.outcome import State

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([mhdw])\Z")


class StoredTable(Struct, frozen=True):
    """A table that holds a dataset of a run. ``name`` is as it was written: of this machine's runs with database and schema."""

    name: str
    bytes: int = 0
    rows: int = 0


class StoredRun(Struct, frozen=True):
    """A run and what is kept of it: ``files`` of ``bytes`` in its folder, and ``tables``.

    ``state`` is None where nobody knows it any more. ``held`` says why the run must stay, whatever is asked for.
    """

    run_id: str
    pipeline: str
    state: State | None
    started: float
    files: int = 0
    bytes: int = 0
    tables: tuple[StoredTable, ...] = ()
    held: str = ""
    target: str = ""
    auth_mode: str = ""

    @property
    def whole(self) -> int:
        """The bytes of its files and tables."""
        return self.bytes + sum(table.bytes for table in self.tables)


class Policy(Struct, frozen=True):
    """What is asked for: to keep the newest runs of each pipeline, those younger than an age, or both."""

    keep: int | None = None
    older_than: float | None = None
    words: str = ""


class Choice(Struct, frozen=True):
    """A run, and why it stays; empty for one that goes. ``asked`` tells that the words of the policy keep it."""

    run: StoredRun
    stays: str = ""
    asked: bool = False


def policy(keep: int | None, older_than: str | None) -> Policy:
    """Return what the words ask for. ``older_than`` is an age: 90m, 12h, 30d, 8w.

    Raises:
        UsageError: neither is given, or the age is none.
    """
    if keep is None and older_than is None:
        raise UsageError(
            "which runs may go is not said",
            hint="say --keep N (the newest of each pipeline), --older-than 30d, or both",
        )
    if older_than is None:
        return Policy(keep)
    found = _AGE.match(older_than.strip().lower())
    if found is None:
        raise UsageError(f"--older-than {older_than!r} is no age", hint="write it as 90m, 12h, 30d or 8w")
    return Policy(keep, float(found[1]) * _UNITS[found[2]], older_than.strip())


def choose(runs: Iterable[StoredRun], wanted: Policy, *, now: float) -> list[Choice]:
    """Return what becomes of each run, the newest first.

    Of each pipeline stay the newest run, which ``--resume`` and a retry go on with, and the latest that succeeded: where
    none is known to have, the latest of which nothing is known.
    """
    pipelines: dict[str, list[StoredRun]] = {}
    for run in sorted(runs, key=lambda one: (one.started, one.run_id), reverse=True):
        pipelines.setdefault(run.pipeline, []).append(run)
    choices = [choice for each in pipelines.values() for choice in _of_pipeline(each, wanted, now)]
    return sorted(choices, key=lambda one: (one.run.started, one.run.run_id), reverse=True)


def _of_pipeline(runs: Sequence[StoredRun], wanted: Policy, now: float) -> list[Choice]:
    latest = next((one for one in runs if one.state is State.SUCCEEDED), None)
    why = "it is the latest that succeeded"
    if latest is None:
        latest, why = next((one for one in runs if one.state is None), None), "it may be the latest that succeeded"
    return [_of_run(run, position, wanted, now, why if run is latest else "") for position, run in enumerate(runs)]


def _of_run(run: StoredRun, position: int, wanted: Policy, now: float, latest: str) -> Choice:
    if wanted.keep is not None and position < wanted.keep:
        return Choice(run, f"it is one of the newest {wanted.keep}", asked=True)
    if wanted.older_than is not None and run.started > now - wanted.older_than:
        return Choice(run, f"it is younger than {wanted.words}", asked=True)
    return Choice(run, run.held or ("it is the newest" if position == 0 else latest))


def with_spared(choices: Sequence[Choice], spared: Mapping[str, str]) -> list[Choice]:
    """Return the choices with some of the runs that would go kept, for the reasons given by their ids."""
    return [one if one.stays else Choice(one.run, spared.get(one.run.run_id, "")) for one in choices]


def going(choices: Iterable[Choice]) -> list[StoredRun]:
    """Return the runs that go, the oldest first: what is interrupted has then removed what matters least."""
    return sorted((one.run for one in choices if not one.stays), key=lambda run: (run.started, run.run_id))
