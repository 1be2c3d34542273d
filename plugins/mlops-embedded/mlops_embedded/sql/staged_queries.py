"""Queries over staged files: SELECT ... FROM @stage (FILE_FORMAT => ...), and TABLE(INFER_SCHEMA(...)).

A staged file becomes a scratch table before the query runs: one column for each field of a Parquet file or of a CSV
file with PARSE_HEADER, `C1`, `C2`, ... for other CSV files, one VARIANT `C1` for JSON. `$1:"A"` then is `"A"` where
the file has named columns.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from mlops_embedded.catalog import parse_name
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.sql.file_formats import FileFormat, named, read_file_format
from mlops_embedded.sql.functions import Arguments, query_rewrite, table_function
from mlops_embedded.sql.locations import Location, resolve
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.stages import file_not_found
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tokens import Kind, Token, string_value
from mlops_embedded.sql.types import short_type, shown_type


@dataclass(frozen=True, slots=True)
class StagedTable:
    """Staged files as a table of this session: its name in SQL, its columns, and whether they have the file's names."""

    name: str
    columns: tuple[str, ...]
    has_names: bool


def load(session: Session, location: Location, form: FileFormat, pattern: str | None = None) -> StagedTable:
    """Read staged files into a scratch table.

    Raises:
        SnowflakeError 253006: there is no such file.
    """
    files = location.files(pattern)
    if not files:
        raise file_not_found(location)
    name = f"_STAGED_{uuid.uuid4().hex}"
    source = form.reader([str(file) for _, file in files])
    session.create_scratch(name, f"SELECT * FROM {source}")
    columns = [row[0] for row in session.duckdb.execute(f'DESCRIBE temp.main."{name}"').fetchall()]
    has_names = form.type == "PARQUET" or bool(form.options.get("parse_header"))
    if not has_names:
        for number, column in enumerate(columns, 1):
            session.duckdb.execute(f'ALTER TABLE temp.main."{name}" RENAME COLUMN {_quoted(column)} TO "C{number}"')
        columns = [f"C{number}" for number in range(1, len(columns) + 1)]
    return StagedTable(f'TEMP.MAIN."{name}"', tuple(columns), has_names)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@query_rewrite
def staged_files(session: Session, found: Statement) -> Statement:
    """Replace every FROM @stage/... ( ... ) and FROM snow://... by a scratch table with the files' rows."""
    while (place := next_location(found)) is not None:
        found = _replace(session, found, place)
    return found


def next_location(found: Statement) -> int | None:
    for index, token in enumerate(found.tokens[1:], 1):
        before = found.tokens[index - 1]
        follows = before.is_word("FROM") or before.is_word("JOIN")
        if follows and (
            token.kind is Kind.LOCATION
            or (token.kind is Kind.STRING and string_value(token.text).startswith(("@", "snow://")))
        ):
            return index
    return None


def _replace(session: Session, found: Statement, place: int) -> Statement:
    reader = Reader(found, place)
    location = resolve(session, reader.location())
    form, pattern = FileFormat(), None
    following = reader.peek()
    if following is not None and following.is_symbol("("):
        form, pattern = _options(session, reader)
    end = found.tokens[reader.position - 1].end
    table = load(session, location, form, pattern)
    alias = has_alias(reader)
    text = found.text[: found.tokens[place].start] + table.name + ("" if alias else ' AS "_STAGED"') + found.text[end:]
    return with_fields(Statement.of(text), table)


def _options(session: Session, reader: Reader) -> tuple[FileFormat, str | None]:
    form, pattern = FileFormat(), None
    reader.expect("(")
    while not reader.accept(")"):
        option = reader.identifier()
        reader.expect("=>")
        if option == "FILE_FORMAT":
            form = read_file_format(session, reader)
        elif option == "PATTERN":
            pattern = reader.string()
        else:
            raise SnowflakeError(f"unexpected option {option}", code="001003", sqlstate="42000")
        reader.accept(",")
    return form, pattern


def has_alias(reader: Reader) -> bool:
    token = reader.peek()
    words = {"WHERE", "GROUP", "ORDER", "LIMIT", "HAVING", "UNION", "JOIN", "LEFT", "INNER", "ON", "QUALIFY"}
    return token is not None and (
        token.kind is Kind.QUOTED or (token.kind is Kind.WORD and token.text.upper() not in words)
    )


def with_fields(found: Statement, table: StagedTable) -> Statement:
    """Turn $1:"A" into the file's column "A", and $n (or t.$n) into the table's n-th column."""
    pieces, position = [], 0
    tokens = found.tokens
    for index, token in enumerate(tokens):
        if not re.fullmatch(r"\$\d+", token.text) or token.start < position:
            continue
        column, end = _field(tokens, index, table)
        pieces += [found.text[position : token.start], column]
        position = end
    return Statement.of("".join([*pieces, found.text[position:]]))


def _field(tokens: tuple[Token, ...], index: int, table: StagedTable) -> tuple[str, int]:
    number = int(tokens[index].text[1:])
    path = index + 2 < len(tokens) and tokens[index + 1].is_symbol(":")
    if table.has_names and number == 1 and path:
        field = tokens[index + 2]
        wanted = string_value(field.text) if field.kind is Kind.STRING else field.text.strip('"').replace('""', '"')
        found = (
            wanted if wanted in table.columns else next((c for c in table.columns if c.upper() == wanted.upper()), None)
        )
        return ("NULL" if found is None else _quoted(found)), field.end
    if number > len(table.columns):
        return "NULL", tokens[index].end
    return _quoted(table.columns[number - 1]), tokens[index].end


_INFERRED = {
    "COLUMN_NAME": "text", "TYPE": "text", "NULLABLE": "boolean", "EXPRESSION": "text", "FILENAMES": "text",
    "ORDER_ID": "fixed",
}  # fmt: skip


@table_function("INFER_SCHEMA")
def infer_schema(session: Session, arguments: Arguments) -> Rowset:
    """The columns of staged Parquet files, of CSV files with PARSE_HEADER, or of JSON objects."""
    location = resolve(session, str(arguments.require(0, "LOCATION")))
    form = named(session, parse_name(str(arguments.require(1, "FILE_FORMAT"))))
    files = location.files(arguments.get(99, "PATTERN"))
    if not files:
        raise file_not_found(location)
    paths = [str(file) for _, file in files]
    source = form.reader(paths)
    if form.type == "JSON":
        source = source.replace("read_json_objects(", "read_json_auto(", 1)
    rows = session.duckdb.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    ignore_case = arguments.get(99, "IGNORE_CASE", False)
    records = []
    for order, (name, type_, *_) in enumerate(rows):
        shown = shown_type(type_) if shown_type(type_).startswith("NUMBER") else short_type(type_)
        stored = name.upper() if ignore_case else name
        column = stored if re.fullmatch(r"[A-Z_][A-Z0-9_$]*", stored) else _quoted(name)
        expression = f"$1:{column}::{shown}" if form.type != "CSV" else f"${order + 1}::{shown}"
        records.append(
            {
                "COLUMN_NAME": stored, "TYPE": shown.replace(",", ", "), "NULLABLE": True, "EXPRESSION": expression,
                "FILENAMES": ", ".join(location.shown + n for n, _ in files), "ORDER_ID": order,
            }
        )  # fmt: skip
    return Rowset.of(_INFERRED, records)
