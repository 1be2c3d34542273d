"""What the replica that gathers says and does while it waits for the others, and when it gives one up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlops.container.replicas import TELLING, note_failure, wait_for_parts
from mlops.container.signs import alive, sign_path
from mlops.datasets.whole_file import read_whole
from mlops.errors import RunError
from mlops.nodes import Node, Origin
from mlops.runs.order import Order
from mlops.runs.outcome import RunInfo
from mlops.runs.replicas import part_folder
from mlops.runs.stores import Stores


class Waiting:
    """The replica that gathers, whose time passes as it sleeps; ``happens`` is called with the seconds that have passed."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        self.folder, self.count = str(folder), count
        self.run = RunInfo(run_id="r1", pipeline="sales", folder=self.folder, started=0.0)
        self.order = Order(Node("train", Origin("kit", "1.0", "kit:train")), self.run, {}, replica_count=count)
        self.passed = 0.0
        self.said: list[str] = []

    def other(self, index: int) -> Order:
        run = replace(self.run, folder=part_folder(self.folder, index, self.count))
        return replace(self.order, run=run, replica_index=index)

    def sign(self, index: int, job: str = "JOB_1") -> None:
        """Let a replica show that it runs."""
        path = Path(sign_path(self.other(index).run.folder, self.order))
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{job}\n{self.passed}")

    def wait(self, happens: Callable[[float], None], patience: float = 900.0) -> RunError:
        def sleep(seconds: float) -> None:
            self.passed += seconds
            happens(self.passed)

        with pytest.raises(RunError) as caught:
            wait_for_parts(
                self.order, self.folder, Stores(self.folder),
                job="JOB_1", tell=self.said.append, patience=patience, sleep=sleep,
            )  # fmt: skip
        return caught.value


def test_what_is_waited_for_is_told_each_minute(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path)

    def happens(passed: float) -> None:
        waiting.sign(2)
        if passed > 3.5 * TELLING:
            note_failure(waiting.other(1), "ValueError: no labels", "JOB_1")

    failed = waiting.wait(happens)

    assert "replica 1 of 3" in failed.message
    assert "no labels" in failed.message
    assert len(waiting.said) == 3
    assert waiting.said[0].startswith(
        "node train still waits for replicas 2 (running) and 0, 1 (not started) of 3 after 1 min"
    )


def test_a_replica_that_falls_silent_is_given_up_by_its_number(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path)

    def happens(passed: float) -> None:
        for index in range(3):
            if index != 1 or passed < 100:
                waiting.sign(index)

    failed = waiting.wait(happens, patience=300)

    assert failed.message == "replica 1 of 3 of node 'train' gave no sign of life for 5 min 0 s"
    assert "its memory" in str(failed.hint)
    assert 395 < waiting.passed < 410


def test_replicas_that_do_not_start_are_given_up_only_when_nobody_makes_room_any_more(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path)

    def happens(passed: float) -> None:
        if passed < 1000:
            waiting.sign(0)
        waiting.sign(1, job="JOB_0")  # of an earlier attempt

    failed = waiting.wait(happens, patience=300)

    assert failed.message.startswith("replica 0 of 3 of node 'train' gave no sign of life")
    assert waiting.passed > 1295

    alone = Waiting(tmp_path / "alone")
    failed = alone.wait(lambda passed: None, patience=300)
    assert failed.message.startswith("replicas 0, 1, 2 of 3 of node 'train' did not start")
    assert "max_nodes" in str(failed.hint)


def test_a_replica_shows_that_it_lives_until_it_ends(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path)
    order = waiting.other(1)
    path = sign_path(order.run.folder, order)
    seen = set()

    with alive(order, "JOB_1", 0.005):
        while len(seen) < 3:
            if Path(path).exists():
                seen.add(read_whole(path))

    assert not Path(path).exists()
    assert {content.split(b"\n")[0] for content in seen} >= {b"JOB_1"}
