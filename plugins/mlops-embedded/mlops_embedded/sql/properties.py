"""`KEY = value` clauses of CREATE and ALTER, read strictly: a clause that is not known is refused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mlops_embedded.errors import unknown_here
from mlops_embedded.sql.statement import Reader
from mlops_embedded.sql.tokens import Kind, Token, string_value


def read_properties(reader: Reader, known: Collection[str]) -> dict[str, Any]:
    """Read `KEY = value` pairs (with or without commas) to the end; keys come back in lower case.

    A parenthesised value is a list of its strings and words. `known` has the upper-case keys that are taken.
    """
    properties: dict[str, Any] = {}
    while not reader.at_end:
        if reader.accept(","):
            continue
        token = reader.next()
        key = token.text.upper()
        if token.kind is not Kind.WORD or key not in known:
            raise unknown_here(
                f"the clause {token.text!r} at position {token.start}; it knows {', '.join(sorted(known))}"
            )
        reader.expect("=")
        following = reader.peek()
        listed = following is not None and following.is_symbol("(")
        properties[key.lower()] = list_values(reader.parenthesised()) if listed else reader.value()
    return properties


def list_values(tokens: tuple[Token, ...]) -> list[str]:
    """Return the strings and words of `('a', b)`: strings as they are, words in upper case."""
    return [
        string_value(t.text) if t.kind is Kind.STRING else t.text.upper()
        for t in tokens
        if t.kind in {Kind.STRING, Kind.WORD, Kind.NUMBER}
    ]
