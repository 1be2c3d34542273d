"""Work: a node run in a task's container, or what it has committed in this run kept, and all of it told in the log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mlops.container import replicas
from mlops.container.environment import TaskEnvironment
from mlops.container.job_log import JobLog
from mlops.container.signs import alive
from mlops.credentials import hide_credentials
from mlops.errors import DatasetError
from mlops.runs.attempt import Prepared
from mlops.runs.exit_codes import exit_code_of_failure
from mlops.runs.node_run import Stopped, run_node
from mlops.runs.order import Order, Source
from mlops.runs.outcome import NodeOutcome, RunInfo, State
from mlops.runs.retrying import run_attempts
from mlops.runs.reuse import reuse
from mlops.runs.single import InputError
from mlops.runs.stores import Stores

if TYPE_CHECKING:
    from mlops.nodes import Node


class Work(Struct, frozen=True):
    """What the nodes of one container share. ``shared`` is the run's folder; a replica writes to one of its own in there."""

    environment: TaskEnvironment
    run: RunInfo
    shared: str
    config: Mapping[str, Any]  # Any: JSON
    prepared: Prepared
    log: JobLog

    @property
    def stores(self) -> Stores:
        return self.prepared.stores


def run_one(node: Node, function: Any, work: Work) -> NodeOutcome:  # Any: a node's function
    """Run a node, or keep what it has committed in this run.

    Raises:
        InputError, ParameterError: a dataset is missing, or a value of CONFIG does not fit.
    """
    parameters = _parameters(node, work.config)
    inputs = _inputs(node, work)
    order = Order(
        node=node,
        run=work.run,
        parameters=parameters,
        inputs=inputs,
        replica_index=work.environment.replica_index,
        replica_count=work.environment.replica_count,
    )
    kept = _kept(order, work, work.shared) if node.serving is None else None
    if kept is None and order.replica_count > 1:
        kept = _kept(order, work, work.run.folder)
        if kept is not None:
            work.log.say("INFO", f"node {node.name} kept its part: {kept.reason}", _facts(kept))
            return _gathered(order, kept, work)
    if kept is not None:
        work.log.say("INFO", f"node {node.name} kept: {kept.reason}", _facts(kept))
        return kept
    work.log.say(
        "INFO", f"node {node.name} {node.origin.version} starts", {"mlops.parameters": hide_credentials(parameters)}
    )
    job = work.environment.job
    try:
        with alive(order, job, work.environment.replica_patience) if order.replica_index > 0 else nullcontext():
            outcome = run_attempts(
                order,
                partial(run_node, prepared=work.prepared, function=function, own_log=False),
                tell=partial(_tell_attempt, node, work),
            )
    except Stopped:
        if order.replica_index > 0:
            replicas.note_failure(order, "it was told to end", job)
        raise
    for warning in outcome.warnings:
        work.log.say("WARN", warning)
    if outcome.error is None:
        work.log.say("INFO", f"node {node.name} succeeded in {outcome.seconds or 0.0:.3f} s", _facts(outcome))
        return _gathered(order, outcome, work)
    if order.replica_count > 1:
        replicas.note_failure(order, f"{outcome.error.type}: {outcome.error.message}", job)
    _tell_failure(node, outcome, inputs, work)
    return outcome


def _gathered(order: Order, outcome: NodeOutcome, work: Work) -> NodeOutcome:
    """Return the outcome of the whole node where this is the replica that gathers, otherwise that of this one.

    Raises:
        ReplicaError: another replica has failed, was killed, or did not start.
    """
    if order.replica_count == 1 or order.replica_index > 0:
        return outcome
    work.log.say("INFO", f"node {order.node.name} waits for {order.replica_count - 1} other replicas")
    replicas.wait_for_parts(
        order,
        work.shared,
        work.stores,
        job=work.environment.job,
        tell=partial(work.log.say, "WARN"),
        patience=work.environment.replica_patience,
    )
    gathering = replicas.whole_order(order, work.shared, started=outcome.started)
    whole = run_node(gathering, work.prepared, own_log=False)
    if whole.error is None:
        replicas.remove_notes(order, work.shared)
        work.log.say("INFO", f"node {order.node.name} gathered {order.replica_count} replicas", _facts(whole))
    else:
        _tell_failure(order.node, whole, order.inputs, work)
    return whole


