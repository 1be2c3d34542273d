"""Variables of a block: their values as SQL that means the same, and the text of a statement with them in place."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, field
from typing import Any

from mlops_embedded.catalog import normalize
from mlops_embedded.errors import SnowflakeError, syntax_error, unknown_here
from mlops_embedded.sql.functions import literal
from mlops_embedded.sql.results import Column, Data, Result, Rowset, Status
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.tokens import Kind, Token, string_literal

_NESTED = {"variant", "object", "array"}


@dataclass(frozen=True, slots=True)
class Value:
    """What a variable holds: the Python value, and a literal of the same type."""

    python: Any
    sql: str


NULL = Value(None, "NULL")


@dataclass(slots=True)
class Table:
    """What a cursor or a resultset holds; `rows` is None until it is opened or assigned."""

    query: Statement | None
    is_cursor: bool
    result: Result | None = None
    rows: list[dict[str, Value]] | None = None
    fetched: int = 0


Record = dict[str, Value]


@dataclass(slots=True)
class Scope:
    """The names of a block; those of the block around it are seen too."""

    outer: Scope | None = None
    names: dict[str, Value | Record | Table] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    exceptions: dict[str, tuple[int, str]] = field(default_factory=dict)

    def holder(self, name: str) -> Scope | None:
        """Return the scope that declares a name, the innermost first."""
        if name in self.names:
            return self
        return None if self.outer is None else self.outer.holder(name)

    def find(self, name: str) -> Value | Record | Table | None:
        holder = self.holder(name)
        return None if holder is None else holder.names[name]

    def exception(self, name: str) -> tuple[int, str] | None:
        if name in self.exceptions or self.outer is None:
            return self.exceptions.get(name)
        return self.outer.exception(name)

    def table(self, name: str) -> Table:
        found = self.find(name)
        if not isinstance(found, Table):
            raise syntax_error(f"invalid identifier '{name}': it is no cursor and no resultset of the block")
        return found


def value_of(python: Any, column: Column) -> Value:
    """Return a cell of a result as a value."""
    if python is None:
        return NULL
    if column.type in _NESTED:
        text = python if isinstance(python, str) else literal(python)[1:-1]
        return Value(python, f"PARSE_JSON({string_literal(text)})")
    if isinstance(python, datetime.datetime):
        kind = "TIMESTAMP_NTZ" if python.tzinfo is None else column.type.upper()
        return Value(python, f"'{python.isoformat(sep=' ')}'::{kind}")
    if isinstance(python, (datetime.date, datetime.time)):
        kind = "DATE" if isinstance(python, datetime.date) else "TIME"
        return Value(python, f"'{python.isoformat()}'::{kind}")
    if isinstance(python, bytes):
        return Value(python, f"TO_BINARY('{python.hex()}', 'HEX')")
    if isinstance(python, float):
        return Value(python, f"{python!r}::FLOAT" if math.isfinite(python) else f"'{python}'::FLOAT")
    return Value(python, literal(python))


def rows_of(result: Result) -> list[Record]:
    """Return the rows of a result, each with its values by column name."""
    match result:
        case Data(table=table, columns=columns):
            cells = [column.to_pylist() for column in table.columns]
            rows: Any = zip(*cells, strict=True) if cells else []
        case Rowset(columns=columns, rows=rows):
            pass
        case Status(message=message):
            columns, rows = (Column("status"),), [(message,)]
        case _:
            raise unknown_here("a file transfer inside a Snowflake Scripting block")
    return [
        {column.name.upper(): value_of(cell, column) for column, cell in zip(columns, row, strict=True)} for row in rows
    ]


def with_binds(scope: Scope, found: Statement) -> str:
    """Return a SQL statement with `:name` replaced by the variable's value.

    Raises:
        SnowflakeError 002049: there is no such variable.
    """
    pieces, position = [], 0
    for index, token in enumerate(found.tokens[:-1]):
        following = found.tokens[index + 1]
        if not _is_bind(found.tokens, index):
            continue
        pieces += [found.text[position : token.start], _scalar(scope, normalize(following.text)).sql]
        position = following.end
    return "".join([*pieces, found.text[position:]])


def as_expression(scope: Scope, found: Statement) -> str:
    """Return an expression with variables replaced, with and without colon; a query inside it needs the colons."""
    pieces, position, depth = [], 0, 0
    query_depth: int | None = None
    tokens = found.tokens
    for index, token in enumerate(tokens):
        depth += token.is_symbol("(") - token.is_symbol(")")
        if query_depth is not None and depth < query_depth:
            query_depth = None
        if query_depth is None and token.kind is Kind.WORD and token.text.upper() in {"SELECT", "WITH"}:
            query_depth = depth
        if token.start < position:
            continue
        if _is_bind(tokens, index):
            following = tokens[index + 1]
            pieces += [found.text[position : token.start], _scalar(scope, normalize(following.text)).sql]
            position = following.end
        elif query_depth is None and (replaced := _variable_at(scope, tokens, index)) is not None:
            value, end = replaced
            pieces += [found.text[position : token.start], value.sql]
            position = end
    return "".join([*pieces, found.text[position:]])


def with_marks(found: Statement, values: list[Value]) -> str:
    """Return a statement with its question marks replaced by values, in order."""
    marks = [token for token in found.tokens if token.is_symbol("?")]
    if len(marks) != len(values):
        raise SnowflakeError(
            f"SQL compilation error:\nBind variable ? not set: {len(marks)} in the statement, {len(values)} in USING.",
            code="002049",
            sqlstate="42601",
        )
    pieces, position = [], 0
    for token, value in zip(marks, values, strict=True):
        pieces += [found.text[position : token.start], value.sql]
        position = token.end
    return "".join([*pieces, found.text[position:]])


def _is_bind(tokens: tuple[Token, ...], index: int) -> bool:
    """Whether `:name` begins here; after a column or an element, `:` is a path into a VARIANT."""
    token = tokens[index]
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if not token.is_symbol(":") or following is None or following.kind not in {Kind.WORD, Kind.QUOTED}:
        return False
    if following.start != token.end:
        return False
    before = tokens[index - 1] if index else None
    adjacent = before is not None and before.end == token.start
    return before is None or not adjacent or (before.kind is Kind.SYMBOL and before.text not in {")", "]"})


def _variable_at(scope: Scope, tokens: tuple[Token, ...], index: int) -> tuple[Value, int] | None:
    """Return the value of the variable, or of the field of a record, that is written here, and where it ends."""
    token = tokens[index]
    if token.kind not in {Kind.WORD, Kind.QUOTED} or (index and tokens[index - 1].is_symbol(".")):
        return None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if after is not None and after.is_symbol("("):
        return None
    found = scope.find(normalize(token.text))
    if isinstance(found, dict) and after is not None and after.is_symbol(".") and index + 2 < len(tokens):
        name = normalize(tokens[index + 2].text)
        if name not in found:
            raise syntax_error(f"invalid identifier '{token.text}.{tokens[index + 2].text}'")
        return found[name], tokens[index + 2].end
    return (found, token.end) if isinstance(found, Value) else None


def _scalar(scope: Scope, name: str) -> Value:
    found = scope.find(name)
    if not isinstance(found, Value):
        raise SnowflakeError(
            f"SQL compilation error:\nBind variable ':{name}' not set.", code="002049", sqlstate="42601"
        )
    return found
