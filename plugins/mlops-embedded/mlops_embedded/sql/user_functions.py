"""User-defined functions: Python ones run in a worker process, SQL ones are written into the query."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mlops_embedded.catalog import Document
from mlops_embedded.catalog.grants import Securable, require
from mlops_embedded.sql import user_table_functions
from mlops_embedded.sql.functions import query_rewrite, split_arguments
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.signatures import LANGUAGES, Signature, find
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.tokens import Kind, Token, closing, tokenize
from mlops_embedded.sql.user_code import FACTORIES, code_of, fingerprint, worker_of


@dataclass(frozen=True, slots=True)
class ForeignLanguage:
    """Functions that neither run in a worker nor are SQL: calls of a service."""

    check: Callable[[Session, Signature], dict[str, Any]]
    """Return the properties of a new function, or refuse it."""
    caller: Callable[[Session, Document], Callable[[pa.Table], pa.Array]]
    """For a query that calls it: return what makes a table of arguments a column of results."""


FOREIGN_LANGUAGES: dict[str, ForeignLanguage] = {}
"""By the language that a function says it is in."""


def foreign_language(name: str, language: ForeignLanguage) -> None:
    """Register how functions of another area are created and called."""
    FOREIGN_LANGUAGES[name] = language
    LANGUAGES.add(name)


@query_rewrite
def user_function_calls(session: Session, found: Statement) -> Statement:
    """Replace calls of user functions: Python ones by a DuckDB function, SQL ones by their text, tables by their rows."""
    known = {row[0] for row in session.catalog.rows("SELECT name FROM documents WHERE kind = 'function'")}
    names = {name.partition("(")[0] for name in known}
    if not names:
        return found
    for index in range(len(found.tokens) - 2, -1, -1):
        call = _call_at(session, found, index, names)
        if call is not None:
            found = call
    return found


def _call_at(session: Session, found: Statement, index: int, names: set[str]) -> Statement | None:
    tokens = found.tokens
    if index + 1 >= len(tokens) or not tokens[index + 1].is_symbol("(") or _stored(tokens[index]) not in names:
        return None
    first = index
    parts: tuple[str, ...] = (_stored(tokens[index]),)
    while first >= 2 and tokens[first - 1].is_symbol(".") and _stored(tokens[first - 2]):
        first -= 2
        parts = (_stored(tokens[first]), *parts)
    last = closing(tokens, index + 1)
    if last is None:
        return None
    arguments = split_arguments(tokens[index + 2 : last])
    document = find(session, "function", parts, len(arguments))
    if document is None:
        return None
    require(session.catalog, session.role, "USAGE", Securable("FUNCTION", document.name), document.body["owner"])
    texts = [found.text[a[0].start : a[-1].end] for a in arguments]
    texts += [d[2] for d in document.body["arguments"][len(texts) :]]
    if document.body["returns_table"] is not None:
        inside = first >= 2 and tokens[first - 1].is_symbol("(") and tokens[first - 2].is_word("TABLE")
        if document.body["properties"]["language"] == "SQL":
            replacement = _inlined(document, texts)
        elif (rows := user_table_functions.over_rows(session, document, found, first, last, texts)) is not None:
            return rows
        else:
            replacement = user_table_functions.over_constants(session, document, found, tokens[index + 2 : last])
        if inside:
            first, last = first - 2, last + 1
    elif document.body["properties"]["language"] == "SQL":
        replacement = _inlined(document, texts)
    else:
        replacement = _python_call(session, document, texts)
    text = found.text[: tokens[first].start] + replacement + found.text[tokens[last].end :]
    return Statement.of(text)


def _stored(token: Token) -> str:
    if token.kind is Kind.QUOTED:
        return token.text[1:-1].replace('""', '"')
    return token.text.upper() if token.kind is Kind.WORD else ""


def _inlined(document: Document, texts: list[str]) -> str:
    """The SQL function's expression with its arguments in their places."""
    values = {name: text for (name, _, _), text in zip(document.body["arguments"], texts, strict=True)}
    body, pieces, position = document.body["body"].strip().rstrip(";"), [], 0
    for token in tokenize(body):
        value = values.get(_stored(token)) if token.kind in {Kind.WORD, Kind.QUOTED} else None
        if value is not None:
            pieces += [body[position : token.start], f"({value})"]
            position = token.end
    return "(" + "".join([*pieces, body[position:]]) + ")"


def _python_call(session: Session, document: Document, texts: list[str]) -> str:
    name = _register(session, document)
    types = (signature_type(t) for _, t, _ in document.body["arguments"])
    # ARRAY_CONSTRUCT(...) is a list of DuckDB's, and the function takes JSON
    given = [f"TO_VARIANT({text})" if t.is_json else text for text, t in zip(texts, types, strict=True)]
    call = f"{name}({', '.join(['1', *given])})"
    return f"PARSE_JSON({call})" if signature_type(document.body["returns"]).is_json else call


def _register(session: Session, document: Document) -> str:
    """Make the function known to the session's DuckDB connection, once, and return its name there."""
    code = "_UDF_" + fingerprint(document)
    foreign = FOREIGN_LANGUAGES.get(document.body["properties"]["language"])
    if foreign is not None:
        session.foreign_calls[code] = foreign.caller(session, document)
    name = f"{code}_{session.id}"  # DuckDB keeps functions by database, and each session has its own
    if name not in session.registered_functions:
        returns = signature_type(document.body["returns"])
        arguments = [signature_type(t) for _, t, _ in document.body["arguments"]]

        def call(*columns: Any) -> Any:
            arrays = [c.combine_chunks() if isinstance(c, pa.ChunkedArray) else c for c in columns]
            table = pa.Table.from_arrays(arrays, names=[f"_{n}" for n in range(len(arrays))])
            if foreign is not None:
                return session.foreign_calls[code](table.select(range(1, table.num_columns)))
            worker = worker_of(session, document)
            worker.load(code, f"{FACTORIES}:scalar", code_of(session, document, returns=returns.kind))
            _, result = worker.call(code, table)
            assert result is not None
            return result.column(0).combine_chunks()

        # DuckDB counts the parameters
        positional = inspect.Parameter.POSITIONAL_ONLY
        parameters = [inspect.Parameter(f"_{n}", positional) for n in range(len(arguments) + 1)]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # functions take attributes
        session.duckdb.create_function(
            name, call, ["BIGINT", *(a.duckdb for a in arguments)], returns.duckdb,
            type="arrow", null_handling="special", side_effects=True,
        )  # fmt: skip
        session.registered_functions.add(name)
    return name
