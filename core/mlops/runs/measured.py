"""What a node measured, as an experiment keeps it: an experiment a pipeline, a run a run of a node."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from mlops.context import Metric
from mlops.credentials import hide_credentials

MOST_STEPS = 100
"""How many steps of a run are told: Snowflake's client sends a statement a step."""


class Measured(Struct, frozen=True):
    """One run of an experiment. ``steps`` are the values of the metrics by step, in order; names are identifiers.

    ``left_out`` says what an experiment cannot hold, or is not told.
    """

    experiment: str
    run: str
    parameters: Mapping[str, Any]  # Any: JSON
    steps: tuple[tuple[int, Mapping[str, float]], ...]
    succeeded: bool
    left_out: tuple[str, ...] = ()


def measured(
    *,
    pipeline: str,
    node: str,
    run_id: str,
    parameters: Mapping[str, Any],  # Any: JSON
    metrics: Iterable[Metric],
    succeeded: bool,
) -> Measured:
    """Return what a run of a node tells its experiment. A value without a step is the next one of its name."""
    left_out: list[str] = []
    counted: Counter[str] = Counter()
    by_step: dict[int, dict[str, float]] = {}
    for metric in metrics:
        step = counted[metric.name] if metric.step is None else metric.step
        counted[metric.name] += 1
        if math.isfinite(metric.value):
            by_step.setdefault(step, {})[metric.name] = metric.value
        else:
            left_out.append(f"{metric.name} is {metric.value}")
    steps = sorted(by_step.items())
    if len(steps) > MOST_STEPS:
        left_out.append(f"{len(steps) - MOST_STEPS} of {len(steps)} steps")
        last = len(steps) - 1
        steps = [steps[index * last // (MOST_STEPS - 1)] for index in range(MOST_STEPS)]
    return Measured(
        experiment=_identifier(pipeline),
        run=_identifier(f"{node}_{run_id}"),
        parameters=hide_credentials(parameters),
        steps=tuple(steps),
        succeeded=succeeded,
        left_out=tuple(left_out),
    )


def _identifier(text: str) -> str:
    """Return a text as a name that Snowflake takes without quotes."""
    name = re.sub("[^A-Z0-9_]", "_", text.upper())
    return (name if name[:1].isalpha() or name.startswith("_") else f"_{name}")[:255]
