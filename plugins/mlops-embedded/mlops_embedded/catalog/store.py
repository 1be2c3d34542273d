"""The store: one SQLite file of documents, each keyed by kind, database, schema and name.

A document's body is a plain JSON object (`comment`, `owner`, and whatever its kind needs). Every write is durable
when the outermost transaction ends, so kill -9 loses at most the statement it interrupted.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mlops_embedded.catalog.identifiers import ObjectName
from mlops_embedded.errors import already_exists, does_not_exist

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, database TEXT NOT NULL, schema TEXT NOT NULL, name TEXT NOT NULL,
    created_on REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, database, schema, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequences (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Document:
    """One object: what it is, its resolved name, when it was created, and its properties."""

    kind: str
    name: ObjectName
    body: dict[str, Any] = field(default_factory=dict)
    created_on: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    def with_(self, **changes: Any) -> Document:
        """Return a copy with these properties of the body set; None stays as a value."""
        return replace(self, body={**self.body, **changes})


Watcher = Callable[[ObjectName | None, Document | None], None]
"""Is told the name and the document that was written, None for one that was removed; None for both: anything may differ."""


class Catalog:
    """Documents by kind and name. Safe to use from every thread; transactions nest and are serialised."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._watchers: dict[str, list[Watcher]] = {}
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # a process that is killed loses nothing; a power cut may lose the last commits, and leaves whole ones
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def watch(self, kind: str, watcher: Watcher) -> None:
        """Tell `watcher` of every change of a kind from now on, at once and under the catalog's lock."""
        with self._lock:
            self._watchers.setdefault(kind, []).append(watcher)

    def _tell(self, kind: str | None, name: ObjectName | None = None, document: Document | None = None) -> None:
        for watched, watchers in self._watchers.items():
            if kind is None or kind == watched:
                for watcher in watchers:
                    watcher(name, document)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Nothing changes inside: what is read there fits together."""
        with self._lock:
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept together or not at all; an inner transaction joins the outer one."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                    self._tell(None)
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def find(self, kind: str, name: ObjectName) -> Document | None:
        """Return the document, or None."""
        rows = self.rows(
            "SELECT created_on, body FROM documents WHERE kind = ? AND database = ? AND schema = ? AND name = ?",
            _key(kind, name),
        )
        return _document(kind, name, *rows[0]) if rows else None

    def get(self, kind: str, name: ObjectName) -> Document:
        """Return the document, or raise 002003."""
        found = self.find(kind, name)
        if found is None:
            raise does_not_exist(kind.replace("_", " "), name)
        return found

    def put(self, document: Document) -> Document:
        """Write the document over whatever has its kind and name."""
        # NaN is no JSON: SQLite would refuse every query that looks into bodies
        body = json.dumps(document.body, allow_nan=False)
        with self.transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?)",
                (*_key(document.kind, document.name), document.created_on.timestamp(), body),
            )
            self._tell(document.kind, document.name, document)
        return document

    def create(self, document: Document, *, or_replace: bool = False, if_not_exists: bool = False) -> bool:
        """Write a new document and return True; False if it is there already and `if_not_exists` was said.

        Raises:
            SnowflakeError 002002: it is there already, and neither way out was given.
        """
        with self.transaction():
            if not or_replace and self.find(document.kind, document.name) is not None:
                if if_not_exists:
                    return False
                raise already_exists(document.kind.replace("_", " "), document.name)
            self.put(document)
        return True

    def update(self, kind: str, name: ObjectName, **changes: Any) -> Document:
        """Set properties of an existing document's body and return it; 002003 if it is not there."""
        with self.transaction():
            return self.put(self.get(kind, name).with_(**changes))

    def list(
        self,
        kind: str,
        *,
        database: str | None = None,
        schema: str | None = None,
        like: str | None = None,
        starts_with: str | None = None,
        from_name: str | None = None,
        limit: int | None = None,
    ) -> list[Document]:
        """Return documents by name. `like` ignores case and knows % and _; the other filters are exact.

        `database` and `schema` of None mean: in any. `from_name` gives what comes after that name.
        """
        where, values = ["kind = ?"], [kind]
        for column, value in (("database", database), ("schema", schema)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        rows = self.rows(
            "SELECT database, schema, name, created_on, body FROM documents "
            f"WHERE {' AND '.join(where)} ORDER BY database, schema, name",
            values,
        )
        found = (
            _document(kind, ObjectName(database or None, schema or None, name), *rest)
            for database, schema, name, *rest in rows
            if (like is None or matches_like(name, like))
            and (starts_with is None or name.startswith(starts_with))
            and (from_name is None or name > from_name)
        )
        documents = list(found)
        return documents if limit is None else documents[:limit]

    def delete(self, kind: str, name: ObjectName, *, if_exists: bool = False) -> bool:
        """Remove the document; False if it was not there and `if_exists` was said, else 002003."""
        with self.transaction():
            if self.find(kind, name) is None:
                if if_exists:
                    return False
                raise does_not_exist(kind.replace("_", " "), name)
            self._connection.execute(
                "DELETE FROM documents WHERE kind = ? AND database = ? AND schema = ? AND name = ?", _key(kind, name)
            )
            self._tell(kind, name)
        return True

    def delete_inside(self, *, database: str, schema: str | None = None) -> None:
        """Remove everything that lives in a database, or in one of its schemas."""
        where, values = "database = ?", [database]
        if schema is not None:
            where, values = where + " AND schema = ?", [database, schema]
        with self.transaction():
            self._connection.execute(f"DELETE FROM documents WHERE {where}", values)
            self._tell(None)

    def rename(self, kind: str, name: ObjectName, new: ObjectName) -> Document:
        """Give a document another name; 002003 if there is none, 002002 if the new name is taken."""
        with self.transaction():
            document = self.get(kind, name)
            if new != name and self.find(kind, new) is not None:
                raise already_exists(kind.replace("_", " "), new)
            self.delete(kind, name)
            return self.put(replace(document, name=new))

    def next_number(self, sequence: str) -> int:
        """Return 1, 2, 3, ... for each name of a sequence, never the same twice, across restarts."""
        with self.transaction():
            [(value,)] = self._connection.execute(
                "INSERT INTO sequences VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 "
                "RETURNING value",
                (sequence,),
            ).fetchall()
        return int(value)

    def execute(self, sql: str, values: Sequence[object] = ()) -> None:
        """Write to a table of an area's own (history, events): `CREATE TABLE IF NOT EXISTS` it at server start."""
        with self.transaction():
            self._connection.execute(sql, values)

    def rows(self, sql: str, values: Sequence[object] = ()) -> Sequence[tuple[Any, ...]]:
        """Read with plain SQLite SQL."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()


def matches_like(name: str, pattern: str) -> bool:
    """Whether SHOW ... LIKE would list this name: case does not matter, % and _ are wild, a backslash escapes."""
    regex, position = "", 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\" and position + 1 < len(pattern):
            position += 1
            regex += re.escape(pattern[position])
        else:
            regex += {"%": ".*", "_": "."}.get(character, re.escape(character))
        position += 1
    return re.fullmatch(regex, name, re.IGNORECASE | re.DOTALL) is not None


def _key(kind: str, name: ObjectName) -> tuple[str, str, str, str]:
    return kind, name.database or "", name.schema or "", name.name


def _document(kind: str, name: ObjectName, created_on: float, body: str) -> Document:
    return Document(kind, name, json.loads(body), datetime.fromtimestamp(created_on, timezone.utc))
