"""DuckDB's columns as Snowflake's clients read them: column descriptions, Arrow batches, JSON cells.

Source: the connector's own readers (nanoarrow_cpp/ArrowIterator and converter.py): timestamps are structs of epoch and
fraction, times are nanoseconds, and JSON cells are strings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlops_embedded.sql.results import Column, Data, Rowset

_TYPES = {
    "BIGINT": "fixed", "INTEGER": "fixed", "SMALLINT": "fixed", "TINYINT": "fixed", "HUGEINT": "fixed",
    "UBIGINT": "fixed", "UINTEGER": "fixed", "USMALLINT": "fixed", "UTINYINT": "fixed", "UHUGEINT": "fixed",
    "BOOLEAN": "boolean", "DOUBLE": "real", "FLOAT": "real", "DATE": "date", "TIME": "time", "BLOB": "binary",
    "JSON": "variant", "TIMESTAMP": "timestamp_ntz", "TIMESTAMP_NS": "timestamp_ntz", "TIMESTAMP_S": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz", "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def column(name: str, duckdb_type: str) -> Column:
    """Describe a DuckDB column as Snowflake would; a type without a twin is text."""
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", duckdb_type):
        return Column(name, "fixed", precision=int(match[1]), scale=int(match[2]))
    if duckdb_type.endswith("]"):
        return Column(name, "array")
    if duckdb_type.startswith(("STRUCT", "MAP")):
        return Column(name, "object")
    return Column(name, _TYPES.get(duckdb_type, "text"))


def rowtype(columns: Sequence[Column], database: str | None = None, schema: str | None = None) -> list[dict[str, Any]]:
    """Return the `rowtype` of an answer."""
    return [_described(c, database, schema) for c in columns]


def _described(c: Column, database: str | None, schema: str | None) -> dict[str, Any]:
    precision, scale, length, byte_length = c.precision, c.scale, c.length, None
    if c.type == "fixed":
        precision, scale = precision or 38, scale or 0
    elif c.type == "text":
        length = length or 16_777_216
        byte_length = min(length * 4, 16_777_216)
    elif c.type.startswith("time"):
        precision, scale = 0, 9
    elif c.type == "binary":
        length = byte_length = length or 8_388_608
    return {
        "name": c.name, "database": database or "", "schema": schema or "", "table": "", "nullable": c.nullable,
        "type": c.type, "length": length, "byteLength": byte_length, "precision": precision, "scale": scale,
        "collation": None,
    }  # fmt: skip


def arrow_stream(data: Data) -> bytes:
    """Return the rows as one Arrow IPC stream in the connector's layout; no rows is an empty stream."""
    if data.table.num_rows == 0:
        return b""
    arrays, fields = [], []
    for values, c in zip(data.table.columns, data.columns, strict=True):
        array = _array(values.combine_chunks(), c)
        described = _described(c, None, None)
        metadata = {
            "logicalType": c.type.upper(),
            "precision": str(described["precision"] or 38),
            "scale": str(described["scale"] or 0),
            "charLength": str(described["length"] or 0),
        }
        arrays.append(array)
        fields.append(pa.field(c.name, array.type, metadata=metadata))
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _array(values: pa.Array, c: Column) -> pa.Array:
    kind = values.type
    if c.type == "fixed":
        if pa.types.is_decimal(kind) and kind.scale == 0:
            return _narrowed(values)
        if pa.types.is_uint64(kind):
            return _narrowed(values.cast(pa.decimal128(38, 0)))
        return values if pa.types.is_decimal(kind) else values.cast(pa.int64())
    if c.type == "real":
        return values.cast(pa.float64())
    if pa.types.is_timestamp(kind):
        return _timestamps(values)
    if pa.types.is_time(kind):
        return pc.multiply(values.cast(pa.time64("ns")).cast(pa.int64()), 1)
    if pa.types.is_nested(kind):
        return pa.array([None if v is None else json.dumps(v, default=str) for v in values.to_pylist()], pa.string())
    if c.type in {"text", "variant", "object", "array"} and not pa.types.is_string(kind):
        return values.cast(pa.string())
    return values


def _narrowed(values: pa.Array) -> pa.Array:
    """Whole numbers of 38 digits as 64 bits where all of them fit, as Snowflake sends them."""
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return values.cast(pa.decimal128(38, 0))


def _timestamps(values: pa.Array) -> pa.Array:
    """Timestamps as (epoch, fraction[, time zone]); the null mask is what keeps NULL from becoming 1970."""
    missing = pc.is_null(values)
    nanoseconds = pc.fill_null(values.cast(pa.timestamp("ns", tz=values.type.tz)).cast(pa.int64()), 0)
    epoch = pc.divide(nanoseconds, 10**9)
    # division cuts towards zero, but a moment before 1970 belongs to the second below it
    epoch = pc.subtract(epoch, pc.less(nanoseconds, pc.multiply(epoch, 10**9)).cast(pa.int64()))
    fraction = pc.subtract(nanoseconds, pc.multiply(epoch, 10**9)).cast(pa.int32())
    arrays = [epoch, fraction]
    fields = [pa.field("epoch", pa.int64(), nullable=False), pa.field("fraction", pa.int32(), nullable=False)]
    if values.type.tz is not None:
        # minutes from UTC, plus 1440: every session here is in UTC
        arrays.append(pa.array([1440] * len(values), pa.int32()))
        fields.append(pa.field("timezone", pa.int32(), nullable=False))
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=missing)


def json_cells(rows: Sequence[Sequence[Any]]) -> list[list[str | None]]:
    return [[_cell(value) for value in row] for row in rows]


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        since = moment - _EPOCH
        return f"{since.days * 86_400 + since.seconds}.{since.microseconds:06d}000"
    if isinstance(value, date):
        return str((value - date(1970, 1, 1)).days)
    if isinstance(value, time):
        return f"{value.hour * 3600 + value.minute * 60 + value.second}.{value.microsecond:06d}000"
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return value.hex().upper() if isinstance(value, bytes) else str(value)


def as_rowset(data: Data, rowcount: int | None = None) -> Rowset:
    """Return small data (a status, the counts of a DML statement) as a rowset."""
    return Rowset(data.columns, tuple(tuple(row.values()) for row in data.table.to_pylist()), rowcount)


_ARROW = {
    "fixed": pa.int64(), "real": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(),
    "timestamp_ltz": pa.timestamp("us", tz="UTC"), "timestamp_tz": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"), "binary": pa.binary(),
}  # fmt: skip


def as_table(rowset: Rowset) -> pa.Table:
    """Return a rowset as an Arrow table, for queries over it (RESULT_SCAN, table functions)."""
    arrays = []
    for index, c in enumerate(rowset.columns):
        values = [row[index] for row in rowset.rows]
        wanted = _ARROW.get(c.type, pa.string())
        if c.type == "fixed" and any(isinstance(v, Decimal) for v in values):
            wanted = pa.decimal128(38, c.scale or 0)
        if wanted == pa.string():
            values = [json.dumps(v) if isinstance(v, (dict, list)) else None if v is None else str(v) for v in values]
        arrays.append(pa.array(values, wanted))
    return pa.Table.from_arrays(arrays, names=[c.name for c in rowset.columns])
