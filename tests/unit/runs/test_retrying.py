"""A node is tried again as often as it says, after longer and longer waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlops.nodes import Node, Origin, Retries, Serving
from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome, RunInfo, State
from mlops.runs.retrying import run_attempts

TWO = Retries(2, delay=timedelta(seconds=1), backoff=3.0)


@pytest.mark.parametrize(
    ("retries", "serving", "works_at", "attempts", "waits"),
    [
        (TWO, None, 1, [1], []),
        (TWO, None, 3, [1, 2, 3], [1.0, 3.0]),
        (TWO, None, 9, [1, 2, 3], [1.0, 3.0]),
        (Retries(), None, 9, [1], []),
        (TWO, Serving(), 9, [1], []),
    ],
)
def test_attempts_end_with_the_first_that_works_or_the_last_there_is(retries, serving, works_at, attempts, waits):
    node = Node("fetch", Origin("team", "1", "team:fetch"), retries=retries, serving=serving)
    tried, waited, told = [], [], []

    def run(order: Order) -> NodeOutcome:
        tried.append(order.attempt)
        state = State.SUCCEEDED if order.attempt >= works_at else State.FAILED
        return NodeOutcome(order.node.full_name, state, order.attempt)

    outcome = run_attempts(
        Order(node, RunInfo("r", "p", "f", 1.0), {}),
        run,
        tell=lambda one, s: told.append((one.attempt, s)),
        wait=waited.append,
    )

    assert (tried, waited) == (attempts, waits)
    assert told == list(zip(attempts, waits, strict=False))
    assert (outcome.attempt, outcome.state is State.SUCCEEDED) == (attempts[-1], works_at <= attempts[-1])
