"""One node, run once: its inputs read, its function called, its outputs committed. The same on a laptop and in a container."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mlops.errors import MlopsError
from mlops.runs.attempt import Attempt, Prepared
from mlops.runs.logs import NodeLog, captured
from mlops.runs.order import Order
from mlops.runs.outcome import ErrorInfo, NodeOutcome, State
from mlops.runs.services import Services

if TYPE_CHECKING:
    from mlops.datasets.manifest import DatasetRecord


class Stopped(BaseException):
    """The run is being stopped. Not an Exception, so that a node that catches everything does not catch this."""


def run_node(
    order: Order, prepared: Prepared, *, function: Callable[..., object] | None = None, own_log: bool = True
) -> NodeOutcome:
    """Run one attempt of a node and return what it came to; whatever the node raises is in the outcome.

    ``function`` is the node's function where the caller has it already. Without ``own_log`` what the node prints is left to
    the caller, as in a container.

    Raises:
        Stopped, KeyboardInterrupt: the run is being stopped; nothing is committed.
    """
    _collect_garbage()
    node, services, hooks = order.node, prepared.services, prepared.hooks
    path = order.log or os.path.join(order.run.folder, "logs", f"{node.name}.log")
    log = NodeLog(path, echo=prepared.echo, label=node.name)
    attempt = Attempt(order, prepared, function)
    try:
        with captured(log) if own_log else nullcontext():
            outcome = _outcome(attempt, prepared, log if own_log else None)
            good = outcome.state is State.SUCCEEDED
            untold = _tracked(services, attempt, succeeded=good) if order.whole else ()
            if hooks and (order.whole or not good):
                hooks.observe("after_node_run" if good else "on_node_error", run=order.run, node=node, outcome=outcome)
    finally:
        used = log.used
        log.close()
    warnings = (*untold, *(str(error) for error in hooks.taken_errors())) if hooks else untold
    if services.fallback is not None:
        outcome = replace(outcome, auth_mode=services.auth_mode)
        warnings = (str(services.fallback), *warnings)
    return replace(outcome, log=log.path if used else None, warnings=warnings) if used or warnings else outcome


def _outcome(attempt: Attempt, prepared: Prepared, log: NodeLog | None) -> NodeOutcome:
    """Return what an attempt came to; what it raises is written to the log, if it is not left to the caller."""
    order, services, hooks = attempt.order, prepared.services, prepared.hooks
    records: tuple[DatasetRecord, ...] = ()
    error: ErrorInfo | None = None
    try:
        if order.node.services:
            services.tag(f"mlops {order.run.pipeline}.{order.node.name} {order.run.run_id}")
        if hooks and not order.gather and order.replica_index == 0:
            hooks.observe("before_node_run", run=order.run, node=order.node, attempt=order.attempt)
        records = attempt.commit()
    except (Exception, SystemExit) as cause:  # a node may raise anything, and may call sys.exit
        from mlops.runs.failure import error_info, log_failure

        error = error_info(cause)
        if log is not None:
            log_failure(error, log)
    return NodeOutcome(
        node=order.node.full_name,
        state=State.SUCCEEDED if error is None else State.FAILED,
        attempt=order.attempt,
        started=attempt.started,
        ended=time.time(),
        error=error,
        metrics=tuple(attempt.metrics),
        outputs=records,
    )


def _tracked(services: Services, attempt: Attempt, *, succeeded: bool) -> tuple[str, ...]:
    """Tell Snowflake's experiments what the node measured, if it has a session, and return what they were not told."""
    order, metrics = attempt.order, attempt.metrics
    if not metrics or not services.has_session:
        return ()
    from mlops.runs.measured import measured  # not needed by a node without a session

    told = measured(
        pipeline=order.run.pipeline,
        node=order.node.name,
        run_id=order.run.run_id,
        parameters=order.parameters,
        metrics=metrics,
        succeeded=succeeded,
    )
    try:
        services.track(told)
    except MlopsError as cause:  # what a node measured is in the run's own record as well
        return (f"metrics of {order.node.name} are in no experiment: {cause}",)
    return tuple(f"experiment {told.experiment}, run {told.run}: left out {one}" for one in told.left_out)


def _collect_garbage() -> None:
    """Let the collector run from here on, see ``mlops.__main__``; what was imported until now it need not look through."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
