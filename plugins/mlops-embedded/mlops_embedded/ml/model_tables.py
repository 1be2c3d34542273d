"""Table functions of models: FROM rows, TABLE(MODEL(m, v)!FORECAST(a, b) OVER (PARTITION BY c)).

The rows are read first, with the common table expressions that stand before them; the worker gets them with the number
of their partition; what it returns, beside the columns of the rows, takes the place of both in the query. As in
Snowflake, a row of a whole partition has NULL in every column of the rows but those of PARTITION BY.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from mlops_embedded.catalog import normalize
from mlops_embedded.errors import SnowflakeError, syntax_error
from mlops_embedded.ml.model_inference import LoadedMethod
from mlops_embedded.sql.functions import split_arguments
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.results import Column, Data
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tokens import Kind
from mlops_embedded.sql.wire import column
from mlops_embedded.workers import WorkerError


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the call stands: the characters that it and its rows take, the rows' SQL, and what is read before it."""

    start: int
    end: int
    tables: str
    """What stands between FROM and the comma before TABLE(...); empty if nothing does."""
    with_: str
    partition_by: tuple[str, ...]
    partition_columns: frozenset[str]
    alias: str


def replace_table_call(
    session: Session, found: Statement, first: int, last: int, method: LoadedMethod, arguments: list[str]
) -> Statement:
    """Run a table function and return the statement with a temporary table in its place."""
    place = _place(found, first, last)
    rows, number_of_arguments = _rows(session, place, arguments), len(arguments)
    given, beside = rows.table.select(range(number_of_arguments + 1)), rows.table.columns[number_of_arguments + 1 :]
    columns = list(rows.columns[number_of_arguments + 1 :]) if place.tables else []
    try:
        answer, result = method.ready(session).call(method.key, given)
    except WorkerError as error:
        raise SnowflakeError(
            f"Python Interpreter Error:\n{error.traceback or error}\n in function {method.method.name}",
            code="100357",
            sqlstate="P0000",
        ) from error
    assert result is not None
    belongs = result.column("row")
    kept = [
        values.take(belongs)
        if answer["by_row"] or described.name in place.partition_columns
        else pa.nulls(result.num_rows, values.type)
        for values, described in zip(beside, columns, strict=False)
    ]
    outputs = tuple(_output(name.name, name.type) for name in method.method.outputs)
    described = (*columns, *outputs)
    data = Data(pa.table([*kept, *result.columns[1:]], [c.name for c in described]), described)
    text = session.scratch_table(data) + (f" AS {place.alias}" if place.alias else "")
    return Statement.of(found.text[: place.start] + text + found.text[place.end :])


def _rows(session: Session, place: _Place, arguments: list[str]) -> Data:
    """Read the rows: the number of the partition, the arguments, and every column of the tables.

    None for a statement that is only described: the worker then answers with the types, and runs nothing.
    """
    order = f"ORDER BY {', '.join(place.partition_by)}" if place.partition_by else "ORDER BY 1"
    items = [f'DENSE_RANK() OVER ({order}) AS "_PARTITION"']
    items += [f'{text} AS "_ARGUMENT_{n}"' for n, text in enumerate(arguments)]
    tables = f", * FROM {place.tables}" if place.tables else ""
    limit = " LIMIT 0" if session.describing else ""
    result = session.execute(f"{place.with_} SELECT {', '.join(items)}{tables}{limit}")
    assert isinstance(result, Data)
    return result


def _output(name: str, type_: str) -> Column:
    signature = signature_type(type_)
    return Column(name, "variant") if signature.is_json else column(name, signature.duckdb)


def _place(found: Statement, first: int, last: int) -> _Place:
    tokens = found.tokens
    if first < 3 or not (tokens[first - 1].is_symbol("(") and tokens[first - 2].is_word("TABLE")):
        raise syntax_error("a table function of a model stands in FROM TABLE(...)")
    reader = Reader(found, last + 1)
    partition_by, partition_columns = _partition_by(found, reader)
    reader.expect(")")
    end = tokens[reader.position - 1].end
    level = _level(found, first - 2)
    from_ = next((n for n in level if tokens[n].is_word("FROM")), None)
    before = first - 3
    if from_ == before:
        return _Place(tokens[first - 2].start, end, "", "", partition_by, partition_columns, "")
    if from_ is None or not tokens[before].is_symbol(","):
        raise syntax_error(f"syntax error: unexpected {tokens[before].text!r} before TABLE(...), expected a comma")
    item = tokens[from_ + 1 : before]
    is_one_name = all(token.kind in {Kind.WORD, Kind.QUOTED} or token.is_symbol(".") for token in item)
    return _Place(
        start=item[0].start,
        end=end,
        tables=found.text[item[0].start : item[-1].end],
        with_=_with(found, [n for n in level if n < from_]),
        partition_by=partition_by,
        partition_columns=partition_columns,
        alias=item[-1].text if is_one_name else "",
    )


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


def _partition_by(found: Statement, reader: Reader) -> tuple[tuple[str, ...], frozenset[str]]:
    """Read [OVER (PARTITION BY a, b)]: the expressions, and the names of those that are columns."""
    if not reader.accept("OVER"):
        return (), frozenset()
    inside = reader.parenthesised()
    if len(inside) < 3 or not (inside[0].is_word("PARTITION") and inside[1].is_word("BY")):
        raise syntax_error("a model's table function takes OVER (PARTITION BY ...)")
    expressions = split_arguments(inside[2:])
    texts = (found.text[e[0].start : e[-1].end] for e in expressions)
    last = (e[-1] for e in expressions if e[-1].kind in {Kind.WORD, Kind.QUOTED})
    # PARTITION BY 1, what the Registry writes for one partition of all rows, is no column's number
    return tuple(text for text in texts if not text.isdigit()), frozenset(normalize(token.text) for token in last)
