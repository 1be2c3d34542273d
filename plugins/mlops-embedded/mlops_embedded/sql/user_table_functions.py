"""Users' table functions in Python: called on constants, or on rows that stand before them in FROM."""

from __future__ import annotations

import pyarrow as pa

from mlops_embedded.catalog import Document
from mlops_embedded.sql.functions import evaluate
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.results import Column, Data
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.table_calls import TablePlace, place_of, rows_of
from mlops_embedded.sql.tokens import Token
from mlops_embedded.sql.user_code import FACTORIES, code_of, fingerprint, python_error, worker_of
from mlops_embedded.sql.wire import column
from mlops_embedded.workers import WorkerError


def over_constants(session: Session, document: Document, found: Statement, tokens: tuple[Token, ...]) -> str:
    """Run a table function on arguments that depend on no row, and return the scratch table's name."""
    values = evaluate(session, document.name.name, tokens, found.text).positional
    result = _run(session, document, pa.table({f"_{n}": [value] for n, value in enumerate((1, *values))}))
    return session.scratch_table(_outputs(document, result))


def over_rows(
    session: Session, document: Document, found: Statement, first: int, last: int, arguments: list[str]
) -> Statement | None:
    """Run a table function on the rows before it and return the statement with both replaced; None if there are none.

    What it yielded stands beside the rows it was called on, in two temporary tables that are joined by their place.
    """
    before = found.tokens[first - 3] if first >= 3 and found.tokens[first - 2].is_word("TABLE") else None
    if before is None or not (before.is_symbol(",") or before.is_word("JOIN")):
        return None
    place = place_of(found, first, last)
    types = [t for _, t, _ in document.body["arguments"]]
    rows = rows_of(session, place, [f"CAST({a} AS {t})" for a, t in zip(arguments, types, strict=True)])
    count = len(arguments) + 1
    result = _run(session, document, rows.table.select(range(count)))
    left, right = place.alias or '"_ROWS"', place.result or '"_FOUND"'
    beside = session.scratch_table(_beside(place, rows, count, result))
    found_rows = session.scratch_table(_outputs(document, result))
    name = right.partition("(")[0]
    text = f"{beside} AS {left} JOIN {found_rows} AS {right} ON {left}.rowid = {name}.rowid"
    return Statement.of(found.text[: place.start] + text + found.text[place.alias_end :])


def _beside(place: TablePlace, rows: Data, count: int, result: pa.Table) -> Data:
    """The rows' own columns: NULL in those that PARTITION BY does not name where a whole partition answered."""
    described = rows.columns[count:]
    belongs, of_row = result.column("row"), result.column("by_row")
    by_row = pa.array(
        [row if own else None for row, own in zip(belongs.to_pylist(), of_row.to_pylist(), strict=True)], pa.int64()
    )
    kept = [
        values.take(belongs if each.name in place.partition_columns else by_row)
        for values, each in zip(rows.table.columns[count:], described, strict=True)
    ]
    return Data(pa.table(kept, [c.name for c in described]), tuple(described))


def _run(session: Session, document: Document, given: pa.Table) -> pa.Table:
    columns = [(name, signature_type(t).kind) for name, t in document.body["returns_table"]]
    names = [name for name, _, _ in document.body["arguments"]]
    code = "_UDTF_" + fingerprint(document)
    worker = worker_of(session, document)
    try:
        worker.load(code, f"{FACTORIES}:table", code_of(session, document, names=names, columns=columns))
        _, result = worker.call(code, given)
    except WorkerError as error:
        raise python_error(error, document) from error
    assert result is not None
    return result


def _outputs(document: Document, result: pa.Table) -> Data:
    described = tuple(_output(name, t) for name, t in document.body["returns_table"])
    return Data(result.select(range(2, result.num_columns)), described)


def _output(name: str, type_: str) -> Column:
    signature = signature_type(type_)
    return Column(name, "variant") if signature.is_json else column(name, signature.duckdb)
