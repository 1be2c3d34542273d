"""What a handler returns: a status row, a rowset, a table of data, a file transfer, or other SQL to run instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """A result column: `type` is Snowflake's wire name (text, fixed, real, boolean, timestamp_ltz, variant, ...)."""

    name: str
    type: str = "text"
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Status:
    """One row, one column `status`: what DDL answers."""

    message: str = "Statement executed successfully."


@dataclass(frozen=True, slots=True)
class Rowset:
    """Rows of plain Python values, answered as JSON: what SHOW, DESCRIBE, LIST and CALL answer.

    A row has a value a column: str, int, float, Decimal, bool, datetime with a time zone, or None. A dict or list
    goes into a `variant` column.
    """

    columns: tuple[Column, ...]
    rows: tuple[Sequence[Any], ...] = ()
    rowcount: int | None = None
    """What the client reports as affected rows, where it is not the number of rows here (INSERT, MERGE, ...)."""

    @classmethod
    def of(cls, columns: Mapping[str, str] | Iterable[str], records: Iterable[Mapping[str, Any]] = ()) -> Rowset:
        """Build a rowset from records: `columns` maps name to type (or lists names of text columns).

        A column that a record lacks is NULL.
        """
        types = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, "text")
        rows = tuple(tuple(record.get(name) for name in types) for record in records)
        return cls(tuple(Column(name, type_) for name, type_ in types.items()), rows)


@dataclass(frozen=True, slots=True)
class Data:
    """A query's result, answered as Arrow: `columns` are Snowflake's view of the table's columns, in order."""

    table: pa.Table
    columns: tuple[Column, ...]
    statement_type: int = 0x1000
    rowcount: int | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A PUT or GET descriptor: the client moves the files itself."""

    descriptor: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """SQL (Snowflake's dialect) to run in place of the statement; it is not looked up in the statement table again."""

    sql: str


Result = Status | Rowset | Data | Transfer
Answer = Result | Rewrite
