"""File formats: what FILE_FORMAT = (...) and CREATE FILE FORMAT say, and how DuckDB reads such a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_embedded.catalog import Document
from mlops_embedded.errors import unknown_here
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.results import Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement

OPTIONS = {
    "TYPE", "COMPRESSION", "COMMENT", "FIELD_DELIMITER", "RECORD_DELIMITER", "SKIP_HEADER", "PARSE_HEADER",
    "FIELD_OPTIONALLY_ENCLOSED_BY", "ESCAPE", "ESCAPE_UNENCLOSED_FIELD", "NULL_IF", "EMPTY_FIELD_AS_NULL", "TRIM_SPACE",
    "DATE_FORMAT", "TIME_FORMAT", "TIMESTAMP_FORMAT", "BINARY_FORMAT", "ENCODING", "SKIP_BLANK_LINES",
    "ERROR_ON_COLUMN_COUNT_MISMATCH", "REPLACE_INVALID_CHARACTERS", "STRIP_OUTER_ARRAY", "STRIP_NULL_VALUES",
    "ALLOW_DUPLICATE", "IGNORE_UTF8_ERRORS", "BINARY_AS_TEXT", "USE_LOGICAL_TYPE", "SNAPPY_COMPRESSION",
    "USE_VECTORIZED_SCANNER", "MULTI_LINE", "FILE_EXTENSION",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A type (CSV, JSON, PARQUET) and its options, keys in lower case."""

    type: str = "CSV"
    options: Mapping[str, Any] = field(default_factory=dict)

    def with_(self, options: Mapping[str, Any]) -> FileFormat:
        """Return the format with more options said; TYPE among them changes the type."""
        rest = {key: value for key, value in options.items() if key not in {"type", "format_name"}}
        return FileFormat(str(options.get("type", self.type)).upper(), {**self.options, **rest})

    def reader(self, files: list[str]) -> str:
        """Return the DuckDB table function that reads these files (absolute paths)."""
        listed = "[" + ", ".join("'" + file.replace("'", "''") + "'" for file in files) + "]"
        match self.type:
            case "PARQUET":
                return f"read_parquet({listed}, union_by_name = true)"
            case "JSON":
                shape = "array" if self.options.get("strip_outer_array") else "auto"
                return f"read_json_objects({listed}, format = '{shape}')"
            case "CSV":
                return f"read_csv({listed}, {self._csv()})"
        raise unknown_here(f"files of type {self.type}; it knows CSV, JSON and PARQUET")

    def _csv(self) -> str:
        header = self.options.get("parse_header") is True
        enclosed = self.options.get("field_optionally_enclosed_by")
        quote = "" if enclosed in {None, "NONE"} else str(enclosed)
        nulls = self.options.get("null_if", ["\\N"])
        texts = [n.replace("\\\\", "\\") for n in ([nulls] if isinstance(nulls, str) else nulls)]
        if self.options.get("empty_field_as_null", True):
            texts.append("")
        said = {
            "delim": _text(str(self.options.get("field_delimiter", ","))),
            "quote": _text(quote),
            "escape": _text(quote),
            "header": str(header).lower(),
            "skip": str(int(self.options.get("skip_header", 0))),
            "nullstr": "[" + ", ".join(_text(t) for t in dict.fromkeys(texts)) + "]",
            "null_padding": str(self.options.get("error_on_column_count_mismatch") is False).lower(),
            "all_varchar": "true" if not header else "false",
            "auto_detect": "true",
        }
        return ", ".join(f"{key} = {value}" for key, value in said.items())


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def named(session: Session, parts: tuple[str, ...]) -> FileFormat:
    """Return a format that CREATE FILE FORMAT made; 002003 if there is none."""
    document = session.catalog.get("file_format", session.resolve(parts, "FILE_FORMAT"))
    return FileFormat(document.body["type"], document.body["options"])


def read_file_format(session: Session, reader: Reader) -> FileFormat:
    """Read what stands behind `FILE_FORMAT =` or `=>`: `( TYPE = CSV ... )`, `( FORMAT_NAME = 'f' )`, `'f'` or `f`."""
    following = reader.peek()
    if following is None or not following.is_symbol("("):
        return named(session, reader.quoted_name())
    inside = reader.parenthesised()
    text = " ".join(token.text for token in inside)
    inner = Reader(Statement("(" + text + ")", inside))
    found = FileFormat()
    while not inner.at_end:
        if inner.accept("FORMAT_NAME"):
            inner.accept("=")
            inner.accept("=>")
            found = named(session, inner.quoted_name())
        else:
            return found.with_(read_properties(inner, OPTIONS))
        inner.accept(",")
    return found


@statement("CREATE", "FILE", "FORMAT")
def create_file_format(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "FILE", "FORMAT")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE FILE FORMAT")
    options = read_properties(reader, OPTIONS)
    type_ = str(options.pop("type", "CSV")).upper()
    FileFormat(type_).reader([])
    body = {"owner": session.role, "comment": options.pop("comment", ""), "type": type_, "options": options}
    if found.temporary:
        body["session"] = session.id
    document = Document("file_format", name, body)
    if not session.catalog.create(document, or_replace=found.or_replace, if_not_exists=if_not_exists):
        return Status(f"{name.name} already exists, statement succeeded.")
    return Status(f"File format {name.name} successfully created.")


@statement("DROP", "FILE", "FORMAT")
def drop_file_format(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "FILE", "FORMAT")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP FILE FORMAT")
    reader.finish()
    if not session.catalog.delete("file_format", name, if_exists=if_exists):
        return Status(f"Drop statement executed successfully ({name.name} already dropped).")
    return Status(f"{name.name} successfully dropped.")
