"""The database of records: one SQLite file in a data folder, brought to the schema of this version when it is opened."""

from __future__ import annotations

import os
import sqlite3

from mlops.errors import RunError
from mlops.runs.announcement import database_path

SCHEMA = 2
_TABLES = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, state TEXT NOT NULL, started REAL NOT NULL, ended REAL,
    folder TEXT NOT NULL, target TEXT NOT NULL, auth_mode TEXT NOT NULL, executor TEXT NOT NULL,
    parameters TEXT NOT NULL, versions TEXT NOT NULL, resumed INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
    warnings TEXT NOT NULL DEFAULT '[]', given TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
CREATE INDEX runs_by_start ON runs (started);
CREATE TABLE nodes (
    run_id TEXT NOT NULL, position INTEGER NOT NULL, node TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL,
    started REAL, ended REAL, reason TEXT NOT NULL DEFAULT '', error TEXT, log TEXT,
    PRIMARY KEY (run_id, node)
) WITHOUT ROWID;
CREATE TABLE metrics (
    run_id TEXT NOT NULL, node TEXT NOT NULL, attempt INTEGER NOT NULL, name TEXT NOT NULL, step INTEGER, value REAL
);
CREATE INDEX metrics_by_run ON metrics (run_id, node);
"""

_STEPS = {0: _TABLES, 1: "ALTER TABLE runs ADD COLUMN given TEXT NOT NULL DEFAULT '{}'"}
"""What brings a file of an older schema to this one."""


def opened(data: str | os.PathLike[str]) -> sqlite3.Connection:
    """Return a connection with the database of a data folder, which is made where there is none.

    Raises:
        RunError: it is damaged, or a newer mlops has written it.
    """
    path = database_path(data)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            _prepare(database, path)
        except BaseException:
            database.close()
            raise
    except sqlite3.DatabaseError as cause:
        raise RunError(
            f"{path} cannot be used: {cause}",
            hint="move it away where it is damaged: the folders of runs keep their manifests; "
            "or choose another data folder",
        ) from cause
    return database


def _prepare(database: sqlite3.Connection, path: str) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise RunError(
            f"{path} was written by a newer mlops (schema {version}, this one reads {SCHEMA})",
            hint="upgrade mlops-framework, or choose another data folder",
        )
    if version < SCHEMA:
        database.execute("BEGIN IMMEDIATE")
        version = database.execute("PRAGMA user_version").fetchone()[0]  # another process may have been first
        if version < SCHEMA:
            for statement in _STEPS[version].split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {SCHEMA}")
        database.execute("COMMIT")
