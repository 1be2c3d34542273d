"""An order: one attempt of one node, with all that the process that runs it needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from mlops.nodes import Node
from mlops.runs.outcome import RunInfo

if TYPE_CHECKING:
    from mlops.datasets.manifest import DatasetRecord


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
