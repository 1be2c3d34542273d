"""One node on its own: from a name and two JSON objects to a run of one node. A container starts here."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from mlops.errors import DatasetError, MlopsError, ParameterError, SeveralError, closest
from mlops.nodes import Node
from mlops.parameters import Parameter, checked

if TYPE_CHECKING:
    from mlops.configuration.settings import Settings
    from mlops.datasets.manifest import DatasetRecord
    from mlops.plugins.knowledge import Knowledge
    from mlops.project import Project
    from mlops.runs.connection import ConnectionChoice
    from mlops.runs.order import Order, Source
    from mlops.runs.outcome import NodeOutcome, RunInfo, RunOutcome
    from mlops.runs.records import RunRecords
    from mlops.runs.stores import Stores


class InputError(SeveralError):
    """The inputs of a node are not right: a dataset is missing, a value does not fit, a name is unknown."""


class NodeRequest(Struct, frozen=True):
    """What ``mlops run-node`` was asked for.

    ``inputs`` holds parameters and datasets by name. A dataset is a value, the path of a file, or ``{"run": R}`` for what
    a run has committed. ``outputs`` gives the specification of outputs; a path is where a copy is written to.
    ``run`` is the run that datasets are taken from which ``inputs`` does not name.
    """

    node: str
    inputs: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    outputs: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    run: str | None = None
    echo: bool = False
    connection: str | None = None


def run_single(project: Project, request: NodeRequest) -> RunOutcome:
    """Run one node and return the run that it is.

    Raises:
        MlopsError: the node is not there, or its plugin cannot be loaded.
        InputError: what is wrong with its inputs, all at once.
    """
    found = project.find(request.node)
    node = found.node
    from mlops.plugins.loading import load_function

    function = load_function(node)
    from mlops.runs.connection import choose_connection
    from mlops.runs.order import Order
    from mlops.runs.outcome import RunInfo, new_run_id
    from mlops.runs.stores import Stores

    settings = project.settings
    if settings.target_tables is not None and settings.chosen_target.nodes:
        from mlops.runs.partitioning import partitioned

        node = partitioned(node, settings.chosen_target)
    started = time.time()
    run_id = new_run_id(started)
    folder = os.path.join(settings.data, node.name, run_id)
    parameters, inputs = _inputs(
        node, request, project, Stores(folder, found.hooked, allow_pickle=settings.allow_pickle)
    )
    tables = any(source.record is not None and source.record.serializer == "table" for source in inputs.values())
    choice = choose_connection(settings, (node,), found.hooked, name=request.connection, tables=tables)
    run = RunInfo(
        run_id=run_id,
        pipeline=node.name,
        folder=folder,
        started=started,
        parameters={node.full_name: parameters},
        versions={node.origin.distribution: node.origin.version},
        target=settings.target,
        auth_mode=choice.auth_mode,
    )
    order = Order(node=node, run=run, parameters=parameters, inputs=inputs, specifications=request.outputs)
    return _recorded(order, function, request, settings, found.hooked, choice)


def _recorded(
    order: Order,
    function: Callable[..., object],
    request: NodeRequest,
    settings: Settings,
    hooked: tuple[Knowledge, ...],
    choice: ConnectionChoice,
) -> RunOutcome:
    """Run an order to its end, by itself or by a signal, with a record of it."""
    from mlops.runs.lock import RunLock
    from mlops.runs.node_run import Stopped, run_node
    from mlops.runs.outcome import RunOutcome, State, authenticated, interrupted
    from mlops.runs.preparation import LocalPreparation
    from mlops.runs.stopping import stopped_by_signals

    run, node = order.run, order.node
    stopped: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(RunLock(settings.data, run.run_id))
        connection = choice.open(stack)
        prepared = LocalPreparation(
            run.folder,
            settings.allow_pickle,
            hooked,
            request.echo,
            connection,
            hook_seconds=settings.plugins.hook_seconds,
        )()
        stack.callback(prepared.services.close)
        records = _begun(run, node, settings.data, stack)
        with stopped_by_signals(stopped.append, interrupt=True), _ended_in_time(settings.grace):
            try:
                outcome = _run_all(order, partial(run_node, prepared=prepared, function=function))
            except Stopped:
                outcome = interrupted(node.full_name, 1, run.started)
        records = records or _records(settings.data, stack)
        records.node_ended(run.run_id, outcome)
        reason = stopped[0] if stopped else ""
        state = State.STOPPED if stopped else outcome.state
        records.end(run.run_id, state, reason=reason, warnings=outcome.warnings)
    if state is State.SUCCEEDED:
        _copy_outputs(request, prepared.stores, outcome.outputs)
    return RunOutcome(
        run=authenticated(run, (outcome,)), state=state, nodes=(outcome,), ended=time.time(), reason=reason
    )


def _begun(run: RunInfo, node: Node, data: str, stack: ExitStack) -> RunRecords | None:
    """Record that the node's first attempt begins, or announce it where nothing is recorded yet; then there are no records."""
    from mlops.runs.announcement import Announcement, announce, has_database

    if not has_database(data):
        announce(data, Announcement(run, node.full_name))
        return None
    records = _records(data, stack)
    records.begin(run, [node.full_name])
    records.node_started(run.run_id, node.full_name, 1, run.started)
    records.commit()
    return records


