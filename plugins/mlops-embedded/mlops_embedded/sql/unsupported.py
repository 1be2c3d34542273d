"""What Snowflake's SQL has and this server does not: told by name where a statement fails because of it.

A statement is looked at only when it has failed, so that nobody pays for what hardly anybody writes.
"""

from __future__ import annotations

from mlops_embedded.errors import SnowflakeError, unknown_here
from mlops_embedded.sql.tokens import Kind, Token, tokenize

_Pattern = tuple[set[str], ...]
"""Tokens that follow each other, each one of a set; an empty set is any token."""

_POINTS = {"OFFSET", "TIMESTAMP", "STATEMENT", "STREAM"}
_CLAUSES: tuple[tuple[_Pattern, str], ...] = (
    (({"MATCH_RECOGNIZE"}, {"("}), "MATCH_RECOGNIZE"),
    (({"AT"}, {"("}, _POINTS, {"=>"}), "time travel, AT (... => ...)"),
    (({"BEFORE"}, {"("}, _POINTS, {"=>"}), "time travel, BEFORE (... => ...)"),
    (({"SWAP"}, {"WITH"}), "ALTER TABLE ... SWAP WITH"),
    (({"->"}, {">"}), "the pipe operator ->>"),
    (({"ROW"}, {"ACCESS"}, {"POLICY"}), "row access policies"),
    (({"EXTERNAL", "ICEBERG", "HYBRID", "EVENT"}, {"TABLE"}), "external, Iceberg, hybrid and event tables"),
)
_FUNCTIONS: tuple[tuple[_Pattern, str], ...] = (
    (({"CORTEX"}, {"."}, set(), {"("}), "the functions of SNOWFLAKE.CORTEX"),
)
_OF_CODES = {"001003": _CLAUSES, "000904": _FUNCTIONS, "002140": _FUNCTIONS}
"""What a statement may have that fails with a code: it does not parse, or it names what is not there."""


def told_by_feature(error: SnowflakeError, sql: str) -> SnowflakeError:
    """Return the error of a statement, which names the unsupported feature where it may have failed because of one."""
    wanted = _OF_CODES.get(error.code, ())
    feature = _feature(sql, wanted) if wanted else None
    return error if feature is None else unknown_here(feature)


def _feature(sql: str, wanted: tuple[tuple[_Pattern, str], ...]) -> str | None:
    try:
        words = [_word(token) for token in tokenize(sql)]
    except SnowflakeError:  # a string that does not end
        return None
    for pattern, feature in wanted:
        for start in range(len(words) - len(pattern) + 1):
            if all(not place or word in place for word, place in zip(words[start:], pattern, strict=False)):
                return feature
    return None


def _word(token: Token) -> str:
    return token.text.upper() if token.kind in (Kind.WORD, Kind.SYMBOL) else ""
