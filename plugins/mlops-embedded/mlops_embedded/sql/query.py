"""Queries, DML and plain DDL: from Snowflake's dialect to DuckDB, and DuckDB's errors back to Snowflake's."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import duckdb
import snowflake.connector.errors
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.dialect import parse as parse_all
from fakesnow.statement_type import DML_TYPE_IDS, SELECT, statement_type_id
from sqlglot import Expr, exp

from mlops_embedded.errors import SnowflakeError, unknown_here
from mlops_embedded.sql import fakesnow_faults, merge, rewrites, streams, translation
from mlops_embedded.sql.access import check_access
from mlops_embedded.sql.results import Column, Data, Result, Rowset, Status
from mlops_embedded.sql.wire import as_rowset, column

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session

_DDL = (exp.Create, exp.Drop, exp.Alter, exp.TruncateTable, exp.Comment)
_COUNTS = {
    exp.Insert: ("number of rows inserted",),
    exp.Update: ("number of rows updated", "number of multi-joined rows updated"),
    exp.Delete: ("number of rows deleted",),
}
_KNOWN = (exp.Query, exp.DML, exp.Describe, exp.Merge, *_DDL)
_CONFLICT_RETRIES = 6


def parse(sql: str) -> Expr:
    """Return Snowflake SQL as a tree.

    Raises:
        SnowflakeError 001003: it does not parse.
        SnowflakeError 000008: it is more than one statement.
    """
    try:
        found = [each for each in parse_all(sql) if each is not None and not isinstance(each, exp.Semicolon)]
    except snowflake.connector.errors.Error as error:
        raise SnowflakeError(error.raw_msg or str(error), code="001003", sqlstate="42000") from error
    if len(found) != 1:
        raise SnowflakeError(
            f"Actual statement count {len(found)} did not match the desired statement count 1.",
            code="000008",
            sqlstate="0A000",
        )
    return found[0]


def run(session: Session, sql: str, *, describe_only: bool = False) -> Result:
    """Run one statement on the session's DuckDB connection and return its rows.

    Raises:
        SnowflakeError: with the number that Snowflake has for what went wrong.
    """
    expression = parse(sql)
    if not isinstance(expression, _KNOWN) or isinstance(expression, (exp.Command, exp.Anonymous)):
        raise unknown_here(f"the statement {' '.join(sql.split()[:4])!r}")
    return run_parsed(session, expression, describe_only=describe_only)


def run_parsed(session: Session, expression: Expr, *, describe_only: bool = False, temporary: bool = False) -> Result:
    """Run a parsed Snowflake statement; `temporary` for CREATE TEMPORARY TABLE, whose name is DuckDB's already."""
    try:
        check_access(session, expression, temporary=temporary)
        with streams.consumption(session, expression, describe_only=describe_only):
            expression = rewrites.apply(session, expression)
            expression = fakesnow_faults.before_transforms(expression)
            return _run(session, expression, describe_only, temporary)
    except snowflake.connector.errors.Error as error:
        if isinstance(error.__cause__, duckdb.Error) and "already exists" not in str(error.__cause__):
            raise _as_snowflake(error.__cause__) from error
        code = f"{error.errno:06d}" if error.errno and error.errno > 0 else "000904"
        raise SnowflakeError(error.raw_msg or str(error), code=code, sqlstate=error.sqlstate or "42000") from error
    except duckdb.Error as error:
        raise _as_snowflake(error) from error
    except NotImplementedError as error:
        raise unknown_here(f"this: {error}") from error


def run_duckdb(session: Session, sql: str) -> list[tuple[Any, ...]]:
    """Run DuckDB's own SQL; its errors come out as Snowflake's."""
    try:
        rows: list[tuple[Any, ...]] = session.duckdb.execute(sql).fetchall()
    except duckdb.Error as error:
        raise _as_snowflake(error) from error
    return rows


