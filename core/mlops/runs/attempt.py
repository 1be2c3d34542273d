"""An attempt: an order while it is run, from its inputs read to its outputs committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from msgspec import Struct

import mlops
from mlops.context import Metric
from mlops.errors import DatasetError, VetoError
from mlops.plugins.loading import load_function
from mlops.runs.arguments import Outputs, returned
from mlops.runs.invocation import adopted, arguments_of, remove_leftovers, specifications
from mlops.runs.order import Order
from mlops.runs.services import Services

if TYPE_CHECKING:
    from mlops.datasets.manifest import DatasetRecord
    from mlops.datasets.parts import Part
    from mlops.plugins.hooks import Hooks
    from mlops.runs.stores import Stores


class Prepared(Struct, frozen=True):
    """What the nodes of a process share: where datasets are, services, hooks, and where what nodes print is repeated."""

    stores: Stores
    services: Services
    hooks: Hooks | None = None
    echo: TextIO | None = None


class InputDatasetError(DatasetError):
    """A committed dataset that a node reads is gone or damaged."""


class Attempt:
    """One attempt of a node. ``metrics`` holds what it has measured so far, also where it fails."""

    def __init__(self, order: Order, prepared: Prepared, function: Callable[..., object] | None = None) -> None:
        """``function`` is the node's function where the caller has it already."""
        self.order, self.started = order, order.started or time.time()
        self.metrics: list[Metric] = []
        self._stores, self._services, self._hooks = prepared.stores, prepared.services, prepared.hooks
        self._function = function
        self._part: Part | None = None

    def commit(self) -> tuple[DatasetRecord, ...]:
        """Call the node's function, or gather what its replicas have committed, and commit what comes of it.

        Raises:
            InputDatasetError: an input is gone or damaged.
            DatasetError, RunError: an output cannot be stored, or parts of it cannot be put together.
            VetoError: a guard objects to an output.
            Exception: whatever the function raises.
        """
        return self._gather() if self.order.gather else self._call()

    def _call(self) -> tuple[DatasetRecord, ...]:
        order, node = self.order, self.order.node
        self._part = part = _part(order)
        if part is not None:
            from mlops.runs.replicas import kept_part

            if (kept := kept_part(order, self._stores.at(order.folder))) is not None:
                return kept.outputs
        function = self._function or load_function(node)
        remove_leftovers(order)
        outputs = Outputs(specifications(order), node.outputs)
        arguments = arguments_of(order, function, self._load, outputs, self._services, self.metrics)
        values: dict[str, object] = {}
        if part is None or not part.idle:  # a replica whose part has no rows has nothing to do
            value = function(**arguments)
            assigned = {**adopted(order, outputs), **outputs.values_set}
            values = returned(value, outputs=node.outputs, assigned=assigned, node=node.name)
        if order.whole:
            self._ask_guards(values)
        return self._write(values)

    def _gather(self) -> tuple[DatasetRecord, ...]:
        from mlops.runs.replicas import discard_parts, gathered_metrics, gathered_values

        values = gathered_values(self.order, self._stores)
        self.metrics += gathered_metrics(self.order, self._stores)
        self._ask_guards(values)
        records = self._write(values)
        discard_parts(self.order, self._stores)
        return records

    def _load(self, dataset: str, as_type: str | None) -> object:
        """Return an input, of a replica the rows that are its part."""
        source, part = self.order.inputs[dataset], self._part
        if source.record is None:
            value = source.value if part is None else part.of_value(source.value)
            return value if as_type is None else _in_form(value, as_type)
        try:
            origin = self._stores.at(source.folder)
            if part is not None:
                return part.of_record(origin, source.record, as_type)
            return origin.read(source.record, as_type)
        except DatasetError as cause:
            problem = cause.message.partition(": ")[2]
            raise InputDatasetError(dataset=dataset, problem=problem, hint=cause.hint) from cause

    def _ask_guards(self, values: Mapping[str, object]) -> None:
        """Let the guards of plugins look at what a node has returned, all of it, before anything is written."""
        if not self._hooks:
            return
        run, node = self.order.run, self.order.node
        found = [
            (dataset, objection)
            for dataset, value in values.items()
            for objection in self._hooks.objections("check_dataset", run=run, node=node, dataset=dataset, value=value)
        ]
        if found:
            told = [(one.distribution, f"dataset {dataset!r}: {one.problem}") for dataset, one in found]
            hint = next((one.hint for _, one in found if one.hint), None)
            raise VetoError(f"what node {node.name!r} returned", told, hint=hint)

    def _write(self, values: Mapping[str, object]) -> tuple[DatasetRecord, ...]:
        """Write the values, and last the manifest that commits them."""
        order, node = self.order, self.order.node
        store = self._stores.at(order.folder)  # until here nothing of mlops.datasets need be imported
        records = tuple(store.write(name, one, storage=node.storage.get(name, "file")) for name, one in values.items())
        from mlops.datasets.hidden import without_credentials
        from mlops.datasets.manifest import SCHEMA, Manifest

        parameters, hidden = without_credentials(order.parameters)
        store.commit(
            Manifest(
                node=node.full_name,
                version=node.origin.version,
                source=node.origin.digest,
                fingerprint="",
                parameters=parameters,
                hidden=hidden,
                schema=SCHEMA if hidden else 1,
                inputs={dataset: source.sha256 for dataset, source in order.inputs.items()},
                outputs=records,
                metrics={metric.name: metric.value for metric in self.metrics},
                attempt=order.attempt,
                started=_rfc3339(self.started),
                ended=_rfc3339(time.time()),
                mlops_version=mlops.__version__,
            )
        )
        return records


def _in_form(value: object, as_type: str) -> object:
    from mlops.datasets.tabular import in_form

    return in_form(value, as_type)


def _part(order: Order) -> Part | None:
    """Return what a replica reads; None for a node that is not partitioned."""
    if order.replica_count == 1:
        return None
    from mlops.datasets.parts import Part

    key = order.node.partitions.key if order.node.partitions is not None else None
    return Part(key, order.replica_index, order.replica_count)


def _rfc3339(moment: float) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
