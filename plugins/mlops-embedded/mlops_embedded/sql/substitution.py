"""Substitution: what a statement says by another name is put in its place before anything else looks at it."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_embedded.errors import syntax_error
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.tokens import Kind, Token, string_value


def substituted(found: Statement, variables: Mapping[str, str]) -> Statement:
    """Put session variables ($NAME) and IDENTIFIER('...') in their places, and drop the word SCOPED.

    Raises:
        SnowflakeError 001003: a variable is not set.
    """
    tokens = found.tokens
    pieces, position = [], 0
    for index, token in enumerate(tokens[:-1]):
        following = tokens[index + 1]
        if token.start < position:
            continue
        if index < 4 and token.is_word("SCOPED") and tokens[0].is_word("CREATE"):
            replacement, end = "", token.end
        elif token.is_symbol("$") and following.start == token.end:
            replacement, end = _value(following.text.upper(), variables, token.start), following.end
        elif (name := _identifier(tokens[index : index + 4])) is not None:
            replacement, end = name, tokens[index + 3].end
        else:
            continue
        pieces += [found.text[position : token.start], replacement]
        position = end
    return Statement.of("".join([*pieces, found.text[position:]])) if pieces else found


def _value(name: str, variables: Mapping[str, str], position: int) -> str:
    if name not in variables:
        raise syntax_error(f"error line 1 at position {position}\nSession variable '${name}' does not exist")
    return variables[name]


def _identifier(tokens: tuple[Token, ...]) -> str | None:
    """Return the name in IDENTIFIER('...'); None for anything else."""
    if len(tokens) < 4 or not tokens[0].is_word("IDENTIFIER") or tokens[2].kind is not Kind.STRING:
        return None
    return string_value(tokens[2].text) if tokens[1].is_symbol("(") and tokens[3].is_symbol(")") else None
