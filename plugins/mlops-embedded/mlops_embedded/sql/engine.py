"""The data plane: DuckDB files in the state folder, spoken to in Snowflake's dialect through fakesnow.

One DuckDB instance holds every database of the account as an attached file; a session has a connection of its own to
it, so that current schema, temporary tables and transactions are its own.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import duckdb
from fakesnow import info_schema, macros
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.transforms import show

from mlops_embedded.catalog.identifiers import UNQUOTED
from mlops_embedded.errors import syntax_error
from mlops_embedded.sql import flatten

_GLOBAL = "_fs_global"


class _Forgetful(dict[str, tuple[Any, ...]]):
    """fakesnow keeps every result of every session for ever; ours are kept by the server, and bounded."""

    def __setitem__(self, key: str, value: tuple[Any, ...]) -> None:
        pass


class Engine:
    """The DuckDB instance of one server. `folder` holds a file a database, and nothing else may write there."""

    def __init__(self, folder: Path, *, readable: tuple[Path, ...]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._lock = folder, threading.Lock()
        # sqlglot still writes arrow lambdas for DuckDB
        self._root = duckdb.connect(":memory:", config={"lambda_syntax": "ENABLE_SINGLE_ARROW"})
        self._root.execute(f"ATTACH '{_sql_path(folder / (_GLOBAL + '.duckdb'))}' AS {_GLOBAL}")
        self._root.execute(info_schema.fs_global_creation_sql())
        self._root.execute(show.fs_global_creation_sql())
        self._root.execute("SET GLOBAL TimeZone = 'UTC'")
        # a query may read stages and nothing else of this machine, and no variable of this process
        self._root.execute("SET GLOBAL python_enable_replacements = false")
        allowed = ", ".join(f"'{_sql_path(path)}/'" for path in (folder, *readable))
        self._root.execute(f"SET GLOBAL allowed_directories = [{allowed}]")
        self._root.execute("SET GLOBAL enable_external_access = false")

    def attach(self, database: str) -> None:
        """Open the file of a database, made if it is not there; the name is a plain upper-case identifier."""
        check_database_name(database)
        with self._lock:
            self._root.execute(f"ATTACH IF NOT EXISTS '{_sql_path(self._file(database))}' AS \"{database}\"")
            self._root.execute(info_schema.per_db_creation_sql(database))
            self._root.execute(macros.creation_sql(database))
            self._root.execute(flatten.creation_sql(database))
            self._root.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"."PUBLIC"')

    def drop(self, database: str) -> None:
        """Close a database and remove its file."""
        with self._lock:
            self._root.execute(f'DETACH DATABASE IF EXISTS "{database}"')
            for suffix in ("", ".wal"):
                Path(f"{self._file(database)}{suffix}").unlink(missing_ok=True)

    def connect(self) -> FakeSnowflakeConnection:
        """Return a new session's connection, with neither database nor schema."""
        return FakeSnowflakeConnection(self._root.cursor(), _Forgetful(), db_path=self._folder)

    def close(self) -> None:
        """Write everything to the files and close them."""
        self._root.close()

    def _file(self, database: str) -> Path:
        return self._folder / f"{database}.duckdb"


def check_database_name(database: str) -> None:
    """Refuse a name that cannot be a DuckDB catalog and a file name on every system."""
    if not UNQUOTED.fullmatch(database) or "$" in database or database != database.upper():
        raise syntax_error(
            f"the embedded Snowflake takes databases with plain names only (A-Z, 0-9, _), not {database!r}"
        )
    if database in {"SYSTEM", "TEMP", "MEMORY", "MAIN", _GLOBAL.upper()}:
        raise syntax_error(f"the embedded Snowflake reserves the database name {database}")


def _sql_path(path: Path) -> str:
    return str(path).replace("'", "''")
