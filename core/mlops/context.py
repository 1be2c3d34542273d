"""The context: what a node that asks for ``context`` is told about the run it is part of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from logging import Logger


def _logger() -> Logger:
    from logging import getLogger

    return getLogger("mlops.node")


class Metric(Struct, frozen=True):
    """A number that a node measured; ``step`` orders the values of one name, for example by epoch."""

    name: str
    value: float
    step: int | None = None


class Context(Struct, frozen=True):
    """The run, the node, and the attempt a function is called for, with its logger and its metrics.

    ``attempt`` counts from 1. ``replica_index`` counts from 0, ``replica_count`` is 1 unless the node is partitioned.
    """

    run_id: str = "test"
    pipeline: str | None = None
    node: str = ""
    attempt: int = 1
    replica_index: int = 0
    replica_count: int = 1
    parameters: Mapping[str, object] = field(default_factory=dict)
    logger: Logger = field(default_factory=_logger)
    metrics: list[Metric] = field(default_factory=list)
    on_metric: Callable[[Metric], None] | None = None

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a number under this run and node.

        Raises:
            TypeError: ``value`` is not a number.
        """
        metric = Metric(name=str(name), value=_number(name, value), step=step)
        self.metrics.append(metric)
        if self.on_metric is not None:
            self.on_metric(metric)


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # numpy's numbers, Decimal and Fraction convert, text does not
    except (TypeError, ValueError):
        raise TypeError(f"metric {name!r} must be a number, not {type(value).__name__} {value!r}") from None
