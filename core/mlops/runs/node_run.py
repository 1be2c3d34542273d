"""One node, run once: its inputs read, its function called, its outputs committed. The same on a laptop and in a container."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, TextIO

from msgspec import Struct, field
from msgspec.structs import replace

import mlops
from mlops.context import Metric
from mlops.errors import AccountError, AuthenticationError, DatasetError, MlopsError, PluginError, VetoError
from mlops.nodes import Node
from mlops.plugins.loading import load_function
from mlops.runs.arguments import Outputs, returned
from mlops.runs.calling import adopted, arguments_of, remove_leftovers, specifications
from mlops.runs.logs import NodeLog, captured
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunInfo, State
from mlops.runs.services import Services

if TYPE_CHECKING:
    from mlops.datasets.manifest import DatasetRecord
    from mlops.datasets.parts import Part
    from mlops.plugins.hooks import Hooks
    from mlops.runs.stores import Stores


class Stopped(BaseException):
    """The run is being stopped. Not an Exception, so that a node that catches everything does not catch this."""


class Source(Struct, frozen=True):
    """Where an input comes from: a record of a committed dataset and the folder of its run, or a value given outright."""

    folder: str = ""
    record: DatasetRecord | None = None
    value: object = None

    @property
    def sha256(self) -> str:
        """What identifies the content; a value given outright is identified by its text."""
        if self.record is not None:
            return self.record.sha256
        import hashlib

        return hashlib.sha256(repr(self.value).encode()).hexdigest()


class Order(Struct, frozen=True):
    """Everything a process needs to run one attempt of one node. It can be pickled and sent.

    Of a partitioned node, ``replica_index`` says which of ``replica_count`` parts is meant, ``part_folder`` where it is
    committed if that is not the run's folder. ``gather`` puts together what all replicas have committed, in place of calling
    the function; ``started`` is when the first of them began.
    """

    node: Node
    run: RunInfo
    parameters: Mapping[str, Any]  # Any: JSON
    inputs: Mapping[str, Source] = field(default_factory=dict)
    attempt: int = 1
    specifications: Mapping[str, object] = field(default_factory=dict)
    log: str = ""
    replica_index: int = 0
    replica_count: int = 1
    part_folder: str = ""
    gather: bool = False
    started: float | None = None

    @property
    def folder(self) -> str:
        """The folder that outputs are committed in."""
        return self.part_folder or self.run.folder

    @property
    def whole(self) -> bool:
        """Whether this order commits the node's outputs as they are read by others, and not a part of them."""
        return self.gather or self.replica_count == 1


class InputDatasetError(DatasetError):
    """A committed dataset that a node reads is gone or damaged."""


def run_node(
    order: Order,
    *,
    stores: Stores,
    services: Services,
    hooks: Hooks | None = None,
    function: Callable[..., object] | None = None,
    echo: TextIO | None = None,
    own_log: bool = True,
) -> NodeOutcome:
    """Run one attempt of a node and return what it came to; whatever the node raises is in the outcome.

    ``stores`` is where its inputs are read and its outputs committed. ``function`` is the node's function where the caller
    has it already. Without ``own_log`` what the node prints is left to the caller, as in a container.

    Raises:
        Stopped, KeyboardInterrupt: the run is being stopped; nothing is committed.
    """
    _collect_garbage()
    node = order.node
    log = NodeLog(order.log or os.path.join(order.run.folder, "logs", f"{node.name}.log"), echo=echo, label=node.name)
    started = order.started or time.time()
    metrics: list[Metric] = []
    outcome: NodeOutcome
    try:
        with captured(log) if own_log else nullcontext():
            try:
                if node.services:
                    services.tag(f"mlops {order.run.pipeline}.{node.name} {order.run.run_id}")
                if hooks and not order.gather and order.replica_index == 0:
                    hooks.observe("before_node_run", run=order.run, node=node, attempt=order.attempt)
                commit = _gather_and_commit if order.gather else _call_and_commit
                records = commit(order, stores, services, hooks, function, metrics, started)
                outcome = NodeOutcome(
                    node=node.full_name,
                    state=State.SUCCEEDED,
                    attempt=order.attempt,
                    started=started,
                    ended=time.time(),
                    metrics=tuple(metrics),
                    outputs=records,
                )
            except Exception as cause:  # a node may raise anything
                outcome = NodeOutcome(
                    node=node.full_name,
                    state=State.FAILED,
                    attempt=order.attempt,
                    started=started,
                    ended=time.time(),
                    error=error_info(cause),
                    metrics=tuple(metrics),
                )
                if own_log:
                    _log_failure(outcome.error, log)
            untold = _tracked(services, order, metrics, outcome.state is State.SUCCEEDED) if order.whole else ()
            if hooks and (order.whole or outcome.state is not State.SUCCEEDED):
                event = "after_node_run" if outcome.state is State.SUCCEEDED else "on_node_error"
                hooks.observe(event, run=order.run, node=node, outcome=outcome)
    finally:
        used = log.used
        log.close()
    warnings = (*untold, *(str(error) for error in hooks.taken_errors())) if hooks else untold
    if services.fallback is not None:
        outcome = replace(outcome, auth_mode=services.auth_mode)
        warnings = (str(services.fallback), *warnings)
    return replace(outcome, log=log.path if used else None, warnings=warnings) if used or warnings else outcome


