"""Runs a block: expressions and statements go to the session one by one, as if the client had sent each.

An error ends the block unless a handler takes it. What the embedded Snowflake does not know, and a cancel, no handler takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mlops_embedded.errors import SnowflakeError, invalid_value, syntax_error
from mlops_embedded.scripting import blocks
from mlops_embedded.scripting.blocks import Step
from mlops_embedded.scripting.values import (
    NULL,
    Scope,
    Table,
    Value,
    as_expression,
    rows_of,
    value_of,
    with_binds,
    with_marks,
)
from mlops_embedded.sql.results import Column, Result, Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement

_NEVER_CAUGHT: Final = frozenset({"000002", "000604", "000630"})


@dataclass(frozen=True, slots=True)
class Returned:
    """What RETURN says: a value, or the rows of RETURN TABLE."""

    value: Value = NULL
    rows: Result | None = None


class _Raised(Exception):
    """An exception on its way through the block: its name, what Snowflake would say, and where it came up."""

    def __init__(self, name: str, error: SnowflakeError, position: int) -> None:
        super().__init__(error.message)
        self.name, self.error, self.position = name, error, position


def run_block(session: Session, text: str, block: blocks.Block, scope: Scope | None = None) -> Returned:
    """Run a block and return what it returns.

    Raises:
        SnowflakeError: an exception that no handler took, with its own code.
    """
    try:
        left = _Running(session).block(block, scope or Scope())
    except _Raised as raised:
        error = raised.error
        before = text[: raised.position]
        line, column = before.count("\n") + 1, raised.position - (before.rfind("\n") + 1)
        raise SnowflakeError(
            f"Uncaught exception of type '{raised.name}' on line {line} at position {column} : {error.message}",
            code=error.code,
            sqlstate=error.sqlstate,
        ) from error
    return left if isinstance(left, Returned) else Returned()


@dataclass
class _Running:
    session: Session
    _caught: list[_Raised] = field(default_factory=list)

    def block(self, block: blocks.Block, outer: Scope) -> Returned | blocks.Leave | None:
        scope = Scope(outer)
        try:
            for declared in block.declared:
                self._declare(declared, scope)
            return self._steps(block.body, scope)
        except _Raised as raised:
            handler = next((steps for names, steps in block.handlers if {raised.name, "OTHER"} & set(names)), None)
            if handler is None or raised.error.code in _NEVER_CAUGHT:
                raise
            scope.names |= {
                "SQLCODE": value_of(int(raised.error.code), Column("SQLCODE", "fixed")),
                "SQLERRM": value_of(raised.error.message, Column("SQLERRM")),
                "SQLSTATE": value_of(raised.error.sqlstate, Column("SQLSTATE")),
            }
            self._caught.append(raised)
            try:
                return self._steps(handler, scope)
            finally:
                self._caught.pop()

    def _steps(self, steps: tuple[Step, ...], scope: Scope) -> Returned | blocks.Leave | None:
        for step in steps:
            if self.session.cancelled.is_set():
                raise SnowflakeError("SQL execution canceled", code="000604", sqlstate="57014")
            try:
                left = self._step(step, scope)
            except SnowflakeError as error:
                statement = isinstance(step.does, (blocks.Sql, blocks.Immediate, blocks.Rows, blocks.Open))
                raise _Raised("STATEMENT_ERROR" if statement else "EXPRESSION_ERROR", error, step.position) from error
            if left is not None:
                return left
        return None

    def _step(self, step: Step, scope: Scope) -> Returned | blocks.Leave | None:
        match step.does:
            case blocks.Block() as block:
                return self.block(block, scope)
            case blocks.Variable() | blocks.Rows() as declared:
                self._declare(declared, scope)
            case blocks.Assign() as assign:
                self._assign(assign, scope)
            case blocks.Sql(statement, into):
                self._sql(statement, into, scope)
            case blocks.Immediate(text, using):
                values = [self._variable(name, scope) for name in using]
                asked = self.evaluate(text, scope).python
                self._ran(self.session.execute(with_marks(Statement.of(str(asked)), values)), scope)
            case blocks.If(branches):
                for condition, steps in branches:
                    if condition is None or self.evaluate(condition, scope, "BOOLEAN").python:
                        return self._steps(steps, scope)
            case blocks.Loop() as loop:
                return self._loop(loop, scope)
            case blocks.Count() as count:
                return self._count(count, scope)
            case blocks.Each(name, rows, body):
                return self._each(name, rows, body, scope)
            case blocks.Leave() as leave:
                return leave
            case blocks.Return(value, rows):
                if rows is not None:
                    return Returned(rows=self._opened(scope.table(rows), scope).result)
                return Returned() if value is None else Returned(self.evaluate(value, scope))
            case blocks.Raise(name):
                raise self._exception(name, scope, step.position)
            case blocks.Open(cursor):
                self._open(scope.table(cursor), scope)
            case blocks.Close(cursor):
                scope.table(cursor).rows = None
            case blocks.Fetch(cursor, into):
                self._fetch(scope.table(cursor), cursor, into, scope)
        return None

    # -- variables

    def evaluate(self, expression: Statement, scope: Scope, type_: str | None = None) -> Value:
        """Return the value of an expression, cast to a type."""
        text = as_expression(scope, expression)
        result = self.session.execute(f"SELECT {text}" if type_ is None else f"SELECT ({text})::{type_}")
        [row] = rows_of(result)
        [value] = row.values()
        return value

    def _declare(self, declared: blocks.Variable | blocks.Rows | blocks.Declared, scope: Scope) -> None:
        match declared:
            case blocks.Variable(name, type_, value):
                scope.names[name] = NULL if value is None else self.evaluate(value, scope, type_)
                if type_ is not None:
                    scope.types[name] = type_
            case blocks.Rows(name, query, is_cursor):
                scope.names[name] = table = Table(query, is_cursor)
                if query is not None and not is_cursor:
                    self._open(table, scope)
            case blocks.Declared(name, number, message):
                scope.exceptions[name] = (number, message)

    def _assign(self, assign: blocks.Assign, scope: Scope) -> None:
        holder = scope.holder(assign.name)
        if holder is None:
            raise syntax_error(f"invalid identifier '{assign.name}': no variable of the block has this name")
        target = holder.names[assign.name]
        if isinstance(target, Table):
            inside = assign.value.tokens[1:-1]  # a resultset is assigned a query in parentheses
            if not inside or not assign.value.tokens[0].is_symbol("("):
                raise syntax_error(f"the resultset {assign.name} needs a query in parentheses")
            target.query = Statement.of(assign.value.text[inside[0].start : inside[-1].end])
            self._open(target, scope)
        else:
            holder.names[assign.name] = self.evaluate(assign.value, scope, holder.types.get(assign.name))

    def _variable(self, name: str, scope: Scope) -> Value:
        found = scope.find(name)
        if not isinstance(found, Value):
            raise syntax_error(f"invalid identifier '{name}': no variable of the block has this name")
        return found

    def _put(self, names: tuple[str, ...], values: list[Value], scope: Scope) -> None:
        if len(names) != len(values):
            raise invalid_value(f"INTO has {len(names)} variables for {len(values)} columns")
        for name, value in zip(names, values, strict=True):
            self._variable(name, scope)
            holder = scope.holder(name) or scope
            type_ = holder.types.get(name)
            if type_ is not None and value is not NULL:
                value = self.evaluate(Statement.of(value.sql), scope, type_)
            holder.names[name] = value

    # -- statements

    def _sql(self, statement: Statement, into: tuple[str, ...], scope: Scope) -> None:
        result = self.session.execute(with_binds(scope, statement))
        self._ran(result, scope)
        if not into:
            return
        rows = rows_of(result)
        if len(rows) > 1:
            raise invalid_value(f"a SELECT INTO statement expects exactly 1 returned row, but got {len(rows)}.")
        self._put(into, list(rows[0].values()) if rows else [NULL] * len(into), scope)

    def _ran(self, result: Result, scope: Scope) -> None:
        """Set SQLROWCOUNT, SQLFOUND, SQLNOTFOUND and SQLID."""
        changed = result.rowcount if isinstance(result, Rowset) else None
        outermost = scope
        while outermost.outer is not None:
            outermost = outermost.outer
        facts = {
            "SQLROWCOUNT": changed, "SQLFOUND": None if changed is None else changed > 0,
            "SQLNOTFOUND": None if changed is None else changed == 0, "SQLID": self.session.query_id,
        }  # fmt: skip
        outermost.names |= {name: value_of(fact, Column(name)) for name, fact in facts.items()}

    def _exception(self, name: str | None, scope: Scope, position: int) -> _Raised:
        if name is None:
            if not self._caught:
                raise syntax_error("RAISE without a name stands outside of an exception handler")
            return self._caught[-1]
        declared = scope.exception(name)
        if declared is None:
            raise syntax_error(f"invalid identifier '{name}': no exception of the block has this name")
        number, message = declared
        return _Raised(name, SnowflakeError(message, code=str(number), sqlstate="P0001"), position)

    # -- loops

    def _loop(self, loop: blocks.Loop, scope: Scope) -> Returned | None:
        while loop.at_end or loop.condition is None or self.evaluate(loop.condition, scope, "BOOLEAN").python:
            left = self._steps(loop.body, Scope(scope))
            if isinstance(left, Returned):
                return left
            if left is not None and not left.go_on:
                break
            if loop.at_end and loop.condition and self.evaluate(loop.condition, scope, "BOOLEAN").python:
                break
        return None

    def _count(self, count: blocks.Count, scope: Scope) -> Returned | None:
        first, last = (int(self.evaluate(e, scope, "INTEGER").python) for e in (count.first, count.last))
        numbers = range(first, last + 1)
        for number in reversed(numbers) if count.reverse else numbers:
            inner = Scope(scope, {count.name: value_of(number, Column(count.name, "fixed"))})
            left = self._steps(count.body, inner)
            if isinstance(left, Returned):
                return left
            if left is not None and not left.go_on:
                break
        return None

    def _each(self, name: str, rows: str, body: tuple[Step, ...], scope: Scope) -> Returned | None:
        for row in list(self._opened(scope.table(rows), scope).rows or ()):
            left = self._steps(body, Scope(scope, {name: row}))
            if isinstance(left, Returned):
                return left
            if left is not None and not left.go_on:
                break
        return None

    # -- cursors

    def _open(self, table: Table, scope: Scope) -> None:
        if table.query is None:
            raise invalid_value("the resultset has no query yet")
        asked = table.query
        named = scope.find(asked.tokens[0].text.upper()) if len(asked.tokens) == 1 else None
        if isinstance(named, Table):  # CURSOR FOR a resultset
            table.result, table.rows = named.result, named.rows
        else:
            table.result = self.session.execute(with_binds(scope, asked))
            table.rows = rows_of(table.result)
        table.fetched = 0

    def _opened(self, table: Table, scope: Scope) -> Table:
        if table.rows is None:
            self._open(table, scope)
        return table

    def _fetch(self, table: Table, name: str, into: tuple[str, ...], scope: Scope) -> None:
        if table.rows is None:
            raise invalid_value(f"cursor {name} is not open")
        if table.fetched < len(table.rows):
            self._put(into, list(table.rows[table.fetched].values()), scope)
            table.fetched += 1
        else:
            self._put(into, [NULL] * len(into), scope)
