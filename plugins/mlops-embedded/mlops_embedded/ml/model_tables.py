"""Table functions of models: FROM rows, TABLE(MODEL(m, v)!FORECAST(a, b) OVER (PARTITION BY c)).

The rows are read first (sql/table_calls.py); the worker gets them with the number of their partition; what it returns,
beside the columns of the rows, takes the place of both in the query. As in Snowflake, a row of a whole partition has
NULL in every column of the rows but those of PARTITION BY.
"""

from __future__ import annotations

import pyarrow as pa

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.ml.model_inference import LoadedMethod
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.results import Column, Data
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.table_calls import place_of, rows_of
from mlops_embedded.sql.wire import column
from mlops_embedded.workers import WorkerError


def replace_table_call(
    session: Session, found: Statement, first: int, last: int, method: LoadedMethod, arguments: list[str]
) -> Statement:
    """Run a table function and return the statement with a temporary table in its place."""
    place = place_of(found, first, last)
    rows, number_of_arguments = rows_of(session, place, arguments), len(arguments)
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


def _output(name: str, type_: str) -> Column:
    signature = signature_type(type_)
    return Column(name, "variant") if signature.is_json else column(name, signature.duckdb)