def _call_and_commit(
    order: Order,
    stores: Stores,
    services: Services,
    hooks: Hooks | None,
    function: Callable[..., object] | None,
    metrics: list[Metric],
    started: float,
) -> tuple[DatasetRecord, ...]:
    node = order.node
    part = _part(order)
    if part is not None:
        from mlops.runs.replicas import kept_part

        if (kept := kept_part(order, stores.at(order.folder))) is not None:
            return kept.outputs
    function = function or load_function(node)

    def load(dataset: str, as_type: str | None = None) -> object:
        source = order.inputs[dataset]
        if source.record is None:
            return source.value if part is None else part.of_value(source.value)
        try:
            origin = stores.at(source.folder)
            if part is not None:
                return part.of_record(origin, source.record, as_type)
            return origin.read(source.record, as_type)
        except DatasetError as cause:
            problem = cause.message.partition(": ")[2]
            raise InputDatasetError(dataset=dataset, problem=problem, hint=cause.hint) from cause

    remove_leftovers(order)
    outputs = Outputs(specifications(order), node.outputs)
    arguments = arguments_of(order, function, load, outputs, services, metrics)
    values: dict[str, object] = {}
    if part is None or not part.idle:  # a replica whose part has no rows has nothing to do
        value = function(**arguments)
        assigned = {**adopted(order, outputs), **outputs.values_set}
        values = returned(value, outputs=node.outputs, assigned=assigned, node=node.name)
    if hooks and order.whole:
        _ask_guards(order, values, hooks)
    return _commit(order, stores, values, metrics, started)


def _gather_and_commit(
    order: Order,
    stores: Stores,
    services: Services,
    hooks: Hooks | None,
    function: Callable[..., object] | None,
    metrics: list[Metric],
    started: float,
) -> tuple[DatasetRecord, ...]:
    del services, function
    from mlops.runs.replicas import discard_parts, gathered_metrics, gathered_values

    values = gathered_values(order, stores)
    metrics += gathered_metrics(order, stores)
    if hooks:
        _ask_guards(order, values, hooks)
    records = _commit(order, stores, values, metrics, started)
    discard_parts(order, stores)
    return records


def _part(order: Order) -> Part | None:
    """Return what a replica reads; None for a node that is not partitioned."""
    if order.replica_count == 1:
        return None
    from mlops.datasets.parts import Part

    key = order.node.partitions.key if order.node.partitions is not None else None
    return Part(key, order.replica_index, order.replica_count)


def _commit(
    order: Order, stores: Stores, values: Mapping[str, object], metrics: list[Metric], started: float
) -> tuple[DatasetRecord, ...]:
    node, store = order.node, stores.at(order.folder)  # until here nothing of mlops.datasets need be imported
    records = tuple(store.write(name, one, storage=node.storage.get(name, "file")) for name, one in values.items())
    from mlops.datasets.hidden import without_credentials
    from mlops.datasets.manifest import Manifest

    parameters, hidden = without_credentials(order.parameters)
    store.commit(
        Manifest(
            node=node.full_name,
            version=node.origin.version,
            source=node.origin.digest,
            fingerprint="",
            parameters=parameters,
            hidden=hidden,
            inputs={dataset: source.sha256 for dataset, source in order.inputs.items()},
            outputs=records,
            metrics={metric.name: metric.value for metric in metrics},
            attempt=order.attempt,
            started=_rfc3339(started),
            ended=_rfc3339(time.time()),
            mlops_version=mlops.__version__,
        )
    )
    return records


def _tracked(services: Services, order: Order, metrics: list[Metric], succeeded: bool) -> tuple[str, ...]:
    """Tell Snowflake's experiments what the node measured, if it has a session, and return what they were not told."""
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


def _ask_guards(order: Order, values: Mapping[str, object], hooks: Hooks) -> None:
    """Let the guards of plugins look at what a node has returned, all of it, before anything is written.

    Raises:
        VetoError: everything that they object to.
    """
    found = [
        (dataset, objection)
        for dataset, value in values.items()
        for objection in hooks.objections("check_dataset", run=order.run, node=order.node, dataset=dataset, value=value)
    ]
    if found:
        told = [(one.distribution, f"dataset {dataset!r}: {one.problem}") for dataset, one in found]
        hint = next((one.hint for _, one in found if one.hint), None)
        raise VetoError(f"what node {order.node.name!r} returned", told, hint=hint)


def error_info(cause: BaseException) -> ErrorInfo:
    """Return why a node failed, with the frames of mlops itself left out of the traceback."""
    import traceback  # needed where something is wrong, and nowhere else

    frames = traceback.extract_tb(cause.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_HERE)]
    lines: list[str] = []
    if own or not isinstance(cause, MlopsError):  # what mlops itself has to say needs no traceback
        lines = traceback.format_list(own or frames)
        with suppress(Exception):  # an exception's own text may raise
            lines += traceback.format_exception_only(cause)
    return ErrorInfo(
        type=type(cause).__name__,
        message=str(cause).strip() or type(cause).__name__,
        traceback="".join(lines),
        hint=cause.hint if isinstance(cause, MlopsError) else None,
        kind=_kind(cause),
    )


def _collect_garbage() -> None:
    """Let the collector run from here on, see ``mlops.__main__``; what was imported until now it need not look through."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _log_failure(error: ErrorInfo | None, log: NodeLog) -> None:
    """Write the exception that is being handled; what mlops itself has to say needs no traceback."""
    if error is None or error.traceback:
        import traceback  # as in error_info

        traceback.print_exc(file=log)
    else:
        log.write(f"{error.type}: {error.message}\n")


def _kind(cause: BaseException) -> str:
    kinds = {
        PluginError: "plugin",
        AuthenticationError: "authentication",
        AccountError: "account",
        MlopsError: "output",
    }
    return next((kind for error, kind in kinds.items() if isinstance(cause, error)), "raised")


def _rfc3339(moment: float) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
