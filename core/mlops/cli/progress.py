"""What a person sees while a run goes on: a bar per running node on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import click

from mlops.nodes import Node
from mlops.runs.outcome import NodeOutcome, State
from mlops.runs.progress import ProgressLines, line_of

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressView(Protocol):
    """An observer of a run that is drawn between its start and its end."""

    def __enter__(self) -> ProgressView: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def node_started(self, node: Node, attempt: int) -> None:
        """An attempt starts."""

    def node_ended(self, node: Node, outcome: NodeOutcome, retry_in: float | None) -> None:
        """A node has come to something."""


def progress_of(nodes: Sequence[Node], *, quiet: bool) -> ProgressView:
    """Return the view that fits standard error: none, lines, or bars on a terminal."""
    if quiet:
        return _Nothing()
    if sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb":
        return _Bars(nodes)
    return _Lines(nodes, partial(click.echo, err=True))


class _Nothing:
    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def node_started(self, node: Node, attempt: int) -> None:
        return

    def node_ended(self, node: Node, outcome: NodeOutcome, retry_in: float | None) -> None:
        return


class _Lines(ProgressLines):
    """Lines on standard error."""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return


class _Bars:
    """A bar for the run and a spinner for each node that is running; ended nodes scroll by above."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        # a stream of its own: what nodes print in this process is captured by replacing sys.stderr
        stream = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding, buffering=1)
        self._stream = stream
        self._progress: Progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=Console(file=stream, highlight=False),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._overall: TaskID = self._progress.add_task("run", total=len(nodes), count=f"0/{len(nodes)}")
        self._total, self._done = len(nodes), 0
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        self._stream.close()

    def node_started(self, node: Node, attempt: int) -> None:
        again = f" (attempt {attempt})" if attempt > 1 else ""
        self._tasks[node.full_name] = self._progress.add_task(f"{node.name}{again}", total=None, count="")

    def node_ended(self, node: Node, outcome: NodeOutcome, retry_in: float | None) -> None:
        from rich.text import Text

        if task := self._tasks.pop(node.full_name, None):
            self._progress.remove_task(task)
        if retry_in is None:
            self._done += 1
            self._progress.update(self._overall, advance=1, count=f"{self._done}/{self._total}")
        style = {State.SUCCEEDED: "green", State.REUSED: "cyan", State.FAILED: "red"}.get(outcome.state, "yellow")
        self._progress.console.print(Text(line_of(node, outcome, retry_in), style=style))
