"""Binds: the values of `?` and `:n`, put into the statement.

One value a placeholder becomes a literal of the type the client sent. Many of them (`executemany`, Snowpark's larger
DataFrames) become a table that the INSERT selects from: a literal a cell would take the parser minutes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mlops_embedded.catalog import normalize
from mlops_embedded.errors import syntax_error
from mlops_embedded.sql import relations
from mlops_embedded.sql.functions import split_arguments
from mlops_embedded.sql.results import Column, Data
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.tokens import Kind, Token, string_literal, tokenize

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session

Bindings = Mapping[str, Mapping[str, Any]]
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_WHOLE, _HEXADECIMAL = re.compile(r"-?\d+"), re.compile(r"(?:[0-9a-fA-F]{2})*")
_SENT_AS_TEXT = (
    ("DATE", "DATE", _WHOLE),
    ("TIMESTAMP WITH", "TIMESTAMP_TZ", _WHOLE),
    ("TIMESTAMP", "TIMESTAMP_NTZ", _WHOLE),
    ("TIME", "TIME", _WHOLE),
    ("BLOB", "BINARY", _HEXADECIMAL),
)
_PLACE = '"_BATCH_OF_BINDS"'


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement without placeholders; `batch` are the rows of an array binding, which it selects from."""

    sql: str
    batch: Data | None = None

    def for_target(self, session: Session) -> Bound:
        """Return the batch with the types of the columns it goes into, where the client could not say them.

        A column with a None in it is sent as TEXT throughout: Snowflake takes a whole number in a text for a moment
        where the column is a DATE, TIME or TIMESTAMP, and hexadecimal digits where it is BINARY.
        """
        if self.batch is None:
            return self
        table = self.batch.table
        for name, target in _targets(session, self.sql):
            if name not in table.column_names or not pa.types.is_string(table[name].type):
                continue
            values = table[name].to_pylist()
            for prefix, kind, written in _SENT_AS_TEXT:
                if target.startswith(prefix):
                    if all(v is None or written.fullmatch(v) for v in values):
                        table = table.set_column(table.column_names.index(name), name, _array(kind, values))
                    break
        return replace(self, batch=Data(table, self.batch.columns))

    def over(self, table: str) -> str:
        """Return the statement with the batch's table in its place."""
        return self.sql.replace(_PLACE, table)


def _targets(session: Session, sql: str) -> list[tuple[str, str]]:
    """Return which columns of the batch go unchanged into which type of the INSERT's table."""
    found = Statement.of(sql)
    if found.words[:2] != ("INSERT", "INTO"):
        return []
    reader = found.after("INSERT", "INTO")
    columns = relations.columns(session, session.resolve(reader.name(), "INSERT"))
    types = {c.name: c.type for c in columns}
    order = list(types)
    following = reader.peek()
    if following is not None and following.is_symbol("("):
        order = [normalize(t.text) for t in reader.parenthesised() if not t.is_symbol(",")]
    reader.expect("SELECT")
    items = split_arguments(found.tokens[reader.position :])
    return [
        (item[0].text[1:-1], types[column])
        for item, column in zip(items, order, strict=False)
        if column in types and (len(item) == 1 or item[1].is_word("FROM"))
    ]


def bind(sql: str, bindings: Bindings | None) -> Bound:
    """Return the statement with its binds.

    Raises:
        SnowflakeError 001003: a placeholder has no value, or an array binding is for no INSERT ... VALUES (...).
    """
    if not bindings:
        return Bound(sql)
    tokens = tokenize(sql)
    if not any(isinstance(b["value"], list) for b in bindings.values()):
        return Bound(_replace(sql, tokens, {key: _literal(b["type"], b["value"]) for key, b in bindings.items()}))
    keyword, start, end = _values_tuple(tokens)
    inside = tuple(
        Token(t.kind, t.text, t.start - start - 1, t.end - start - 1) for t in tokens if start < t.start < end - 1
    )
    names = {key: f'"B{key}"' for key in bindings}
    selected = _replace(sql[start + 1 : end - 1], inside, names)
    arrays = [_array(b["type"], b["value"]) for b in bindings.values()]
    table = pa.Table.from_arrays(arrays, names=[f"B{key}" for key in bindings])
    columns = tuple(Column(name) for name in table.column_names)
    return Bound(f"{sql[:keyword]}SELECT {selected} FROM {_PLACE}{sql[end:]}", Data(table, columns))