def _parameters(node: Node, config: Mapping[str, Any]) -> dict[str, object]:  # Any: JSON
    from mlops.compile.config import decode

    full = any(key.startswith(f"{node.full_name}.") for key in config)
    return decode(node, node.full_name if full else node.name, config)


def _inputs(node: Node, work: Work) -> dict[str, Source]:
    if not node.datasets:
        return {}
    if node.serving is not None:
        return _served(node, work)
    store = work.stores.at(work.shared)
    records = {name: store.find(name) for name in node.datasets}
    if missing := [name for name, record in records.items() if record is None]:
        raise InputError(
            f"the inputs of node {node.name!r} are not right",
            [
                DatasetError(
                    dataset=name,
                    problem=f"no node has committed it in {work.shared!r}",
                    hint="the task that writes it must run before in the same run: deploy the pipeline again",
                )
                for name in missing
            ],
        )
    return {name: Source(folder=work.shared, record=record) for name, record in records.items()}


def _served(node: Node, work: Work) -> dict[str, Source]:
    """Return the inputs of a service, which is in no run: those of the newest run of its pipeline that has them."""
    from mlops.container.served_inputs import awaited_inputs

    def tell(text: str) -> None:
        work.log.say("WARN", f"node {node.name} {text}")

    found = awaited_inputs(node.datasets, work.stores, os.path.dirname(work.shared), tell=tell)
    run = os.path.basename(found[node.datasets[0]].folder)
    work.log.say("INFO", f"node {node.name} reads {', '.join(node.datasets)} of run {run}")
    return found


def _kept(order: Order, work: Work, folder: str) -> NodeOutcome | None:
    """Return what an earlier attempt has committed in a folder, where it still fits."""
    node, store = order.node, work.stores.at(folder)
    manifest = store.manifest(node.full_name)
    answer = reuse(
        node,
        manifest,
        parameters=order.parameters,
        inputs={name: source.sha256 for name, source in order.inputs.items()},
        intact=store.verify,
    )
    if manifest is None or not answer.fits:
        if manifest is not None:
            work.log.say("INFO", f"node {node.name} runs again: {answer.reason}")
            if (
                order.replica_index == 0 or folder != work.shared
            ):  # of a node with replicas the first alone writes there
                store.discard(node.full_name)
        return None
    from mlops.context import Metric

    return NodeOutcome(
        node=node.full_name,
        state=State.REUSED,
        attempt=manifest.attempt,
        reason=answer.reason,
        metrics=tuple(Metric(name, value) for name, value in manifest.metrics.items()),
        outputs=manifest.outputs,
    )


def _tell_attempt(node: Node, work: Work, outcome: NodeOutcome, seconds: float) -> None:
    error = outcome.error
    assert error is not None
    work.log.say(
        "WARN",
        f"attempt {outcome.attempt} of {node.retries.count + 1} of node {node.name} failed, the next begins in {seconds:g} s: "
        f"{error.type}: {error.message}",
        {"exception.type": error.type, "exception.message": error.message, "exception.stacktrace": error.traceback},
    )


def _tell_failure(node: Node, outcome: NodeOutcome, inputs: Mapping[str, Source], work: Work) -> None:
    error = outcome.error
    assert error is not None
    code = exit_code_of_failure(error)
    work.log.say(
        "ERROR",
        f"node {node.name} failed: {error.type}: {error.message}",
        {
            "exception.type": error.type,
            "exception.message": error.message,
            "exception.stacktrace": error.traceback,
            "mlops.inputs": {name: _identity(source) for name, source in inputs.items()},
            "mlops.exit_code": code,
            "mlops.hint": error.hint
            or f"mend the node, rebuild the image and deploy it; was the cause outside of it: "
            f"mlops retry {work.run.pipeline} goes on from here",
        },
    )


def _identity(source: Source) -> dict[str, object]:
    record = source.record
    assert record is not None, "a task takes its inputs from committed datasets alone"
    return {
        "sha256": record.sha256,
        "bytes": record.bytes,
        "rows": record.rows,
        "file": f"{source.folder}/{record.path}",
    }


def _facts(outcome: NodeOutcome) -> dict[str, object]:
    return {
        "mlops.outputs": {one.name: {"sha256": one.sha256, "rows": one.rows} for one in outcome.outputs},
        "mlops.metrics": {metric.name: metric.value for metric in outcome.metrics},
    }
