"""The grace of a container: what watches for SIGTERM is gone when the block ends, however it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from mlops.container.grace import ended_within


def leave() -> None:
    pass


def fail() -> None:
    raise LookupError("the node")


@pytest.mark.parametrize("block", [leave, fail])
def test_nothing_is_left_open_when_the_block_ends(block: Callable[[], None]) -> None:
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    there = set(os.listdir("/proc/self/fd")), set(os.listdir("/proc/self/task"))

    try:
        with ended_within(60, 143, leave):
            assert len(os.listdir("/proc/self/task")) == len(there[1]) + 1
            block()
    except LookupError:
        assert block is fail

    assert set(os.listdir("/proc/self/fd")) == there[0]
    found = signal.set_wakeup_fd(before)
    assert found == before
