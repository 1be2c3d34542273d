"""What the replica that gathers says and does while it waits for the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from mlops.container.replicas import TELLING, note_failure, wait_for_parts
from mlops.errors import RunError
from mlops.nodes import Node, Origin
from mlops.runs.order import Order
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunInfo, State
from mlops.runs.replicas import part_folder
from mlops.runs.stores import Stores


def test_a_replica_that_leaves_neither_part_nor_note_is_told_each_minute(tmp_path: Path) -> None:
    shared = str(tmp_path)
    run = RunInfo(run_id="r1", pipeline="sales", folder=shared, started=0.0)
    order = Order(Node("train", Origin("kit", "1.0", "kit:train")), run, {}, replica_count=3)
    other = replace(order, run=replace(run, folder=part_folder(shared, 1, 3)), replica_index=1)
    failed = NodeOutcome("kit:train", State.FAILED, error=ErrorInfo("ValueError", "no labels"))
    said: list[str] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) > 3.5 * TELLING:
            note_failure(other, failed, "JOB_1")

    with pytest.raises(RunError, match=r"replica 1 of 3 .* no labels"):
        wait_for_parts(order, shared, Stores(shared), job="JOB_1", tell=said.append, sleep=sleep)

    assert len(said) == 3
    assert said[0].startswith("node train still waits for replicas 0, 1, 2 of 3 after 1 min")
