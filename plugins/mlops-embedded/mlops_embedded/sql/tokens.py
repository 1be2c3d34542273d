"""Tokens of Snowflake SQL: just enough structure to recognise a statement without misreading a string.

Comments separate tokens and are dropped; nothing inside `'...'`, `"..."` or `$$...$$` is ever looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from mlops_embedded.errors import syntax_error


class Kind(Enum):
    """What a token is."""

    WORD = "word"  # a keyword or an unquoted identifier, SYSTEM$ names included
    QUOTED = "quoted identifier"
    STRING = "string"  # '...' or $$...$$
    NUMBER = "number"
    LOCATION = "location"  # @stage/path, snow://... or file://..., unquoted
    SYMBOL = "symbol"


_PATTERN = re.compile(
    r"""
      (?P<space>   \s+ | --[^\n]* | //[^\n]* | /\*.*?\*/ )
    | (?P<dollar>  \$\$.*?\$\$ )
    | (?P<string>  '(?:[^'\\]|\\.|'')*' )
    | (?P<quoted>  "(?:[^"]|"")*" )
    | (?P<location> (?:@|snow://|file://)(?:"(?:[^"]|"")*"|[^\s,()"';=])* )
    | (?P<number>  (?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![A-Za-z_]) )
    | (?P<word>    [^\W\d][\w$]* )
    | (?P<symbol>  \$\d+ | :: | => | -> | <= | >= | <> | != | \|\| | . )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_KINDS = {
    "dollar": Kind.STRING,
    "string": Kind.STRING,
    "quoted": Kind.QUOTED,
    "location": Kind.LOCATION,
    "number": Kind.NUMBER,
    "word": Kind.WORD,
    "symbol": Kind.SYMBOL,
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its text as written, and where it stands in the statement."""

    kind: Kind
    text: str
    start: int
    end: int

    def is_word(self, word: str) -> bool:
        return self.kind is Kind.WORD and self.text.upper() == word

    def is_symbol(self, symbol: str) -> bool:
        return self.kind is Kind.SYMBOL and self.text == symbol


def tokenize(text: str) -> tuple[Token, ...]:
    """Return the tokens of one statement.

    Raises:
        SnowflakeError 001003: a string, quoted name or comment does not end.
    """
    return tuple(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    for match in _PATTERN.finditer(text):
        group = match.lastgroup or "symbol"
        if group == "space":
            continue
        token = Token(_KINDS[group], match.group(), match.start(), match.end())
        if token.kind is Kind.SYMBOL and token.text in {"'", '"'}:
            raise syntax_error(f"parse error near position {token.start}: {token.text} is not closed")
        yield token


def closing(tokens: tuple[Token, ...], opening: int) -> int | None:
    """Return where the parenthesis closes that opens at this index; None where it does not."""
    depth = 0
    for index in range(opening, len(tokens)):
        depth += tokens[index].is_symbol("(") - tokens[index].is_symbol(")")
        if depth == 0:
            return index
    return None


def string_value(token_text: str) -> str:
    """Return what a `'...'` or `$$...$$` literal stands for."""
    if token_text.startswith("$$"):
        return token_text[2:-2]
    inside = token_text[1:-1]
    if "\\" not in inside and "'" not in inside:
        return inside
    return re.sub(r"\\(.)|''", lambda m: _ESCAPES.get(m[1], m[1]) if m[1] else "'", inside, flags=re.DOTALL)


def string_literal(value: str) -> str:
    """Return a value as a `'...'` literal that Snowflake reads back unchanged."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
