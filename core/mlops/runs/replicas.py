"""The replicas of a partitioned node: an order for each, and one that gathers what they have committed.

A replica commits its part in a folder of its own inside the run's. When all have, one gathers: it puts each dataset together,
writes it to the run's folder and commits it with the one manifest that counts. So a part that was written is written once, the
whole exists once or not at all, and a replica that failed runs again alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mlops.context import Metric
from mlops.errors import DatasetError, RunError
from mlops.nodes import Node
from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome, State
from mlops.runs.reuse import reuse

if TYPE_CHECKING:
    from mlops.datasets.manifest import DatasetRecord, Manifest
    from mlops.datasets.store import FileStore
    from mlops.runs.stores import Stores


def replica_count(node: Node) -> int:
    """Return into how many replicas a node is split; 1 for one that is not."""
    return node.partitions.count if node.partitions is not None else 1


def part_folder(folder: str, index: int, count: int) -> str:
    """Return the folder in which a replica commits its part of a run's datasets."""
    return os.path.join(folder, f"replica-{index}-of-{count}")


def replica_orders(order: Order) -> tuple[Order, ...]:
    """Return the orders of the replicas of a node, from the order to run all of it."""
    count = replica_count(order.node)
    return tuple(
        replace(
            order,
            replica_index=index,
            replica_count=count,
            part_folder=part_folder(order.run.folder, index, count),
            log=os.path.join(order.run.folder, "logs", f"{order.node.name}.replica-{index}.log"),
        )
        for index in range(count)
    )


def gather_order(order: Order, *, started: float | None = None) -> Order:
    """Return the order to gather what the replicas of a node have committed; ``started`` is when the first began."""
    return replace(order, gather=True, replica_count=replica_count(order.node), started=started)


def kept_part(order: Order, store: FileStore) -> Manifest | None:
    """Return what this replica has committed in an earlier attempt, where it is what it would write now."""
    manifest = store.manifest(order.node.full_name)
    if fits(order, manifest, store):
        return manifest
    if manifest is not None:
        store.discard(order.node.full_name)
    return None


def fits(order: Order, manifest: Manifest | None, store: FileStore) -> bool:
    """Tell whether a replica has committed what it would write now; one that had nothing to do has no outputs."""
    return reuse(
        order.node,
        manifest,
        parameters=order.parameters,
        inputs={dataset: source.sha256 for dataset, source in order.inputs.items()},
        intact=store.verify,
        outputs=() if manifest is not None and not manifest.outputs else None,
    ).fits


class Gathering:
    """The replicas of one attempt of a node as they end, and what they come to together."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._missing = replica_count(order.node)
        self._outcomes: list[NodeOutcome] = []

    def ended(self, outcome: NodeOutcome) -> None:
        """Take the outcome of a replica that has ended, or was not started."""
        self._missing -= 1
        self._outcomes.append(outcome)

    @property
    def done(self) -> bool:
        """Whether every replica has ended."""
        return self._missing == 0

    @property
    def bad(self) -> NodeOutcome | None:
        """The outcome of the node where a replica has failed, or was stopped; None where all have ended well so far."""
        failed = [one for one in self._outcomes if one.state is State.FAILED]
        stopped = [one for one in self._outcomes if not one.state.good]
        first = next(iter(failed or stopped), None)
        return None if first is None else replace(first, started=self.started, warnings=self._warnings)

    @property
    def started(self) -> float | None:
        """When the first replica began."""
        return min((one.started for one in self._outcomes if one.started is not None), default=None)

    def whole(self, gathered: NodeOutcome) -> NodeOutcome:
        """Return the outcome of the node from that of the gathering."""
        return replace(gathered, warnings=tuple(dict.fromkeys((*self._warnings, *gathered.warnings))))

    @property
    def _warnings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(warning for one in self._outcomes for warning in one.warnings))


def parts(order: Order, stores: Stores) -> list[tuple[FileStore, Manifest]]:
    """Return what each replica has committed, in their order.

    Raises:
        RunError: a replica has not committed its part.
    """
    found = []
    for index in range(order.replica_count):
        store = stores.at(part_folder(order.run.folder, index, order.replica_count))
        manifest = store.manifest(order.node.full_name)
        if manifest is None:
            raise RunError(
                f"replica {index} of {order.replica_count} of node {order.node.name!r} has committed nothing",
                hint="run it again: the parts that are committed are kept",
            )
        found.append((store, manifest))
    return found


def gathered_values(order: Order, stores: Stores) -> dict[str, object]:
    """Return each output of a node, put together from the parts of its replicas; those that had nothing to do have none.

    Raises:
        DatasetError: the parts of an output cannot be put together.
        RunError: a part is missing.
    """
    from mlops.datasets.parts import Ungatherable, gathered

    pieces: dict[str, list[tuple[FileStore, DatasetRecord]]] = {}
    for store, manifest in parts(order, stores):
        for record in manifest.outputs:
            pieces.setdefault(record.name, []).append((store, record))
    values: dict[str, object] = {}
    for name, own in pieces.items():
        try:
            values[name] = gathered(store.read(record) for store, record in own)
        except Ungatherable as cause:
            raise DatasetError(
                dataset=name,
                problem=f"the parts of {order.replica_count} replicas cannot be put together: {cause}",
                hint="return a table, a list, or a dict with keys of the replica's own, such as one model a key",
            ) from cause
    if missing := [name for name in order.node.outputs if name not in values]:
        raise DatasetError(
            dataset=missing[0],
            problem=f"no replica of node {order.node.name!r} had a row to work on",
            hint="its input has no rows: see what the node that writes it came to",
        )
    return values


def gathered_metrics(order: Order, stores: Stores) -> list[Metric]:
    """Return the metrics of all replicas; ``step`` is the number of the replica."""
    return [
        Metric(name, value, step=index)
        for index, (_, manifest) in enumerate(parts(order, stores))
        for name, value in manifest.metrics.items()
    ]


def discard_parts(order: Order, stores: Stores) -> None:
    """Remove the parts, now that the whole is committed; a folder that cannot be removed is left."""
    from contextlib import suppress

    for index in range(order.replica_count):
        folder = part_folder(order.run.folder, index, order.replica_count)
        stores.at(folder).discard(order.node.full_name)
        with suppress(OSError):
            os.rmdir(folder)


def run_all_here(order: Order, run: Callable[[Order], NodeOutcome]) -> NodeOutcome:
    """Run a node in this process, of a partitioned one each replica in turn and then the gathering."""
    if replica_count(order.node) == 1:
        return run(order)
    gathering = Gathering(order)
    for one in replica_orders(order):
        gathering.ended(run(one))
        if gathering.bad is not None:
            return gathering.bad
    return gathering.whole(run(gather_order(order, started=gathering.started)))
