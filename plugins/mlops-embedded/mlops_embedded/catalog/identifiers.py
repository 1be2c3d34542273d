"""Names as Snowflake resolves them: upper case unless quoted, at most 255 characters, one to three parts.

Source: Snowflake documentation, "Identifier requirements".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_embedded.errors import syntax_error

UNQUOTED = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_PART = re.compile(r'"(?:[^"]|"")+"|[A-Za-z_][A-Za-z0-9_$]*')
_STORED_WITHOUT_QUOTES = re.compile(r"[A-Z_][A-Z0-9_$]*")


@dataclass(frozen=True, slots=True, order=True)
class ObjectName:
    """A resolved name: account objects have neither database nor schema, a schema has a database only."""

    database: str | None
    schema: str | None
    name: str

    def __str__(self) -> str:
        """The fully qualified name, quoted where Snowflake would need quotes."""
        return ".".join(quote(part) for part in (self.database, self.schema, self.name) if part is not None)


def normalize(identifier: str) -> str:
    """Return the name under which Snowflake stores this identifier: `ab` is AB, `"ab"` is ab.

    Raises:
        SnowflakeError 001003: it is neither a quoted nor a valid unquoted identifier, or too long.
    """
    if len(identifier) >= 2 and identifier[0] == identifier[-1] == '"':
        name = identifier[1:-1].replace('""', '"')
    elif UNQUOTED.fullmatch(identifier):
        name = identifier.upper()
    else:
        raise syntax_error(f"invalid identifier {identifier!r}")
    if not 0 < len(name) <= 255:
        raise syntax_error(f"identifier {identifier[:40]!r}... must have 1 to 255 characters")
    return name


def quote(name: str) -> str:
    """Return a stored name as it must be written in SQL to be found again."""
    if _STORED_WITHOUT_QUOTES.fullmatch(name):
        return name
    return '"' + name.replace('"', '""') + '"'


def parse_name(text: str) -> tuple[str, ...]:
    """Return the stored parts of a dotted name: `a."b".c` is ("A", "b", "C")."""
    parts, position = [], 0
    while True:
        match = _PART.match(text, position)
        if match is None:
            raise syntax_error(f"invalid identifier {text!r}")
        parts.append(normalize(match.group()))
        position = match.end()
        if position == len(text):
            break
        if text[position] != ".":
            raise syntax_error(f"invalid identifier {text!r}")
        position += 1
    if len(parts) > 3:
        raise syntax_error(f"invalid identifier {text!r}: more than three parts")
    return tuple(parts)
