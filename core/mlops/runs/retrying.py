"""Retrying: a node whose attempt fails is run again as often as it says, after the waits that it says."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec.structs import replace

from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome, State

Tell = Callable[[NodeOutcome, float], None]


def run_attempts(
    order: Order,
    run: Callable[[Order], NodeOutcome],
    *,
    tell: Tell = lambda outcome, seconds: None,
    wait: Callable[[float], None] = time.sleep,
) -> NodeOutcome:
    """Run attempts of a node until one ends well or it has no more, and return what the last one came to.

    ``tell`` is given an attempt that failed, and the seconds until the next one. A service has one attempt: Snowflake
    starts its container again by itself.

    Raises:
        Stopped: the run is being stopped, in an attempt or between two.
    """
    retries = order.node.retries
    count = retries.count if order.node.serving is None else 0
    while True:
        outcome = run(order)
        if outcome.state is not State.FAILED or order.attempt > count:
            return outcome
        seconds = retries.wait_before(order.attempt + 1).total_seconds()
        tell(outcome, seconds)
        wait(seconds)
        order = replace(order, attempt=order.attempt + 1, started=None)
