"""The manifest of a node: the one file that commits all of its outputs, or none.

Values are written first and the manifest last. It ends with the SHA-256 of everything before it, so a
manifest that was cut off or damaged is recognised and counts as absent, and what it would have committed does
not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops.datasets.hashes import sha256_of_bytes
from mlops.datasets.plain import decode_plain, encode_plain
from mlops.datasets.serializer import UnstorableError
from mlops.errors import RunError

SCHEMA = 2
"""Version of the manifest's form. A reader refuses newer ones. Only a manifest with ``hidden`` needs the second."""

_SEAL = b', "sha256": "'
_SEALED_LENGTH = len(_SEAL) + 64 + len(b'"}\n')


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """One committed dataset.

    ``type`` is the qualified name of the value's type, ``path`` is relative to the run's folder. The ``sha256``
    of a folder is that of its sorted file list, as ``sha256sum`` prints it.
    """

    name: str
    type: str
    serializer: str
    path: str
    sha256: str
    bytes: int
    rows: int | None = None
    columns: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one node wrote in one run, and from what. Times are RFC 3339, ``inputs`` are dataset → sha256.

    ``parameters`` have no credentials in them; what is kept to compare those is in ``hidden``, by name of the parameter.
    """

    node: str
    version: str
    source: str
    fingerprint: str
    parameters: Mapping[str, Any]  # Any: JSON
    inputs: Mapping[str, str]
    outputs: tuple[DatasetRecord, ...]
    started: str
    ended: str
    mlops_version: str
    metrics: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    attempt: int = 1
    hidden: Mapping[str, str] = field(default_factory=dict)
    schema: int = 1

    def to_json(self) -> bytes:
        """Return the content of the manifest file: one JSON object on one line, sealed by its hash.

        Raises:
            UnstorableError: a parameter or metric is no plain value.
        """
        body = encode_plain(
            {
                "schema": self.schema,
                "node": self.node,
                "version": self.version,
                "source": self.source,
                "fingerprint": self.fingerprint,
                "mlops_version": self.mlops_version,
                "attempt": self.attempt,
                "started": self.started,
                "ended": self.ended,
                "parameters": dict(self.parameters),
                **({"hidden": dict(self.hidden)} if self.hidden else {}),
                "inputs": dict(self.inputs),
                "outputs": [_record_to_json(record) for record in self.outputs],
                "metrics": dict(self.metrics),
            }
        )[:-2]
        return b'%b%b%b"}\n' % (body, _SEAL, sha256_of_bytes(body).encode())

    @staticmethod
    def from_json(data: bytes) -> Manifest | None:
        """Return the manifest in a file's content; None when the file is not whole: it commits nothing.

        Raises:
            RunError: a newer mlops wrote it.
        """
        body, seal = data[:-_SEALED_LENGTH], data[-_SEALED_LENGTH:]
        if seal != b'%b%b"}\n' % (_SEAL, sha256_of_bytes(body).encode()):
            return None
        try:
            tree = decode_plain(body + b"}")
            if tree["schema"] > SCHEMA:
                raise RunError(
                    f"node {tree.get('node')!r} was committed by mlops {tree.get('mlops_version')} in schema "
                    f"{tree['schema']}, and this version reads up to schema {SCHEMA}",
                    hint="upgrade mlops-framework, or start a new run",
                )
            tree["outputs"] = tuple(map(_record_from_json, tree["outputs"]))
            return Manifest(**tree)
        except (UnstorableError, TypeError, KeyError, ValueError):  # sealed, but by nothing that we know
            return None


def _record_to_json(record: DatasetRecord) -> dict[str, object]:
    columns = record.columns
    return {
        "name": record.name,
        "type": record.type,
        "serializer": record.serializer,
        "path": record.path,
        "sha256": record.sha256,
        "bytes": record.bytes,
        "rows": record.rows,
        "columns": None if columns is None else [list(column) for column in columns],
    }


def _record_from_json(tree: dict[str, Any]) -> DatasetRecord:  # Any: JSON
    if tree["columns"] is not None:
        tree["columns"] = tuple((name, kind) for name, kind in tree["columns"])
    return DatasetRecord(**tree)
