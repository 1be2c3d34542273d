"""Calls of table functions over rows: FROM rows, TABLE(f(a, b) OVER (PARTITION BY c ORDER BY d)), models' and users'.

Where such a call stands, and the rows that it is called on: they are read first, with the common table expressions
that stand before them.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops_embedded.catalog import normalize
from mlops_embedded.errors import syntax_error
from mlops_embedded.sql.functions import split_arguments
from mlops_embedded.sql.results import Data
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tokens import Kind, Token, closing

_JOINS = {"JOIN", "CROSS", "INNER"}
_BEHIND = {
    "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "QUALIFY", "UNION", "INTERSECT", "EXCEPT", "MINUS", "JOIN", "LEFT", "RIGHT",
    "FULL", "INNER", "CROSS", "NATURAL", "ON", ")", ",", ";", "FETCH", "OFFSET", "SAMPLE", "PIVOT", "UNPIVOT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TablePlace:
    """Where the call stands: the characters that it and its rows take, the rows' SQL, and what is read before it."""

    start: int
    end: int
    tables: str
    """What stands between FROM and the comma before TABLE(...); empty if nothing does."""
    with_: str
    partition_by: tuple[str, ...]
    partition_columns: frozenset[str]
    order_by: str
    alias: str
    """What the rows are called; empty if they have no name."""
    result: str
    """What the rows of the function are called, with its columns' names if they are said; empty if nothing is."""
    alias_end: int
    """Where that name ends."""


def place_of(found: Statement, first: int, last: int) -> TablePlace:
    """Read the place of a call whose first token is `first` and whose closing parenthesis is `last`.

    The rows are what stands before a comma, JOIN or CROSS JOIN.
    """
    tokens = found.tokens
    if first < 3 or not (tokens[first - 1].is_symbol("(") and tokens[first - 2].is_word("TABLE")):
        raise syntax_error("a table function stands in FROM TABLE(...)")
    reader = Reader(found, last + 1)
    partition_by, partition_columns, order_by = _over(found, reader)
    reader.expect(")")
    end = tokens[reader.position - 1].end
    result, alias_end = _result_name(found, reader.position, end)
    level = _level(found, first - 2)
    from_ = next((n for n in level if tokens[n].is_word("FROM")), None)
    before = first - 3
    if from_ == before:
        start = tokens[first - 2].start
        return TablePlace(start, end, "", "", partition_by, partition_columns, order_by, "", result, alias_end)
    while before > 0 and tokens[before].kind is Kind.WORD and tokens[before].text.upper() in _JOINS:
        before -= 1
    if from_ is None or (before == first - 3 and not tokens[before].is_symbol(",")):
        raise syntax_error(f"syntax error: unexpected {tokens[first - 3].text!r} before TABLE(...), expected a comma")
    item = tokens[from_ + 1 : before if before == first - 3 else before + 1]
    return TablePlace(
        start=item[0].start,
        end=end,
        tables=found.text[item[0].start : item[-1].end],
        with_=_with(found, [n for n in level if n < from_]),
        partition_by=partition_by,
        partition_columns=partition_columns,
        order_by=order_by,
        alias=_name_of(item),
        result=result,
        alias_end=alias_end,
    )


def _name_of(item: tuple[Token, ...]) -> str:
    """Return what the rows before the call are called: `t`, `d.s.t` and `(SELECT ...) AS t` are t."""
    if all(token.kind in {Kind.WORD, Kind.QUOTED} or token.is_symbol(".") for token in item):
        return item[-1].text
    named = item[-1].kind in {Kind.WORD, Kind.QUOTED} and (item[-2].is_word("AS") or item[-2].is_symbol(")"))
    return item[-1].text if named else ""


def _result_name(found: Statement, position: int, end: int) -> tuple[str, int]:
    """Read `AS t`, `t` or `t (a, b)` behind TABLE(...)."""
    tokens = found.tokens
    if position < len(tokens) and tokens[position].is_word("AS"):
        position += 1
    elif position >= len(tokens) or (
        tokens[position].kind is not Kind.QUOTED and tokens[position].text.upper() in _BEHIND
    ):
        return "", end
    if position >= len(tokens) or tokens[position].kind not in {Kind.WORD, Kind.QUOTED}:
        return "", end
    last = position
    if last + 1 < len(tokens) and tokens[last + 1].is_symbol("("):
        last = closing(tokens, last + 1) or last
    return found.text[tokens[position].start : tokens[last].end], tokens[last].end


def rows_of(session: Session, place: TablePlace, arguments: list[str]) -> Data:
    """Read the rows: the number of the partition, the arguments, and every column of the tables.

    None for a statement that is only described: the worker then answers with the types, and runs nothing.
    """
    order = f"ORDER BY {', '.join(place.partition_by)}" if place.partition_by else "ORDER BY 1"
    items = [f'DENSE_RANK() OVER ({order}) AS "_PARTITION"']
    items += [f'{text} AS "_ARGUMENT_{n}"' for n, text in enumerate(arguments)]
    tables = f", * FROM {place.tables}" if place.tables else ""
    limit = " LIMIT 0" if session.describing else ""
    sorted_by = f" ORDER BY 1{', ' + place.order_by if place.order_by else ''}" if place.tables else ""
    result = session.execute(f"{place.with_} SELECT {', '.join(items)}{tables}{sorted_by}{limit}")
    assert isinstance(result, Data)
    return result


def _level(found: Statement, index: int) -> list[int]:
    """Return the tokens before this one that stand in the same parentheses, the nearest first."""
    level, depth = [], 0
    for position in range(index - 1, -1, -1):
        token = found.tokens[position]
        depth += token.is_symbol(")") - token.is_symbol("(")
        if depth < 0:
            break
        if depth == 0:
            level.append(position)
    return level


def _with(found: Statement, level: list[int]) -> str:
    """Return the WITH ... before the SELECT that the tokens of this level lead to; empty if there is none."""
    tokens = found.tokens
    select = next((n for n in level if tokens[n].is_word("SELECT")), None)
    with_ = next((n for n in reversed(level) if tokens[n].is_word("WITH")), None)
    if select is None or with_ is None or with_ > select:
        return ""
    return found.text[tokens[with_].start : tokens[select].start]


def _over(found: Statement, reader: Reader) -> tuple[tuple[str, ...], frozenset[str], str]:
    """Read [OVER ([PARTITION BY a, b] [ORDER BY c])]: expressions, names of those that are columns, and the order."""
    if not reader.accept("OVER"):
        return (), frozenset(), ""
    inside = reader.parenthesised()
    order_by = ""
    for index in range(len(inside) - 1):
        if inside[index].is_word("ORDER") and inside[index + 1].is_word("BY"):
            order_by = found.text[inside[index + 2].start : inside[-1].end] if inside[index + 2 :] else ""
            inside = inside[:index]
            break
    if not inside:
        return (), frozenset(), order_by
    if len(inside) < 3 or not (inside[0].is_word("PARTITION") and inside[1].is_word("BY")):
        raise syntax_error("a table function takes OVER ([PARTITION BY ...] [ORDER BY ...])")
    expressions = split_arguments(inside[2:])
    texts = (found.text[e[0].start : e[-1].end] for e in expressions)
    last = (e[-1] for e in expressions if e[-1].kind in {Kind.WORD, Kind.QUOTED})
    # PARTITION BY 1, what the Registry writes for one partition of all rows, is no column's number
    by = tuple(text for text in texts if not text.isdigit())
    return by, frozenset(normalize(token.text) for token in last), order_by
