"""The statement table: first keywords -> the function that answers.

    @statement("CREATE", "MODEL")
    def create_model(session: Session, statement: Statement) -> Answer: ...

The longest match wins, so SHOW VERSIONS IN MODEL may have its own function beside SHOW VERSIONS. What is in no table
goes to DuckDB if it is a query or plain DDL/DML, and is refused otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_embedded.sql.results import Answer, Column, Rowset
from mlops_embedded.sql.statement import Statement

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session

Handler = Callable[["Session", Statement], Answer]
_READ_ONLY = {"SHOW", "DESCRIBE", "LIST", "SELECT", "WITH", "EXPLAIN"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement we know: its function, and what a describe-only request is told instead of running it."""

    words: tuple[str, ...]
    handler: Handler
    describes: tuple[Column, ...] | None

    def described(self) -> Rowset | None:
        """The empty answer for describe-only, or None where running the function has no side effect."""
        return None if self.describes is None else Rowset(self.describes)


_TABLE: dict[tuple[str, ...], Entry] = {}


def statement(*words: str, describes: Sequence[Column] | None = None) -> Callable[[Handler], Handler]:
    """Register the function for statements that begin with these words (upper case, modifiers left out).

    A describe-only request runs functions of SHOW, DESCRIBE, LIST and SELECT as they are. All others are described as
    one column `status`, or as the columns in `describes`, without being run.
    """

    def register(handler: Handler) -> Handler:
        if words in _TABLE:
            raise ValueError(f"two functions for {' '.join(words)}: {_TABLE[words].handler} and {handler}")
        columns = tuple(describes) if describes is not None else (Column("status"),)
        _TABLE[words] = Entry(words, handler, None if words[0] in _READ_ONLY else columns)
        return handler

    return register


def lookup(found: Statement) -> Entry | None:
    """Return the entry with the longest match, or None."""
    words = found.words
    return next((e for n in range(len(words), 0, -1) if (e := _TABLE.get(words[:n])) is not None), None)
