"""A statement as handlers see it: text, tokens, and a reader that walks through them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from mlops_embedded.catalog.identifiers import normalize, parse_name
from mlops_embedded.errors import syntax_error
from mlops_embedded.sql.tokens import Kind, Token, string_value, tokenize

_MODIFIERS = {
    "OR", "REPLACE", "ALTER", "SCOPED", "LOCAL", "GLOBAL", "TEMP", "TEMPORARY", "VOLATILE", "TRANSIENT", "SECURE",
    "RECURSIVE", "HYBRID",
}  # fmt: skip
_SYNONYMS = {"DESC": "DESCRIBE", "LS": "LIST", "RM": "REMOVE"}


@dataclass(frozen=True)
class Statement:
    """One SQL statement, binds already in place, without surrounding comments and trailing `;`."""

    text: str
    tokens: tuple[Token, ...] = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Statement:
        tokens = tokenize(text)
        while tokens and tokens[-1].is_symbol(";"):
            tokens = tokens[:-1]
        if not tokens:
            raise syntax_error("empty SQL statement")
        start, end = tokens[0].start, tokens[-1].end
        shifted = tuple(Token(t.kind, t.text, t.start - start, t.end - start) for t in tokens)
        return cls(text[start:end], shifted)

    @cached_property
    def _head(self) -> tuple[tuple[str, ...], frozenset[str], int]:
        """The words that name the statement, the modifiers between them, and how many tokens both take."""
        words: list[str] = []
        modifiers: set[str] = set()
        taken = 0
        for token in self.tokens:
            if token.kind is not Kind.WORD:
                break
            word = token.text.upper()
            if (words == ["CREATE"] and word in _MODIFIERS) or (words == ["SHOW"] and word == "TERSE"):
                modifiers.add("TEMPORARY" if word in {"TEMP", "VOLATILE"} else word)
            else:
                words.append(word if words else _SYNONYMS.get(word, word))
                if len(words) > 5:
                    break
            taken += 1
        return tuple(words), frozenset(modifiers), taken

    @property
    def words(self) -> tuple[str, ...]:
        """The leading words in upper case, modifiers such as OR REPLACE left out: CREATE MODEL ..."""
        return self._head[0]

    @property
    def modifiers(self) -> frozenset[str]:
        """The modifiers between CREATE and the kind: REPLACE, TEMPORARY, TRANSIENT, SECURE, ..."""
        return self._head[1]

    @property
    def or_replace(self) -> bool:
        return "REPLACE" in self.modifiers

    @property
    def or_alter(self) -> bool:
        return "ALTER" in self.modifiers

    @property
    def temporary(self) -> bool:
        return "TEMPORARY" in self.modifiers

    def after(self, *words: str) -> Reader:
        """Return a reader that stands behind the words that name the statement."""
        seen = 0
        for index, token in enumerate(self.tokens):
            word = token.text.upper()
            if not seen:
                word = _SYNONYMS.get(word, word)
            if word == words[seen]:
                seen += 1
                if seen == len(words):
                    return Reader(self, index + 1)
            elif not (seen == 1 and (word in _MODIFIERS or word == "TERSE")):
                break
        raise syntax_error(f"expected {' '.join(words)}")


class Reader:
    """Walks through a statement's tokens; what it is asked for and does not find is a syntax error."""

    def __init__(self, statement: Statement, position: int = 0) -> None:
        self._statement, self._tokens, self.position = statement, statement.tokens, position

    def peek(self, ahead: int = 0) -> Token | None:
        index = self.position + ahead
        return self._tokens[index] if index < len(self._tokens) else None

    @property
    def at_end(self) -> bool:
        return self.peek() is None

    def next(self) -> Token:
        token = self.peek()
        if token is None:
            raise syntax_error("unexpected end of the statement")
        self.position += 1
        return token

    def accept(self, *words: str) -> bool:
        """Step over these words (or symbols) if all of them come next."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or token.kind not in {Kind.WORD, Kind.SYMBOL} or token.text.upper() != word:
                return False
        self.position += len(words)
        return True

    def accept_any(self, words: Iterable[str]) -> str | None:
        """Step over the next word if it is one of these, and return it in upper case."""
        return next((word for word in words if self.accept(word)), None)

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            token = self.peek()
            found = f"unexpected {token.text!r} at position {token.start}" if token else "unexpected end"
            raise syntax_error(f"syntax error: {found}, expected {' '.join(words)}")

    def finish(self) -> None:
        """Refuse what is left: a clause that nobody read would otherwise be silently ignored."""
        token = self.peek()
        if token is not None:
            raise syntax_error(f"syntax error: unexpected {token.text!r} at position {token.start}")

    def if_exists(self) -> bool:
        return self.accept("IF", "EXISTS")

    def if_not_exists(self) -> bool:
        return self.accept("IF", "NOT", "EXISTS")

    def name(self) -> tuple[str, ...]:
        """Read a one- to three-part name, `IDENTIFIER('...')` included, and return its stored parts."""
        if self.accept("IDENTIFIER", "("):
            parts = parse_name(self.string())
            self.expect(")")
            return parts
        named = [self.identifier()]
        while self.accept("."):
            # DB..T is DB.PUBLIC.T
            named.append("PUBLIC" if self._next_is(".") else self.identifier())
        return tuple(named)

    def _next_is(self, symbol: str) -> bool:
        token = self.peek()
        return token is not None and token.is_symbol(symbol)

    def identifier(self) -> str:
        """Read one identifier (a string is taken too, as Snowflake does in many places)."""
        token = self.next()
        if token.kind is Kind.STRING:
            return normalize(string_value(token.text))
        if token.kind not in {Kind.WORD, Kind.QUOTED}:
            raise syntax_error(f"syntax error: unexpected {token.text!r}, expected an identifier")
        return normalize(token.text)

    def quoted_name(self) -> tuple[str, ...]:
        """Read a name that may stand in a string: FORMAT_NAME = 'd.s.f', or d.s.f."""
        token = self.peek()
        if token is not None and token.kind is Kind.STRING:
            return parse_name(self.string())
        return self.name()

    def string(self) -> str:
        token = self.next()
        if token.kind is not Kind.STRING:
            raise syntax_error(f"syntax error: unexpected {token.text!r}, expected a string")
        return string_value(token.text)

    def integer(self) -> int:
        token = self.next()
        if token.kind is not Kind.NUMBER or not token.text.isdigit():
            raise syntax_error(f"syntax error: unexpected {token.text!r}, expected a whole number")
        return int(token.text)

    def value(self) -> str | int | float | bool | None:
        """Read a property's value: a string, number, TRUE, FALSE, NULL, or a bare word as upper-case text."""
        sign = -1 if self.accept("-") else 1
        token = self.next()
        if token.kind is Kind.STRING:
            return string_value(token.text)
        if token.kind is Kind.NUMBER:
            return sign * (int(token.text) if token.text.isdigit() else float(token.text))
        if token.kind is Kind.QUOTED:
            return normalize(token.text)
        if token.kind is Kind.WORD:
            word = token.text.upper()
            return {"TRUE": True, "FALSE": False, "NULL": None}.get(word, word)
        raise syntax_error(f"syntax error: unexpected {token.text!r}, expected a value")

    def location(self) -> str:
        """Read a stage location, quoted or not: `@db.s.stage/path`, `'@stage/a b'`, `snow://model/...`."""
        token = self.next()
        if token.kind is Kind.LOCATION:
            return token.text
        if token.kind is Kind.STRING:
            return string_value(token.text)
        raise syntax_error(f"syntax error: unexpected {token.text!r}, expected a stage location")

    def parenthesised(self) -> tuple[Token, ...]:
        """Read `( ... )` with balanced parentheses and return the tokens inside."""
        self.expect("(")
        start, depth = self.position, 1
        while depth:
            token = self.next()
            depth += token.is_symbol("(") - token.is_symbol(")")
        return self._tokens[start : self.position - 1]

    def text_of(self, tokens: tuple[Token, ...]) -> str:
        """Return these tokens of the statement as they are written."""
        return self._statement.text[tokens[0].start : tokens[-1].end] if tokens else ""

    def rest(self) -> str:
        """Return everything that is left, as written, and go to the end."""
        token = self.peek()
        self.position = len(self._tokens)
        return "" if token is None else self._statement.text[token.start :]
