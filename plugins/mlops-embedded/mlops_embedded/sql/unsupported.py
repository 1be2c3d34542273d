"""What Snowflake's SQL has and this server does not: told by name where a statement fails because of it.

A statement is looked at only when it has failed, so that nobody pays for what hardly anybody writes.
"""

from __future__ import annotations

from mlops_embedded.errors import SnowflakeError, unknown_here
from mlops_embedded.sql.tokens import Kind, Token, tokenize

_CODES = {"000904", "001003", "002140"}
"""What a statement with such a feature fails with: it does not parse, or names what is not there."""

_POINTS = {"OFFSET", "TIMESTAMP", "STATEMENT", "STREAM"}
_FEATURES: tuple[tuple[tuple[str | set[str], ...], str], ...] = (
    (("MATCH_RECOGNIZE", "("), "MATCH_RECOGNIZE"),
    (("AT", "(", _POINTS, "=>"), "time travel, AT (... => ...)"),
    (("BEFORE", "(", _POINTS, "=>"), "time travel, BEFORE (... => ...)"),
    (("SWAP", "WITH"), "ALTER TABLE ... SWAP WITH"),
    (("->", ">"), "the pipe operator ->>"),
    (("ROW", "ACCESS", "POLICY"), "row access policies"),
    (({"EXTERNAL", "ICEBERG", "HYBRID", "EVENT"}, "TABLE"), "external, Iceberg, hybrid and event tables"),
    (("CORTEX", "."), "the functions of SNOWFLAKE.CORTEX"),
)


def told_by_feature(error: SnowflakeError, sql: str) -> SnowflakeError:
    """Return the error of a statement, which names the unsupported feature where the statement has one."""
    feature = _feature(sql) if error.code in _CODES else None
    return error if feature is None else unknown_here(feature)


def _feature(sql: str) -> str | None:
    try:
        words = [_word(token) for token in tokenize(sql)]
    except SnowflakeError:  # a string that does not end
        return None
    for pattern, feature in _FEATURES:
        for start in range(len(words) - len(pattern) + 1):
            if all(
                word in wanted if isinstance(wanted, set) else word == wanted
                for word, wanted in zip(words[start:], pattern, strict=False)
            ):
                return feature
    return None


def _word(token: Token) -> str:
    return token.text.upper() if token.kind in (Kind.WORD, Kind.SYMBOL) else ""
