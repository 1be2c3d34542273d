"""Nodes that each take a moment and write down, outside the project, that they were executed."""

from __future__ import annotations

import os
import time

from mlops import Pipeline, node


def _executed(name: str) -> None:
    with open(os.environ["KIT_STEPS_FILE"], "a", encoding="utf-8") as file:
        file.write(name + "\n")
    time.sleep(0.02)


@node(outputs=["seeded"])
def seed(*, start: int = 3) -> int:
    _executed("seed")
    return start


@node(outputs=["left_value"])
def left(seeded: int) -> int:
    _executed("left")
    return seeded * 2


@node(outputs=["right_value"])
def right(seeded: int) -> int:
    _executed("right")
    return seeded + 10


@node(outputs=["smaller", "larger"])
def both(left_value: int, right_value: int) -> dict[str, int]:
    """Writes two datasets, which are committed together or not at all."""
    _executed("both")
    return {"smaller": min(left_value, right_value), "larger": max(left_value, right_value)}


@node(outputs=["block"])
def blob(smaller: int) -> bytes:
    """Writes a file that takes more than one write."""
    _executed("blob")
    return bytes([smaller]) * 3_000_000


@node(outputs=["sum"])
def total(block: bytes, larger: int) -> int:
    _executed("total")
    return sum(block) + larger


steps = Pipeline("steps", nodes=["seed", "left", "right", "both", "blob", "total"])
