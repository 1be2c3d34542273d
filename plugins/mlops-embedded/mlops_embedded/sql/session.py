"""A session: who asks, where unqualified names point, and one connection to the data plane."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fakesnow.conn import FakeSnowflakeConnection

from mlops_embedded.catalog import Catalog, ObjectName
from mlops_embedded.catalog.grants import roles_of_user
from mlops_embedded.errors import SnowflakeError, no_current_database, no_current_schema, syntax_error, unknown_here
from mlops_embedded.principal import Principal
from mlops_embedded.sql import functions, query
from mlops_embedded.sql.dispatch import lookup
from mlops_embedded.sql.results import Column, Data, Result, Rewrite, Rowset, Status, Transfer
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.substitution import substituted
from mlops_embedded.sql.unsupported import told_by_feature
from mlops_embedded.sql.wire import as_table

if TYPE_CHECKING:
    from mlops_embedded.account import Account

_QUERIES = {"SELECT", "WITH", "CREATE", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "COPY"}


@dataclass(eq=False)
class Session:
    """One login. Handlers read and change the current role, warehouse, database and schema here."""

    account: Account
    principal: Principal
    connection: FakeSnowflakeConnection
    role: str = "ACCOUNTADMIN"
    warehouse: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    """What an area binds to the session: a job's session knows its task run here."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    master_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    id: int = field(default_factory=lambda: uuid.uuid4().int >> 75)
    query_id: str = ""
    """The id of the statement that runs now."""
    last_query_id: str = ""
    """The id of the statement before it, for LAST_QUERY_ID() and RESULT_SCAN."""
    cancelled: threading.Event = field(default_factory=threading.Event, repr=False)
    """Set while a cancel is asked for: a handler that waits looks here."""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Held by the client's statement that runs, also while it waits and lets its own procedure's statements run."""
    temporary_tables: dict[ObjectName, str] = field(default_factory=dict)
    """Temporary tables and views of this session, and which of TABLE and VIEW each is."""
    registered_functions: set[str] = field(default_factory=set)
    """Functions that the session's DuckDB connection knows."""
    foreign_calls: dict[str, Callable[[Any], Any]] = field(default_factory=dict, repr=False)
    """What calls of functions that run elsewhere do in the statement that runs now, by the function's code."""
    in_transaction: bool = False
    remembered: str = field(default="", repr=False)
    """What the account last wrote down about this session."""
    describing: bool = False
    """Whether the statement that runs now is only described: no row of it will be looked at."""
    _scratch: list[str] = field(default_factory=list, repr=False)
    _depth: int = 0
    _holds: int = 0
    """How often the thread that has the session's lock took it."""
    _waits: int = 0
    """How many statements wait for something long right now."""

    @property
    def catalog(self) -> Catalog:
        return self.account.catalog

    @property
    def shares_disk(self) -> bool:
        """Whether the client sees this machine's files; one in a container does not."""
        return self.context.get("shares_disk") is not False

    @property
    def roles(self) -> set[str] | None:
        """The roles this session may take, None if any; a service's session has those that its token says."""
        bound = self.context.get("roles")
        return set(bound) if bound is not None else roles_of_user(self.catalog, self.principal.user)

    @property
    def duckdb(self) -> Any:  # duckdb's stubs name the class differently from release to release
        """The session's own DuckDB connection, for data that no Snowflake statement expresses."""
        return self.connection._duck_conn

    # -- names

    @property
    def database(self) -> str | None:
        return self.connection.database if self.connection.database_set else None

    @property
    def schema(self) -> str | None:
        return self.connection.schema if self.connection.schema_set else None

    def use(self, database: str | None, schema: str | None) -> None:
        """Make database and schema current; the caller has checked that they exist."""
        connection = self.connection
        connection.database, connection._schema = database, schema
        connection.database_set, connection.schema_set = database is not None, schema is not None
        if database is not None:
            inside = "_FS_INFORMATION_SCHEMA" if schema == "INFORMATION_SCHEMA" else schema or "main"
            quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (database, inside))
            self.duckdb.execute(f"SET schema = '{quoted.replace(chr(39), chr(39) * 2)}'")

    def resolve(self, parts: tuple[str, ...], action: str = "this statement") -> ObjectName:
        """Return the fully qualified name of a schema's object (table, task, model, ...)."""
        database, schema = self.resolve_schema(parts[:-1], action)
        return ObjectName(database, schema, parts[-1])

    def resolve_schema(self, parts: tuple[str, ...], action: str = "this statement") -> tuple[str, str]:
        """Return (database, schema) for zero to two given parts, from the current ones where they are left out.

        Raises:
            SnowflakeError 090105, 090106: one is left out, and there is no current one.
        """
        if len(parts) > 2:
            raise syntax_error(f"{'.'.join(parts)} has too many parts")
        database = parts[0] if len(parts) == 2 else self.database
        if database is None:
            raise no_current_database(action)
        schema = parts[-1] if parts else self.schema
        if schema is None:
            raise no_current_schema(action)
        return database, schema

    # -- running SQL

    def execute(self, sql: str, *, describe_only: bool = False) -> Result:
        """Run one statement, as if the client had sent it, and return its result; from inside a handler too."""
        with self.held():
            self._depth += 1
            outer, self.describing = self.describing, describe_only
            try:
                return self._execute(substituted(Statement.of(sql), self.variables), describe_only)
            except SnowflakeError as error:
                told = told_by_feature(error, sql)
                if told is error:
                    raise
                raise told from error
            finally:
                self._depth -= 1
                self.describing = outer
                if self._depth == 0:
                    self._drop_scratch_tables()

    def _execute(self, found: Statement, describe_only: bool) -> Result:
        entry = lookup(found)
        if entry is not None:
            described = entry.described() if describe_only else None
            answer = described if described is not None else entry.handler(self, found)
            if not isinstance(answer, Rewrite):
                return answer
            found = Statement.of(answer.sql)
        if not found.words or found.words[0] in _QUERIES:
            found = functions.expand(self, found)
        return query.run(self, found.text, describe_only=describe_only)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows as Python values."""
        result = self.execute(sql)
        match result:
            case Data(table=table):
                return list(zip(*(c.to_pylist() for c in table.columns), strict=True)) if table.num_columns else []
            case Rowset(rows=rows):
                return [tuple(row) for row in rows]
            case Status(message=message):
                return [(message,)]
            case Transfer():
                raise unknown_here("a file transfer inside another statement")

    def scalar(self, sql: str) -> Any:
        """Return the first cell of the first row, or None if there is no row."""
        rows = self.rows(sql)
        return rows[0][0] if rows else None

    def scratch_table(self, result: Rowset | Data) -> str:
        """Put rows into a temporary table that lives as long as the statement, and return its name in SQL."""
        name = f"_SCRATCH_{uuid.uuid4().hex}"
        table = result.table if isinstance(result, Data) else as_table(result)
        json_columns = {c.name for c in result.columns if c.type in {"variant", "object", "array"}}
        self.duckdb.register(name, table)
        try:
            selected = ", ".join(_column(c, c.name in json_columns) for c in result.columns)
            self.duckdb.execute(f'CREATE TEMP TABLE "{name}_T" AS SELECT {selected} FROM "{name}"')
        finally:
            self.duckdb.unregister(name)
        self._scratch.append(f"{name}_T")
        return f'TEMP.MAIN."{name}_T"'

    def create_scratch(self, name: str, duckdb_query: str) -> None:
        """Make a table TEMP.MAIN."name" of a DuckDB query, which lives as long as the statement."""
        self.run_duckdb(f'CREATE TEMP TABLE "{name}" AS {duckdb_query}')
        self._scratch.append(name)

    def run_duckdb(self, sql: str) -> list[tuple[Any, ...]]:
        """Run DuckDB's own SQL on the session's connection; its errors come out as Snowflake's."""
        return query.run_duckdb(self, sql)

    def _drop_scratch_tables(self) -> None:
        while self._scratch:
            self.duckdb.execute(f'DROP TABLE IF EXISTS temp.main."{self._scratch.pop()}"')

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the session for this thread alone, until it waits."""
        with self.lock:
            self._holds += 1
            try:
                yield
            finally:
                self._holds -= 1

    def begin_statement(self, query_id: str) -> None:
        """Note which statement runs now; a cancel that a waiting one has not seen yet stays asked for."""
        self.query_id = query_id
        if self._waits == 0:
            self.cancelled.clear()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let others use this session while a handler waits for something long: a job, a procedure that runs in it."""
        holds, depth, scratch = self._holds, self._depth, self._scratch
        query_id, describing, foreign_calls = self.query_id, self.describing, self.foreign_calls
        self._holds, self._depth, self._scratch, self.foreign_calls = 0, 0, [], {}
        self._waits += 1
        for _ in range(holds):
            self.lock.release()
        try:
            yield
        finally:
            for _ in range(holds):
                self.lock.acquire()
            self._waits -= 1
            self._holds, self._depth, self._scratch = holds, depth, scratch
            self.query_id, self.describing, self.foreign_calls = query_id, describing, foreign_calls

    # -- transactions and end

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own; else DML opens one."""
        return self.parameters.get("AUTOCOMMIT") is not False

    def begin(self) -> None:
        """Open a transaction, unless one is open already (Snowflake warns and goes on)."""
        if not self.in_transaction:
            self.duckdb.execute("BEGIN")
            self.in_transaction = True

    def commit(self) -> None:
        """Keep the open transaction's work; nothing to do without one."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Undo the open transaction's work; nothing to do without one."""
        self._end("ROLLBACK")

    def _end(self, how: str) -> None:
        if self.in_transaction:
            self.in_transaction = False
            self.duckdb.execute(how)

    def cancel(self) -> None:
        """Stop what runs: DuckDB is interrupted, a handler that waits finds `cancelled` set."""
        self.cancelled.set()
        self.duckdb.interrupt()

    def close(self) -> None:
        """Undo the open transaction and close the connection, temporary tables with it."""
        with self.lock:
            self.connection.close()


def _column(c: Column, as_json: bool) -> str:
    name = '"' + c.name.replace('"', '""') + '"'
    return f"{name}::JSON AS {name}" if as_json else name
