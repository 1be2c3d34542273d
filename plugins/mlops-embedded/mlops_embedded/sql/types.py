"""Types: DuckDB's column types under the names that Snowflake shows."""

from __future__ import annotations

import json
import re

_SHOWN = {
    "BIGINT": "NUMBER(38,0)", "INTEGER": "NUMBER(38,0)", "SMALLINT": "NUMBER(38,0)", "TINYINT": "NUMBER(38,0)",
    "HUGEINT": "NUMBER(38,0)", "UBIGINT": "NUMBER(38,0)", "UINTEGER": "NUMBER(38,0)", "USMALLINT": "NUMBER(38,0)",
    "UTINYINT": "NUMBER(38,0)", "DOUBLE": "FLOAT", "FLOAT": "FLOAT", "BOOLEAN": "BOOLEAN",
    "VARCHAR": "VARCHAR(16777216)", "DATE": "DATE", "TIME": "TIME(9)", "BLOB": "BINARY(8388608)", "JSON": "VARIANT",
    "TIMESTAMP": "TIMESTAMP_NTZ(9)", "TIMESTAMP_NS": "TIMESTAMP_NTZ(9)", "TIMESTAMP_MS": "TIMESTAMP_NTZ(9)",
    "TIMESTAMP_S": "TIMESTAMP_NTZ(9)", "TIMESTAMPTZ_NS": "TIMESTAMP_TZ(9)", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ(9)",
}  # fmt: skip


def shown_type(duckdb_type: str) -> str:
    """Return a type as DESCRIBE shows it: NUMBER(38,0), VARCHAR(16777216), VARIANT, ARRAY, ..."""
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", duckdb_type):
        return f"NUMBER({match[1]},{match[2]})"
    if duckdb_type.endswith("]"):
        return "ARRAY"
    if duckdb_type.startswith(("STRUCT", "MAP")):
        return "OBJECT"
    return _SHOWN.get(duckdb_type, duckdb_type)


def short_type(duckdb_type: str) -> str:
    """Return a type as INFER_SCHEMA shows it: NUMBER(10, 2), TEXT, REAL, ..."""
    shown = shown_type(duckdb_type)
    plain = {"FLOAT": "REAL", "VARCHAR": "TEXT", "TIMESTAMP_NTZ": "TIMESTAMP_NTZ", "TIME": "TIME", "BINARY": "BINARY"}
    name = shown.partition("(")[0]
    return shown.replace(",", ", ") if name == "NUMBER" else plain.get(name, name)


def json_type(duckdb_type: str, nullable: bool) -> str:
    """Return a type as SHOW COLUMNS shows it: a JSON object."""
    shown = shown_type(duckdb_type)
    name, _, arguments = shown.partition("(")
    numbers = [int(n) for n in re.findall(r"\d+", arguments)]
    match name:
        case "NUMBER":
            facts: dict[str, object] = {"type": "FIXED", "precision": numbers[0], "scale": numbers[1]}
        case "VARCHAR":
            facts = {"type": "TEXT", "length": numbers[0], "byteLength": numbers[0]}
        case "FLOAT":
            facts = {"type": "REAL"}
        case "TIME" | "TIMESTAMP_NTZ" | "TIMESTAMP_TZ":
            facts = {"type": name, "precision": 0, "scale": 9}
        case "BINARY":
            facts = {"type": "BINARY", "length": numbers[0], "byteLength": numbers[0]}
        case _:
            facts = {"type": name}
    return json.dumps({**facts, "nullable": nullable})
