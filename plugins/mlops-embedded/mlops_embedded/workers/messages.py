"""Messages between server and worker: a JSON header, then Arrow record batches, both with their length before them."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

import pyarrow as pa

_LENGTHS = struct.Struct("!II")


def write(stream: BinaryIO, header: dict[str, Any], table: pa.Table | None = None) -> None:
    """Write one message; a table of None is an empty body."""
    head = json.dumps(header).encode()
    body = b""
    if table is not None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body = sink.getvalue().to_pybytes()
    stream.write(_LENGTHS.pack(len(head), len(body)) + head + body)
    stream.flush()


def read(stream: BinaryIO) -> tuple[dict[str, Any], pa.Table | None]:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
    """
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        raise EOFError
    head, body = _LENGTHS.unpack(lengths)
    header: dict[str, Any] = json.loads(stream.read(head))
    table = pa.ipc.open_stream(stream.read(body)).read_all() if body else None
    return header, table
