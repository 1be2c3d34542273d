"""The formats a graph can be drawn in, each in a module of its own that is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mlops.errors import UsageError, closest

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops.graph import Graph
    from mlops.runs.outcome import RunOutcome

FORMATS = {
    "text": "mlops.drawing.text",
    "mermaid": "mlops.drawing.mermaid",
    "dot": "mlops.drawing.dot",
    "html": "mlops.drawing.html",
}


class UnknownFormatError(UsageError):
    """There is no drawing of this format."""

    def __init__(self, *, format: str) -> None:
        self.format, self.closest = format, closest(format.lower(), FORMATS)
        hint = f"did you mean {self.closest!r}?" if self.closest else f"there is: {', '.join(FORMATS)}"
        super().__init__(f"a graph cannot be drawn as {format!r}", hint=hint)


def render(graph: Graph, format: str, outcome: RunOutcome | None = None) -> str:
    """Return the graph drawn in a format of ``FORMATS``; with an outcome, the states and timings of that run.

    Equal input gives equal text: nothing is read from a clock, a terminal or the network.

    Raises:
        UnknownFormatError: there is no such format.
    """
    try:
        module = import_module(FORMATS[format])
    except KeyError:
        raise UnknownFormatError(format=format) from None
    draw: Callable[[Graph, RunOutcome | None], str] = module.render
    return draw(graph, outcome)
