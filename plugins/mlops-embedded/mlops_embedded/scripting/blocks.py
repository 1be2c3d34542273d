"""The parts of a Snowflake Scripting block, as they were read; pieces of SQL are kept as statements of their own.

Source: Snowflake documentation, "Snowflake Scripting reference".
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops_embedded.sql.statement import Statement


@dataclass(frozen=True, slots=True)
class Variable:
    """`name [type] [DEFAULT value]` in DECLARE, or LET: the value is an expression, a missing one is NULL."""

    name: str
    type: str | None = None
    value: Statement | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A CURSOR or a RESULTSET and its query, if it has one yet; a cursor's query runs when it is opened."""

    name: str
    query: Statement | None
    is_cursor: bool


@dataclass(frozen=True, slots=True)
class Declared:
    """An exception of the block's own: `name EXCEPTION (number, 'message')`."""

    name: str
    number: int
    message: str


@dataclass(frozen=True, slots=True)
class Assign:
    name: str
    value: Statement


@dataclass(frozen=True, slots=True)
class Sql:
    """Any SQL statement; `into` are the variables of SELECT ... INTO."""

    statement: Statement
    into: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Immediate:
    """EXECUTE IMMEDIATE: the text to run is an expression; `using` are the variables for its question marks."""

    text: Statement
    using: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class If:
    """Pairs of condition and body, the first that holds counts; ELSE has no condition. A CASE is one, too."""

    branches: tuple[tuple[Statement | None, tuple[Step, ...]], ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """LOOP, WHILE and REPEAT: goes on while `until` is not what its condition says; no condition is for ever."""

    body: tuple[Step, ...]
    condition: Statement | None = None
    at_end: bool = False
    """REPEAT: the condition is asked after the body, and ends the loop where it holds."""


@dataclass(frozen=True, slots=True)
class Count:
    """FOR name IN [REVERSE] first TO last."""

    name: str
    first: Statement
    last: Statement
    reverse: bool
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Each:
    """FOR row IN cursor or resultset."""

    name: str
    rows: str
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """BREAK, or CONTINUE."""

    go_on: bool


@dataclass(frozen=True, slots=True)
class Return:
    value: Statement | None = None
    rows: str | None = None
    """RETURN TABLE(resultset)"""


@dataclass(frozen=True, slots=True)
class Raise:
    """RAISE name; without a name, what the handler has caught is raised again."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Open:
    cursor: str


@dataclass(frozen=True, slots=True)
class Close:
    cursor: str


@dataclass(frozen=True, slots=True)
class Fetch:
    cursor: str
    into: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """DECLARE ... BEGIN ... EXCEPTION WHEN ... END."""

    declared: tuple[Variable | Rows | Declared, ...]
    body: tuple[Step, ...]
    handlers: tuple[tuple[tuple[str, ...], tuple[Step, ...]], ...] = ()
    """(names of exceptions, or OTHER; what to do)"""


Does = (
    Assign
    | Block
    | Close
    | Count
    | Each
    | Fetch
    | If
    | Immediate
    | Leave
    | Loop
    | Open
    | Raise
    | Return
    | Rows
    | Sql
    | Variable
)


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a block, NULL included, and where it stands in the text."""

    does: Does | None
    position: int
