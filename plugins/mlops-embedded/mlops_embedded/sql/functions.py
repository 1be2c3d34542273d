"""Functions of our own inside a query: scalar ones become a literal, table functions a temporary table.

    @scalar_function("SYSTEM$GET_TAG")
    def get_tag(session: Session, arguments: Arguments) -> object: ...

    @table_function("INFORMATION_SCHEMA.TASK_HISTORY")
    def task_history(session: Session, arguments: Arguments) -> Rowset: ...

    @query_rewrite
    def model_methods(session: Session, statement: Statement) -> Statement: ...

Arguments must not depend on a row: they are literals, or expressions that are evaluated once, before the query runs.
What works on columns (a UDF, a model's method) is a `query_rewrite` that puts a DuckDB function in its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlops_embedded.errors import invalid_value
from mlops_embedded.sql.results import Data, Rowset
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.tokens import Kind, Token, closing, string_literal, string_value

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session


@dataclass(frozen=True, slots=True)
class Arguments:
    """The evaluated arguments of a call; names are upper case, as in `RESULT_LIMIT => 10`."""

    function: str
    positional: tuple[Any, ...]
    named: dict[str, Any]
    qualifier: tuple[str, ...] = ()
    """The stored parts before the function's name: ("D",) in D.INFORMATION_SCHEMA.TAG_REFERENCES(...)."""

    def get(self, position: int, name: str | None = None, default: Any = None) -> Any:
        """Return an argument by position, or by name if it was given so."""
        if name is not None and name in self.named:
            return self.named[name]
        return self.positional[position] if position < len(self.positional) else default

    def require(self, position: int, name: str | None = None) -> Any:
        missing = object()
        value = self.get(position, name, missing)
        if value is missing:
            raise invalid_value(f"function {self.function}: argument {position + 1} is missing")
        return value


@dataclass(frozen=True, slots=True)
class Expression:
    """What a scalar function returns where no literal will do: SQL of its value."""

    sql: str


ScalarFunction = Callable[["Session", Arguments], object]
TableFunction = Callable[["Session", Arguments], Rowset | Data]
QueryRewrite = Callable[["Session", Statement], Statement]

_SCALARS: dict[tuple[str, ...], ScalarFunction] = {}
_TABLES: dict[tuple[str, ...], TableFunction] = {}
_REWRITES: list[QueryRewrite] = []


def scalar_function(name: str) -> Callable[[ScalarFunction], ScalarFunction]:
    """Register a function whose call in a query becomes a literal: str, number, bool, None; dict and list as JSON."""

    def register(function: ScalarFunction) -> ScalarFunction:
        _SCALARS[tuple(name.upper().split("."))] = function
        return function

    return register


def table_function(name: str) -> Callable[[TableFunction], TableFunction]:
    """Register a function for FROM TABLE(name(...)); SELECT columns of the rowset are spelled upper case."""

    def register(function: TableFunction) -> TableFunction:
        _TABLES[tuple(name.upper().split("."))] = function
        return function

    return register


def query_rewrite(rewrite: QueryRewrite) -> QueryRewrite:
    """Register a rewrite of every query (SELECT, WITH, and the query inside CREATE ... AS and INSERT)."""
    _REWRITES.append(rewrite)
    return rewrite


def scalar_call(session: Session, name: str, arguments: Arguments) -> object:
    """Call a registered scalar function by name (CALL SYSTEM$...)."""
    return _SCALARS[tuple(name.upper().split("."))](session, arguments)


def is_scalar(name: str) -> bool:
    return tuple(name.upper().split(".")) in _SCALARS


def expand(session: Session, found: Statement) -> Statement:
    """Return the query with every registered function replaced, innermost first, and every rewrite applied."""
    found = rewritten(session, found)
    while (replaced := _replace_last_call(session, found)) is not None:
        found = replaced
    return found


def rewritten(session: Session, found: Statement) -> Statement:
    """Return the statement with every registered rewrite applied, in the order of their registration."""
    for rewrite in _REWRITES:
        found = rewrite(session, found)
    return found