def _replace(sql: str, tokens: tuple[Token, ...], values: Mapping[str, str]) -> str:
    pieces, position, question = [], 0, 0
    for index, token in enumerate(tokens):
        key = None
        end = token.end
        if token.is_symbol("?"):
            question += 1
            key = str(question)
        elif token.is_symbol(":") and index + 1 < len(tokens) and tokens[index + 1].start == token.end:
            follower = tokens[index + 1]
            before = tokens[index - 1] if index else None
            adjacent = before is not None and before.end == token.start and before.kind is not Kind.SYMBOL
            if follower.text in values and not adjacent:  # a:b is a path into a VARIANT, not a bind
                key, end = follower.text, follower.end
        if key is None:
            continue
        if key not in values:
            raise syntax_error(f"Bind variable {token.text} not set")
        pieces += [sql[position : token.start], values[key]]
        position = end
    return "".join([*pieces, sql[position:]])


def _values_tuple(tokens: tuple[Token, ...]) -> tuple[int, int, int]:
    """Where VALUES begins, and where the one tuple behind it begins and ends."""
    for index, token in enumerate(tokens[:-1]):
        if token.is_word("VALUES") and tokens[index + 1].is_symbol("("):
            depth = 0
            for closing in tokens[index + 1 :]:
                depth += closing.is_symbol("(") - closing.is_symbol(")")
                if depth == 0:
                    return token.start, tokens[index + 1].start, closing.end
    raise syntax_error("an array binding needs INSERT ... VALUES (...)")


def _literal(type_: str, value: Any) -> str:
    if value is None:
        return "NULL"
    text = str(value)
    match type_:
        case "FIXED" | "REAL":
            return text if not text.startswith("-") else f"({text})"
        case "BOOLEAN":
            return "TRUE" if _truth(text) else "FALSE"
        case "BINARY":
            return f"TO_BINARY({string_literal(text)}, 'HEX')"
        case "DATE":
            return f"{string_literal(_date(text).isoformat())}::DATE"
        case "TIME":
            return f"{string_literal(_moment(text).time().isoformat())}::TIME"
        case "TIMESTAMP_NTZ":
            return f"{string_literal(_moment(text).replace(tzinfo=None).isoformat(' '))}::TIMESTAMP_NTZ"
        case "TIMESTAMP_LTZ" | "TIMESTAMP_TZ":
            return f"{string_literal(_moment(text).isoformat(' '))}::TIMESTAMP_TZ"
        case _:
            return string_literal(text)


def _array(type_: str, values: Sequence[Any]) -> pa.Array:
    def each(convert: Any) -> list[Any]:  # converters of text into whatever Arrow's type takes
        return [None if value is None else convert(str(value)) for value in values]

    match type_:
        case "FIXED":
            numbers = each(Decimal)
            if all(n is None or (n == int(n) and abs(n) < 2**63) for n in numbers):
                return pa.array([None if n is None else int(n) for n in numbers], pa.int64())
            return pa.array(numbers)
        case "REAL":
            return pa.array(each(float), pa.float64())
        case "BOOLEAN":
            return pa.array(each(_truth), pa.bool_())
        case "BINARY":
            return pa.array(each(bytes.fromhex), pa.binary())
        case "DATE":
            return pa.array(each(_date), pa.date32())
        case "TIME":
            return pa.array(each(lambda text: _moment(text).time()), pa.time64("us"))
        case "TIMESTAMP_NTZ":
            return pa.array(each(lambda text: _moment(text).replace(tzinfo=None)), pa.timestamp("us"))
        case "TIMESTAMP_LTZ" | "TIMESTAMP_TZ":
            return pa.array(each(_moment), pa.timestamp("us", tz="UTC"))
        case _:
            return pa.array(each(str), pa.string())


def _truth(text: str) -> bool:
    return text.lower() in {"true", "1"}


def _date(milliseconds: str) -> Any:
    return (_EPOCH + timedelta(milliseconds=int(milliseconds))).date()


def _moment(nanoseconds: str) -> datetime:
    """A moment as the clients send it; the offset behind it (TIMESTAMP_TZ) changes how it is shown, not when it is."""
    return _EPOCH + timedelta(microseconds=int(nanoseconds.split(" ")[0]) // 1000)
