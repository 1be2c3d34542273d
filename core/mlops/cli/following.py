"""What a person sees of a run in Snowflake while it goes on: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mlops.quantities import duration
from mlops.runs.outcome import NodeOutcome, RunOutcome, State
from mlops.runs.progress import MARKS

if TYPE_CHECKING:
    from rich.table import Table

_COLOURS = {State.SUCCEEDED: "green", State.FAILED: "red", State.RUNNING: "blue", State.PENDING: "bright_black"}


def watch(outcomes: Iterable[RunOutcome], name_of: Callable[[str], str], *, quiet: bool) -> RunOutcome:
    """Show a run until it ends, and return what it came to. ``name_of`` gives a node's name for people."""
    last: RunOutcome | None = None
    with _view(name_of, quiet=quiet) as show:
        for outcome in outcomes:
            show(outcome)
            last = outcome
    assert last is not None  # a run that is followed is there
    return last


@contextmanager
def _view(name_of: Callable[[str], str], *, quiet: bool) -> Iterator[Callable[[RunOutcome], None]]:
    if quiet:
        yield lambda outcome: None
    elif sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb":
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(file=sys.stderr, highlight=False), refresh_per_second=4, transient=True) as live:
            yield lambda outcome: live.update(_LiveTable(outcome, name_of), refresh=True)
    else:
        yield _Lines(name_of)


class _Lines:
    """One line when a node starts and one when it ends, with how many have ended."""

    def __init__(self, name_of: Callable[[str], str]) -> None:
        self._name_of = name_of
        self._before: dict[str, tuple[State, int]] = {}

    def __call__(self, outcome: RunOutcome) -> None:
        ended = sum(one.state not in (State.PENDING, State.RUNNING) for one in outcome.nodes)
        for one in outcome.nodes:
            now = (one.state, one.attempt)
            if one.state is not State.PENDING and self._before.get(one.node) != now:
                click.echo(f"[{ended}/{len(outcome.nodes)}] {_line(one, self._name_of(one.node))}", err=True)
            self._before[one.node] = now


def _line(one: NodeOutcome, name: str) -> str:
    words = [MARKS[one.state], name, duration(one.seconds)]
    if one.attempt > 1:
        words.append(f"(attempt {one.attempt})")
    if one.error is not None:
        words.append(one.error.message.partition("\n")[0])
    return " ".join(filter(None, [*words, one.reason]))


class _LiveTable:
    """The nodes of a run as a table that is drawn anew with every refresh, so that times go on."""

    def __init__(self, outcome: RunOutcome, name_of: Callable[[str], str]) -> None:
        self._outcome, self._name_of = outcome, name_of

    def __rich__(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("", "node", "state", "took", "attempt", ""):
            table.add_column(heading, header_style="bold")
        for one in self._outcome.nodes:
            took = one.seconds
            if one.state is State.RUNNING and one.started is not None:
                took = max(time.time() - one.started, 0.0)
            style = _COLOURS.get(one.state, "yellow")
            table.add_row(
                Text(MARKS[one.state], style=style),
                self._name_of(one.node),
                Text(one.state.value, style=style),
                duration(took),
                str(one.attempt) if one.attempt > 1 else "",
                one.reason,
            )
        return table