def _records(data: str, stack: ExitStack) -> RunRecords:
    from mlops.runs.records import RunRecords

    return stack.enter_context(RunRecords(data))


def _ended_in_time(grace: float) -> AbstractContextManager[None]:
    """Return what ends this process when its node does not let go after SIGTERM, where it is the first of a container.

    Elsewhere a second signal ends it, or whoever has started it.
    """
    if os.getpid() != 1:
        return nullcontext()
    from mlops.container.grace import STOPPED, ended_within

    return ended_within(
        grace, STOPPED, partial(print, "the node does not end: it is killed", file=sys.stderr, flush=True)
    )


def _run_all(order: Order, run: Callable[[Order], NodeOutcome]) -> NodeOutcome:
    from mlops.runs.retrying import run_attempts

    attempts = partial(run_attempts, run=run)
    if order.node.partitions is None:
        return attempts(order)
    from mlops.runs.replicas import run_all_here

    return run_all_here(order, attempts)


def _inputs(
    node: Node, request: NodeRequest, project: Project, stores: Stores
) -> tuple[dict[str, Any], dict[str, Source]]:  # Any: JSON
    """Return the parameters and datasets of the node, each checked.

    Raises:
        InputError: everything that is wrong.
    """

    problems: list[MlopsError] = []
    parameters = {parameter.name: parameter.default for parameter in node.parameters}
    known = {parameter.name: parameter for parameter in node.parameters}
    inputs: dict[str, Source] = {}
    aliases = {argument: dataset for argument, dataset in node.inputs.items() if argument != dataset}
    for given, value in request.inputs.items():
        name = aliases.get(given, given)
        try:
            if name in node.datasets:
                inputs[name] = _source(name, value, project, stores)
            elif name in known or node.open_inputs:
                parameters[name] = checked(known.get(name) or Parameter(name, None), value)
            else:
                names = [*node.datasets, *known]
                similar = closest(name, names)
                problems.append(
                    ParameterError(
                        parameter=name,
                        problem=f"node {node.name!r} has no input or parameter of that name",
                        hint=f"did you mean {similar!r}?" if similar else f"it has: {', '.join(names) or 'none'}",
                    )
                )
        except MlopsError as cause:
            problems.append(cause)
    missing = [dataset for dataset in node.datasets if dataset not in inputs and dataset not in request.inputs]
    if missing and request.run is not None:
        for dataset in missing:
            try:
                inputs[dataset] = _committed(dataset, request.run, project, stores)
            except MlopsError as cause:
                problems.append(cause)
    elif missing:
        problems += [
            DatasetError(
                dataset=dataset,
                problem=f"node {node.name!r} reads it and --inputs does not give it",
                hint=f'give a file, --inputs \'{{"{dataset}": "path.parquet"}}\', or take it from a run: --run latest',
            )
            for dataset in missing
        ]
    if problems:
        raise InputError(f"the inputs of node {node.name!r} are not right", problems)
    return parameters, inputs


def _source(name: str, value: Any, project: Project, stores: Stores) -> Source:  # Any: JSON
    from mlops.runs.order import Source

    if isinstance(value, Mapping) and set(value) <= {"run", "dataset"} and "run" in value:
        return _committed(str(value.get("dataset", name)), str(value["run"]), project, stores)
    if isinstance(value, Mapping) and set(value) == {"path"}:
        value = value["path"]
    elif not isinstance(value, str):
        return Source(value=value)
    from pathlib import Path

    path = Path(value)
    if not path.exists():
        if path.suffix and stores.serializers.by_extension(path.suffix) is not None:
            raise DatasetError(
                dataset=name,
                problem=f"there is no file {value!r}",
                hint="give the path of a file that is there",
            )
        return Source(value=value)
    serializer = stores.serializers.by_extension(path.suffix)
    if serializer is None:
        raise DatasetError(
            dataset=name,
            problem=f"no serializer reads files like {path.name!r}",
            hint="give a .parquet, .json or .npy file",
        )
    return Source(value=serializer.read(path, None))


def _committed(dataset: str, run: str, project: Project, stores: Stores) -> Source:
    from mlops.errors import UnknownNameError
    from mlops.runs.order import Source
    from mlops.runs.records import RunRecords

    data = project.settings.data
    with RunRecords(data) as records:
        run_ids = [one.run.run_id for one in records.runs(limit=200)] if run == "latest" else [records.find(run)]
        for run_id in run_ids:
            folder = records.run(run_id).run.folder
            record = stores.at(folder).find(dataset)
            if record is not None:
                return Source(folder=folder, record=record)
    raise UnknownNameError(
        kind="dataset" if run == "latest" else f"dataset in run {run}:",
        name=dataset,
        known=(),
        hint="no run has committed it: run the node that writes it",
    )


def _copy_outputs(request: NodeRequest, stores: Stores, records: Sequence[DatasetRecord]) -> None:
    """Write a copy of each output whose specification is a path, in the format its ending names."""
    from pathlib import Path

    for record in records:
        specification = request.outputs.get(record.name)
        path = specification.get("path") if isinstance(specification, Mapping) else specification
        if not isinstance(path, str):
            continue
        target = Path(path)
        serializer = stores.serializers.by_extension(target.suffix) or stores.serializers.by_name(record.serializer)
        target.parent.mkdir(parents=True, exist_ok=True)
        serializer.write(stores.own.read(record), target)
