"""Binds: the values of `?` and `:n`, written into the statement as literals of the type the client sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from mlops_embedded.errors import syntax_error
from mlops_embedded.sql.tokens import Kind, Token, string_literal, tokenize

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def inline(sql: str, bindings: Mapping[str, Mapping[str, Any]] | None) -> str:
    """Return the statement with every placeholder replaced.

    An array binding (one list of values a placeholder, as `executemany` sends it) repeats the VALUES tuple of the
    INSERT, so that the batch is one statement.
    """
    if not bindings:
        return sql
    rows = max((len(b["value"]) for b in bindings.values() if isinstance(b["value"], list)), default=None)
    tokens = tokenize(sql)
    if rows is None:
        return _replace(sql, tokens, {key: _literal(b["type"], b["value"]) for key, b in bindings.items()})
    start, end = _values_tuple(tokens)
    one = [t for t in tokens if start <= t.start < end]
    shifted = tuple(Token(t.kind, t.text, t.start - start, t.end - start) for t in one)
    tuples = (
        _replace(sql[start:end], shifted, {key: _literal(b["type"], b["value"][row]) for key, b in bindings.items()})
        for row in range(rows)
    )
    return sql[:start] + ", ".join(tuples) + sql[end:]


def _replace(sql: str, tokens: tuple[Token, ...], literals: dict[str, str]) -> str:
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
            if follower.text in literals and not adjacent:  # a:b is a path into a VARIANT, not a bind
                key, end = follower.text, follower.end
        if key is None:
            continue
        if key not in literals:
            raise syntax_error(f"Bind variable {token.text} not set")
        pieces += [sql[position : token.start], literals[key]]
        position = end
    return "".join([*pieces, sql[position:]])


def _values_tuple(tokens: tuple[Token, ...]) -> tuple[int, int]:
    """Where the one tuple behind VALUES begins and ends."""
    for index, token in enumerate(tokens[:-1]):
        if token.is_word("VALUES") and tokens[index + 1].is_symbol("("):
            depth = 0
            for closing in tokens[index + 1 :]:
                depth += closing.is_symbol("(") - closing.is_symbol(")")
                if depth == 0:
                    return tokens[index + 1].start, closing.end
    raise syntax_error("an array binding needs INSERT ... VALUES (...)")


def _literal(type_: str, value: Any) -> str:
    if value is None:
        return "NULL"
    text = str(value)
    match type_:
        case "FIXED" | "REAL":
            return text if not text.startswith("-") else f"({text})"
        case "BOOLEAN":
            return "TRUE" if text.lower() in {"true", "1"} else "FALSE"
        case "BINARY":
            return f"TO_BINARY({string_literal(text)}, 'HEX')"
        case "DATE":
            return f"{string_literal((_EPOCH + timedelta(milliseconds=int(text))).date().isoformat())}::DATE"
        case "TIME":
            return f"{string_literal((_EPOCH + timedelta(microseconds=int(text) // 1000)).time().isoformat())}::TIME"
        case "TIMESTAMP_NTZ":
            return f"{string_literal(_moment(text).replace(tzinfo=None).isoformat(' '))}::TIMESTAMP_NTZ"
        case "TIMESTAMP_LTZ" | "TIMESTAMP_TZ":
            return f"{string_literal(_moment(text.split(' ')[0]).isoformat(' '))}::TIMESTAMP_TZ"
        case _:
            return string_literal(text)


def _moment(nanoseconds: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)