def _run(session: Session, expression: Expr, describe_only: bool, temporary: bool) -> Result:
    type_id = SELECT if isinstance(expression, exp.Query) else statement_type_id(expression)
    cursor = session.connection.cursor()
    if not temporary:
        cursor.check_db_and_schema(expression)
    if describe_only:
        return _describe(session, cursor, expression, type_id)
    if isinstance(expression, _DDL) and session.in_transaction and not temporary:
        session.commit()  # DDL ends a transaction in Snowflake
    if isinstance(expression, (exp.DML, exp.Merge)) and not session.autocommit:
        session.begin()
    translated = None if temporary or type_id != SELECT else translation.translated(session, cursor, expression)
    if translated is not None:
        found = session.duckdb.execute(translated)
        return Data(found.to_arrow_table(), _columns(session), type_id)
    for attempt in range(_CONFLICT_RETRIES + 1):
        try:
            if isinstance(expression, exp.Merge):
                return merge.run(session, cursor, expression.copy())
            for part in fakesnow_faults.split(expression) or cursor._transform_explode(expression.copy()):
                transformed = fakesnow_faults.after_transforms(cursor._transform(part, None))
                if temporary:
                    session.duckdb.execute(transformed.sql(dialect="duckdb"))
                else:
                    cursor._execute(transformed, None)
            break
        except duckdb.TransactionException as conflict:
            # Snowflake makes the second writer wait; DuckDB refuses it at once
            if session.in_transaction or "onflict" not in str(conflict) or attempt == _CONFLICT_RETRIES:
                raise
            time.sleep(0.01 * 2**attempt)
    if temporary:
        return Status()
    data = Data(cursor._arrow_table, _columns(session), type_id)
    if type_id == SELECT or isinstance(expression, exp.Describe):
        return data
    return as_rowset(data, cursor.rowcount if type_id in DML_TYPE_IDS else None)


def _columns(session: Session) -> tuple[Column, ...]:
    return tuple(column(d[0], str(d[1])) for d in session.duckdb.description or ())


def _describe(session: Session, cursor: FakeSnowflakeCursor, expression: Any, type_id: int) -> Result:
    if isinstance(expression, exp.Merge):
        return Rowset(merge.columns(expression))
    if type_id != SELECT:
        counts = next((names for kind, names in _COUNTS.items() if isinstance(expression, kind)), None)
        return Rowset(tuple(Column(name, "fixed") for name in counts) if counts else (Column("status"),))
    without_binds = expression.transform(lambda e: exp.Null() if isinstance(e, exp.Placeholder) else e)
    transformed = fakesnow_faults.after_transforms(cursor._transform(without_binds, None))
    rows = session.duckdb.execute(f"DESCRIBE {transformed.sql(dialect='duckdb')}").fetchall()
    return Rowset(tuple(column(row[0], row[1]) for row in rows))


_SENTENCES = (
    (r"Table with name (\S+) does not exist", "002003", "42S02", "Object '{}' does not exist or not authorized."),
    (r"(?:Scalar|Table|Aggregate) Function with name (\S+) does not exist", "002140", "42601", "Unknown function {}"),
    (r'Referenced column "([^"]+)" (?:not found|was not found)', "000904", "42000", "invalid identifier '{}'"),
    (r'does not have a column named "([^"]+)"', "000904", "42000", "invalid identifier '{}'"),
)


def _as_snowflake(error: duckdb.Error) -> SnowflakeError:
    text = str(error)
    if "executing the UDF" in text:
        if "ServiceCallError: " in text:
            return SnowflakeError(
                text.partition("ServiceCallError: ")[2].split("\n")[0], code="100336", sqlstate="22000"
            )
        return SnowflakeError(f"Python Interpreter Error:\n{text}", code="100357", sqlstate="P0000")
    message = text.split("\n")[0]
    if message.endswith(rewrites.DIVISION_BY_ZERO):
        return SnowflakeError(rewrites.DIVISION_BY_ZERO, code="100051", sqlstate="22012")
    for pattern, code, sqlstate, sentence in _SENTENCES:
        if match := re.search(pattern, message):
            if code == "002140" and match[1].lower().startswith("system$"):
                return unknown_here(f"the function {match[1].upper()}")
            return SnowflakeError(f"SQL compilation error:\n{sentence.format(match[1])}", code=code, sqlstate=sqlstate)
    for kind, code, sqlstate in (
        (duckdb.BinderException, "000904", "42000"),
        (duckdb.CatalogException, "002003", "42S02"),
        (duckdb.ParserException, "001003", "42000"),
        (duckdb.ConversionException, "100038", "22018"),
        (duckdb.OutOfRangeException, "100132", "22003"),
        (duckdb.ConstraintException, "100072", "22000"),
        (duckdb.TransactionException, "000625", "57014"),
        (duckdb.PermissionException, "003001", "42501"),
    ):
        if isinstance(error, kind):
            return SnowflakeError(f"SQL compilation error:\n{message}", code=code, sqlstate=sqlstate)
    return SnowflakeError(message, code="000603", sqlstate="XX000")