def _replace_last_call(session: Session, found: Statement) -> Statement | None:
    # from the right, so that a call inside another one's arguments is replaced before it
    for index in range(len(found.tokens) - 2, -1, -1):
        token = found.tokens[index]
        if token.kind is not Kind.WORD or not found.tokens[index + 1].is_symbol("("):
            continue
        first, parts = _qualified(found.tokens, index)
        scalar, table = _registered(_SCALARS, parts), _registered(_TABLES, parts)
        inside = _inside_table(found.tokens, first)
        last = closing(found.tokens, index + 1)
        if last is None:
            raise invalid_value("a parenthesis is not closed")
        given = found.tokens[index + 2 : last]
        if table is not None and (inside or scalar is None):
            arguments = evaluate(session, table, given, found.text, _qualifier(parts, table))
            text = session.scratch_table(_TABLES[tuple(table.split("."))](session, arguments))
            if inside:  # TABLE( ... ) goes with it
                first, last = first - 2, last + 1
        elif scalar is not None:
            arguments = evaluate(session, scalar, given, found.text, _qualifier(parts, scalar))
            text = literal(_SCALARS[tuple(scalar.split("."))](session, arguments))
            if _is_select_item(found.tokens, first, last):
                written = found.text[found.tokens[first].start : found.tokens[last].end].upper()
                text += ' AS "' + written.replace('"', '""') + '"'
        else:
            continue
        start, end = found.tokens[first].start, found.tokens[last].end
        return Statement.of(found.text[:start] + text + found.text[end:])
    return None


def _registered(known: Container[tuple[str, ...]], parts: tuple[str, ...]) -> str | None:
    """Return the longest registered name at the end of a qualified one."""
    return next((".".join(parts[n:]) for n in range(len(parts)) if parts[n:] in known), None)


def _qualifier(parts: tuple[str, ...], known: str) -> tuple[str, ...]:
    return parts[: len(parts) - len(known.split("."))]


def _qualified(tokens: tuple[Token, ...], index: int) -> tuple[int, tuple[str, ...]]:
    parts = [tokens[index].text.upper()]
    while index >= 2 and tokens[index - 1].is_symbol(".") and tokens[index - 2].kind in {Kind.WORD, Kind.QUOTED}:
        index -= 2
        part = tokens[index]
        parts.insert(0, part.text.upper() if part.kind is Kind.WORD else part.text[1:-1])
    return index, tuple(parts)


def _inside_table(tokens: tuple[Token, ...], first: int) -> bool:
    return first >= 2 and tokens[first - 1].is_symbol("(") and tokens[first - 2].is_word("TABLE")


def _is_select_item(tokens: tuple[Token, ...], first: int, last: int) -> bool:
    """Whether the call is a whole item of a SELECT list: its column then has the call's text as its name."""
    after = tokens[last + 1] if last + 1 < len(tokens) else None
    if after is not None and not (after.is_symbol(",") or after.is_symbol(")") or after.is_word("FROM")):
        return False
    if not first or not (tokens[first - 1].is_symbol(",") or tokens[first - 1].is_word("SELECT")):
        return False
    depth = 0
    for token in reversed(tokens[:first]):
        depth += token.is_symbol(")") - token.is_symbol("(")
        if depth < 0 or (depth == 0 and token.kind is Kind.WORD and token.text.upper() in _LIST_STARTS):
            return depth == 0 and token.is_word("SELECT")
    return False


_LIST_STARTS = {"SELECT", "BY", "VALUES", "FROM", "SET", "WHERE", "ON"}


def evaluate(
    session: Session, function: str, tokens: tuple[Token, ...], text: str, qualifier: tuple[str, ...] = ()
) -> Arguments:
    """Return the arguments between a call's parentheses; an expression is evaluated by a query of its own."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for argument in split_arguments(tokens):
        if len(argument) > 2 and argument[1].is_symbol("=>"):
            named[argument[0].text.upper()] = _value(session, argument[2:], text)
        else:
            positional.append(_value(session, argument, text))
    return Arguments(function, tuple(positional), named, qualifier)


def split_arguments(tokens: tuple[Token, ...]) -> list[tuple[Token, ...]]:
    """Split tokens at the commas that are in no parentheses or brackets."""
    arguments: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += token.is_symbol("(") + token.is_symbol("[") - token.is_symbol(")") - token.is_symbol("]")
        if depth == 0 and token.is_symbol(","):
            arguments.append([])
        else:
            arguments[-1].append(token)
    return [tuple(argument) for argument in arguments if argument]


def _value(session: Session, tokens: tuple[Token, ...], text: str) -> Any:
    if len(tokens) == 1:
        [token] = tokens
        if token.kind in {Kind.STRING}:
            return string_value(token.text)
        if token.kind is Kind.LOCATION:
            return token.text
        if token.kind is Kind.NUMBER:
            return int(token.text) if token.text.isdigit() else float(token.text)
        if token.kind is Kind.WORD and token.text.upper() in {"TRUE", "FALSE", "NULL"}:
            return {"TRUE": True, "FALSE": False, "NULL": None}[token.text.upper()]
    return session.scalar(f"SELECT {text[tokens[0].start : tokens[-1].end]}")


def literal(value: object) -> str:
    """Return a Python value as SQL."""
    if isinstance(value, Expression):
        return value.sql
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float, Decimal)):
        return repr(value) if not isinstance(value, Decimal) else str(value)
    if isinstance(value, (dict, list)):
        value = json.dumps(value)
    return string_literal(str(value))
