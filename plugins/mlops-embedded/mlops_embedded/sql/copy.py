"""COPY INTO a table from staged files, and COPY INTO a stage from a table or query."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import ObjectName
from mlops_embedded.errors import SnowflakeError, unknown_here
from mlops_embedded.sql import relations
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.file_formats import FileFormat, read_file_format
from mlops_embedded.sql.functions import expand, literal
from mlops_embedded.sql.locations import Location, resolve
from mlops_embedded.sql.properties import list_values
from mlops_embedded.sql.results import Column, Data, Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.staged_queries import StagedTable, has_alias, load, next_location, with_fields
from mlops_embedded.sql.stages import file_not_found
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tokens import Kind

_LOADED = {
    "file": "text", "status": "text", "rows_parsed": "fixed", "rows_loaded": "fixed", "error_limit": "fixed",
    "errors_seen": "fixed", "first_error": "text", "first_error_line": "fixed", "first_error_character": "fixed",
    "first_error_column_name": "text",
}  # fmt: skip
_UNLOADED = {"rows_unloaded": "fixed", "input_bytes": "fixed", "output_bytes": "fixed"}
_IGNORED = {
    "PURGE", "ON_ERROR", "FORCE", "SIZE_LIMIT", "RETURN_FAILED_ONLY", "TRUNCATECOLUMNS", "ENFORCE_LENGTH",
    "LOAD_UNCERTAIN_FILES", "MATCH_BY_COLUMN_NAME", "VALIDATION_MODE", "OVERWRITE", "SINGLE", "HEADER",
    "MAX_FILE_SIZE", "INCLUDE_QUERY_ID", "DETAILED_OUTPUT", "USE_LOGICAL_TYPE",
}  # fmt: skip


@statement("COPY", "INTO", describes=tuple(Column(name, type_) for name, type_ in _LOADED.items()))
def copy_into(session: Session, found: Statement) -> Rowset:
    reader = found.after("COPY", "INTO")
    token = reader.peek()
    if token is not None and (token.kind is Kind.LOCATION or token.text.startswith(("'@", "'snow:"))):
        return _unload(session, reader)
    return _load(session, reader)


def _load(session: Session, reader: Reader) -> Rowset:
    table = relations.get_relation(session, session.resolve(reader.name(), "COPY INTO")).name
    columns = _column_list(reader)
    reader.expect("FROM")
    query = _inner_query(reader)
    location = _query_location(session, query) if query else resolve(session, reader.location())
    options = _options(session, reader)
    form: FileFormat = options.get("file_format", FileFormat())
    files = location.files(options.get("pattern"))
    if options.get("files"):
        files = [(name, file) for name, file in files if name[len(location.path) :].lstrip("/") in options["files"]]
    if not files:
        if options.get("files"):
            raise file_not_found(location)
        return Rowset.of({"status": "text"}, [{"status": "Copy executed with 0 files processed."}])
    if not session.autocommit:
        session.begin()
    records = []
    for name, _ in files:
        one = Location(location.root, name, location.shown)
        try:
            count = _load_file(session, table, columns, one, form, query, options)
            records.append(_record(location.shown + name, count, None))
        except SnowflakeError as error:
            if options.get("on_error", "ABORT_STATEMENT") not in {"CONTINUE", "SKIP_FILE"}:
                raise
            records.append(_record(location.shown + name, 0, error.message))
    if options.get("purge"):
        for _, file in files:
            file.unlink()
    rows = tuple(tuple(r.get(c) for c in _LOADED) for r in records)
    return Rowset(tuple(Column(n, t) for n, t in _LOADED.items()), rows)


def _record(file: str, count: int, error: str | None) -> dict[str, Any]:
    return {
        "file": file, "status": "LOADED" if error is None else "LOAD_FAILED", "rows_parsed": count,
        "rows_loaded": count, "error_limit": 1, "errors_seen": int(error is not None), "first_error": error,
    }  # fmt: skip


def _load_file(
    session: Session,
    table: ObjectName,
    columns: list[str],
    one: Location,
    form: FileFormat,
    query: Statement | None,
    options: dict[str, Any],
) -> int:
    if query is not None:
        listed = f" ({', '.join(columns)})" if columns else ""
        return _inserted(session, f"INSERT INTO {table}{listed} {_with_format(session, query, one, form)}")
    staged = load(session, one, form)
    of_table = relations.columns(session, table)
    by_name = str(options.get("match_by_column_name", "NONE")).upper()
    if by_name != "NONE" and staged.has_names:
        pairs = _by_name(of_table, staged, ignore_case=by_name == "CASE_INSENSITIVE")
        listed = f" ({', '.join(_quoted(c.name) for c, _ in pairs)})"
    else:
        pairs = _by_position(of_table, staged, columns, form)
        listed = f" ({', '.join(columns)})" if columns else ""
    selected = ", ".join(f"CAST({_quoted(s)} AS {c.type})" for c, s in pairs)
    place = _duckdb_target(session, table)
    [(count,)] = session.run_duckdb(f"INSERT INTO {place}{listed} SELECT {selected} FROM {staged.name}")
    return int(count)


Pairs = list[tuple[relations.RelationColumn, str]]
"""Columns of the table, each with the column of the file that is loaded into it."""


def _by_name(of_table: list[relations.RelationColumn], staged: StagedTable, *, ignore_case: bool) -> Pairs:
    return [
        (c, s) for c in of_table for s in staged.columns if c.name == s or (ignore_case and c.name.upper() == s.upper())
    ]


def _by_position(
    of_table: list[relations.RelationColumn], staged: StagedTable, columns: list[str], form: FileFormat
) -> Pairs:
    wanted = [c for c in of_table if not columns or _quoted(c.name) in {_quoted_as_stored(n) for n in columns}]
    if form.type == "JSON" and len(wanted) != 1:
        raise SnowflakeError(
            "JSON file format can produce one and only one column of variant, object, or array type.",
            code="002019",
            sqlstate="0A000",
        )
    if len(staged.columns) != len(wanted):
        raise SnowflakeError(
            f"Number of columns in file ({len(staged.columns)}) does not match that of the corresponding table "
            f"({len(wanted)})",
            code="100080",
            sqlstate="22000",
        )
    return list(zip(wanted, staged.columns, strict=True))


def _duckdb_target(session: Session, table: ObjectName) -> str:
    if table in session.temporary_tables:
        return f"temp.main.{_quoted(relations.temporary_name(table))}"
    return ".".join(_quoted(p) for p in (table.database, table.schema, table.name) if p)


def _inserted(session: Session, sql: str) -> int:
    return int(session.rows(sql)[0][0])


def _with_format(session: Session, query: Statement, one: Location, form: FileFormat) -> str:
    """Return the query over one staged file; how to read it is said behind the query, not inside it."""
    staged = load(session, one, form)
    place = next_location(query)
    assert place is not None
    reader = Reader(query, place + 1)
    following = reader.peek()
    if following is not None and following.is_symbol("("):
        reader.parenthesised()
    end = query.tokens[reader.position - 1].end
    alias = "" if has_alias(reader) else ' AS "_STAGED"'
    text = query.text[: query.tokens[place].start] + staged.name + alias + query.text[end:]
    return with_fields(Statement.of(text), staged).text


def _query_location(session: Session, query: Statement) -> Location:
    place = next_location(query)
    if place is None:
        raise unknown_here("COPY INTO from a query without a stage")
    return resolve(session, Reader(query, place).location())


def _column_list(reader: Reader) -> list[str]:
    following = reader.peek()
    if following is None or not following.is_symbol("("):
        return []
    return [t.text for t in reader.parenthesised() if t.kind in {Kind.WORD, Kind.QUOTED}]


def _inner_query(reader: Reader) -> Statement | None:
    following = reader.peek()
    if following is None or not following.is_symbol("("):
        return None
    inside = reader.parenthesised()
    return Statement.of(reader.text_of(inside))


def _options(session: Session, reader: Reader) -> dict[str, Any]:
    options: dict[str, Any] = {}
    while not reader.at_end:
        if reader.accept("FILE_FORMAT"):
            reader.expect("=")
            options["file_format"] = read_file_format(session, reader)
        elif reader.accept("FILES"):
            reader.expect("=")
            options["files"] = list_values(reader.parenthesised())
        elif reader.accept("PATTERN"):
            reader.expect("=")
            options["pattern"] = reader.string()
        elif reader.accept("PARTITION", "BY"):
            raise unknown_here("COPY INTO a stage with PARTITION BY")
        else:
            key = reader.identifier()
            if key not in _IGNORED:
                raise unknown_here(f"the option {key} of COPY INTO")
            reader.expect("=")
            options[key.lower()] = reader.value()
    return options


def _unload(session: Session, reader: Reader) -> Rowset:
    location = resolve(session, reader.location(), writing=True)
    reader.expect("FROM")
    query = _inner_query(reader)
    sql = expand(session, query).text if query else f"SELECT * FROM {session.resolve(reader.name(), 'COPY INTO')}"
    options = _options(session, reader)
    form: FileFormat = options.get("file_format", FileFormat())
    result = session.execute(sql)
    if not isinstance(result, Data):
        raise unknown_here("COPY INTO a stage from a statement that is no query")
    source = session.scratch_table(result)
    file, settings = _unload_target(location, form, options)
    if file.exists() and not options.get("overwrite"):
        raise SnowflakeError(
            f"Files already existing at the unloading destination: {location.shown}{location.path}. Use overwrite "
            "option to force unloading.",
            code="001030",
            sqlstate="22000",
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    session.duckdb.execute(f"COPY (SELECT * FROM {source}) TO {literal(str(file))} ({settings})")
    size, rows = file.stat().st_size, result.table.num_rows
    return Rowset.of(_UNLOADED, [{"rows_unloaded": rows, "input_bytes": size, "output_bytes": size}])


def _unload_target(location: Location, form: FileFormat, options: dict[str, Any]) -> tuple[Any, str]:
    if form.type == "PARQUET":
        suffix, settings = ".snappy.parquet", "FORMAT parquet, COMPRESSION snappy"
    elif form.type == "JSON":
        suffix, settings = ".json", "FORMAT json"
    else:
        packed = str(form.options.get("compression", "GZIP")).upper()
        header = "true" if options.get("header") else "false"
        delimiter = str(form.options.get("field_delimiter", ",")).replace("'", "''")
        suffix = ".csv" if packed == "NONE" else ".csv.gz"
        compression = "none" if packed == "NONE" else "gzip"
        settings = f"FORMAT csv, HEADER {header}, DELIMITER '{delimiter}', COMPRESSION {compression}"
    if options.get("single"):
        return location.target, settings
    path = location.path if not location.path or location.path.endswith("/") else location.path + "_"
    return location.root / f"{path}data_0_0_0{suffix}".replace("_data_", "_", 1 if path.endswith("_") else 0), settings


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted_as_stored(name: str) -> str:
    return name if name.startswith('"') else _quoted(name.upper())
