"""The condition of a task: what may stand in WHEN, checked word by word.

Source: Snowflake documentation, "CREATE TASK", WHEN.
"""

from __future__ import annotations

import re

from mlops.errors import MlopsError, SettingsError

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\$]|'')*')|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_$]*)"
    r"|(?P<sign>::|<=|>=|<>|!=|[()=<>,]))"
)
_FUNCTIONS = {"SYSTEM$STREAM_HAS_DATA", "SYSTEM$GET_PREDECESSOR_RETURN_VALUE"}
_WORDS = {"AND", "OR", "NOT", "IS", "NULL", "TRUE", "FALSE", "IN", "BETWEEN", "LIKE"}
_TYPES = {"BOOLEAN", "FLOAT", "INT", "INTEGER", "NUMBER", "STRING", "VARCHAR", "DOUBLE"}
HINT = (
    "a condition is made of SYSTEM$STREAM_HAS_DATA('s'), SYSTEM$GET_PREDECESSOR_RETURN_VALUE('TASK'), AND, OR, NOT, "
    "comparisons, casts (::FLOAT), numbers and texts"
)


def checked_condition(text: str, *, place: str, problems: list[MlopsError]) -> str:
    """Return a condition of the settings; what Snowflake takes in no WHEN goes into ``problems``."""
    reason = _why_not(text)
    if reason:
        problems.append(SettingsError(place=place, problem=f"{text!r} cannot be a condition: {reason}", hint=HINT))
    return " ".join(text.split())


def both(*conditions: str | None) -> str | None:
    """Return the condition that all of these hold."""
    given = [condition for condition in conditions if condition]
    return given[0] if len(given) == 1 else " AND ".join(f"({one})" for one in given) or None


def stream_has_data(stream: str) -> str:
    """Return the condition that a stream holds new rows; the name is one that was checked."""
    return f"SYSTEM$STREAM_HAS_DATA('{stream}')"


def _why_not(text: str) -> str | None:
    at, depth, previous, functions = 0, 0, "", 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            return f"what begins at {text[at:].strip()[:20]!r} is not known in it"
        at = match.end()
        word = (match["name"] or match["sign"] or "").upper()
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth < 0:
            return "it closes a bracket that it does not open"
        if previous == "::":
            if word not in _TYPES:
                return f"{word or match[0].strip()} is no type it can cast to"
        elif match["name"]:
            if text[at:].lstrip().startswith("(") and word not in _WORDS:
                if word not in _FUNCTIONS:
                    return f"the function {match['name']} is not known in it"
                functions += 1
            elif word not in _WORDS:
                return f"the name {match['name']} is not known in it"
        previous = word
    if depth:
        return "a bracket is not closed"
    return None if functions else "it asks nothing"
