"""Types in the signatures of functions: how DuckDB holds an argument, and which kind of Python value it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_embedded.errors import unknown_here

_KINDS = {
    "INT": "FIXED", "INTEGER": "FIXED", "BIGINT": "FIXED", "SMALLINT": "FIXED", "TINYINT": "FIXED", "BYTEINT": "FIXED",
    "NUMBER": "FIXED", "NUMERIC": "FIXED", "DECIMAL": "FIXED", "FLOAT": "REAL", "FLOAT4": "REAL", "FLOAT8": "REAL",
    "DOUBLE": "REAL", "REAL": "REAL", "VARCHAR": "TEXT", "STRING": "TEXT", "TEXT": "TEXT", "CHAR": "TEXT",
    "CHARACTER": "TEXT", "BOOLEAN": "BOOLEAN", "DATE": "DATE", "TIME": "TIME", "TIMESTAMP": "TIMESTAMP_NTZ",
    "DATETIME": "TIMESTAMP_NTZ", "TIMESTAMP_NTZ": "TIMESTAMP_NTZ", "TIMESTAMP_LTZ": "TIMESTAMP_TZ",
    "TIMESTAMP_TZ": "TIMESTAMP_TZ", "BINARY": "BINARY", "VARBINARY": "BINARY", "VARIANT": "VARIANT",
    "ARRAY": "ARRAY", "OBJECT": "OBJECT",
}  # fmt: skip
_DUCKDB = {
    "FIXED": "BIGINT", "DECIMAL": "DOUBLE", "REAL": "DOUBLE", "TEXT": "VARCHAR", "BOOLEAN": "BOOLEAN", "DATE": "DATE",
    "TIME": "TIME", "TIMESTAMP_NTZ": "TIMESTAMP", "TIMESTAMP_TZ": "TIMESTAMP WITH TIME ZONE", "BINARY": "BLOB",
    "VARIANT": "VARCHAR", "ARRAY": "VARCHAR", "OBJECT": "VARCHAR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignatureType:
    """`written` is the name in the signature without sizes, as DROP FUNCTION f(NUMBER) says it."""

    written: str
    kind: str

    @property
    def duckdb(self) -> str:
        return _DUCKDB[self.kind]

    @property
    def is_json(self) -> bool:
        return self.kind in {"VARIANT", "ARRAY", "OBJECT"}


def signature_type(text: str) -> SignatureType:
    """Return what a type's text means: `NUMBER(10, 2)`, `VARCHAR`, `BIGINT`, `DOUBLE PRECISION`, ...

    Raises:
        SnowflakeError 000002: a type that functions here do not take (MAP, VECTOR, GEOGRAPHY, ...).
    """
    match = re.match(r"\s*([A-Za-z_0-9]+)(?:\s+PRECISION)?\s*(?:\(([\d\s,]+)\))?", text, re.IGNORECASE)
    name = match[1].upper() if match else text
    if match is None or name not in _KINDS:
        raise unknown_here(f"functions with the type {text.strip()}")
    kind = _KINDS[name]
    if kind == "FIXED" and match[2] and "," in match[2] and int(match[2].split(",")[1]) > 0:
        kind = "DECIMAL"
    shown = {"FIXED": "NUMBER", "DECIMAL": "NUMBER", "REAL": "FLOAT", "TEXT": "VARCHAR"}
    return SignatureType(shown.get(kind, kind), kind)
