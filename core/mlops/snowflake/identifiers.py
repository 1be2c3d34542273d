"""Identifiers: from a stored name to the text that SQL and REST paths take, and back.

Source: Snowflake documentation, "Identifier requirements".
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Z_][A-Z0-9_$]*\Z")
_PART = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_$]*)')


def quoted(name: str) -> str:
    """Return a stored name as text that means it: in double quotes where it is not plain upper case."""
    return name if _PLAIN.match(name) else '"' + name.replace('"', '""') + '"'


def qualified(*names: str) -> str:
    """Return stored names as one name with dots: database, schema, object."""
    return ".".join(quoted(name) for name in names)


def stored(text: str) -> str:
    """Return the stored name of what a text names; of a name with dots, that of its last part."""
    return stored_parts(text)[-1]


def stored_parts(text: str) -> tuple[str, ...]:
    """Return the stored names that a text with dots consists of; the text itself if it is no such name."""
    parts = [match.groups() for match in _PART.finditer(text)]
    named = tuple(inside.replace('""', '"') if inside is not None else plain.upper() for inside, plain in parts)
    return named or (text,)
