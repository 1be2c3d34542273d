"""The account: everything that one server holds, shared by all its sessions."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlops_embedded.background import Service
from mlops_embedded.catalog import Catalog, Document, ObjectName
from mlops_embedded.catalog.grants import PUBLIC
from mlops_embedded.credentials import Credentials
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.principal import Principal
from mlops_embedded.schedules.clock import Clock
from mlops_embedded.settings import ServerSettings
from mlops_embedded.sql.engine import Engine
from mlops_embedded.sql.results import Result
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.temporary import drop_orphans, drop_temporary_objects
from mlops_embedded.state import StateFolder
from mlops_embedded.workers import Workers

ROLES = ("ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC")
DATABASE, WAREHOUSE = "EMBEDDED", "COMPUTE_WH"
_RESULTS_KEPT = 500
_SESSIONS_KEPT = 500


class Account:
    """Catalog, engine, sessions, results by query id, credentials, clock and background services of one state folder."""

    def __init__(
        self,
        state: StateFolder,
        services: tuple[type[Service], ...] = (),
        settings: ServerSettings = ServerSettings(),  # noqa: B008 (a frozen value)
    ) -> None:
        self.state, self.settings = state, settings
        self.catalog = Catalog(state.catalog)
        self.engine = Engine(state.data, readable=state.files)
        self.credentials = Credentials(state.credential())
        self.clock = Clock()
        self.workers = Workers(state.log)
        self.port = 0
        """The port the server listens on; 0 until it does."""
        self._sessions: dict[str, Session] = {}
        self._lent: dict[str, tuple[Session, threading.Lock]] = {}
        """Sessions by the tokens of procedures that run in them, and whose turn it is among a procedure's statements."""
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._lock = threading.RLock()
        self.catalog.execute("CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, body TEXT NOT NULL)")
        self._begin()
        self.services = {service.name: service(self) for service in services}

    def start_services(self) -> None:
        """Start the background services; the server listens already."""
        for service in self.services.values():
            service.start()

    def cancel_statements(self) -> None:
        """Tell every statement that a client waits for to end: a server that stops does not wait for the longest."""
        for session in list(self._sessions.values()):
            session.cancel()

    def close(self) -> None:
        """Stop the services, close the sessions' connections (they can be taken up again), write the files."""
        for service in reversed(self.services.values()):
            service.stop()
        for session in list(self._sessions.values()):
            session.close()
        self._sessions.clear()
        self.workers.close()
        self.engine.close()
        self.catalog.close()

    def _begin(self) -> None:
        with self.catalog.transaction():
            if not self.catalog.list("role", limit=1):
                for role in ROLES:
                    self.catalog.put(Document("role", ObjectName(None, None, role), {"owner": "", "comment": ""}))
                body = {"owner": "ACCOUNTADMIN", "comment": "", "warehouse_size": "XSMALL", "state": "STARTED"}
                self.catalog.put(Document("warehouse", ObjectName(None, None, WAREHOUSE), body))
                owned = {"owner": "ACCOUNTADMIN", "comment": ""}
                self.catalog.put(Document("database", ObjectName(None, None, DATABASE), owned))
                self.catalog.put(Document("schema", ObjectName(DATABASE, None, "PUBLIC"), owned))
        for database in self.catalog.list("database"):
            self.engine.attach(database.name.name)
        # logins that were never ended: the last ones used can still be taken up
        self.catalog.execute(
            "DELETE FROM sessions WHERE rowid NOT IN (SELECT rowid FROM sessions ORDER BY rowid DESC LIMIT ?)",
            (_SESSIONS_KEPT,),
        )
        drop_orphans(self.catalog, self.state)

    # -- sessions

    def open_session(
        self,
        principal: Principal,
        *,
        role: str | None = None,
        warehouse: str | None = None,
        database: str | None = None,
        schema: str | None = None,
        parameters: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
    ) -> Session:
        """Open a session: for a login, or for a background service that runs SQL by itself.

        As in Snowflake, a warehouse, database or schema that does not exist is left unset; a role is refused.
        """
        session = Session(self, principal, self.engine.connect(), parameters=parameters or {}, context=context or {})
        allowed = session.roles
        if allowed is not None and role is None:
            role = self.catalog.get("user", ObjectName(None, None, principal.user)).body["default_role"] or PUBLIC
        if role is not None:
            known = self.catalog.find("role", ObjectName(None, None, role)) is not None
            if not known or (allowed is not None and role not in allowed):
                raise SnowflakeError(
                    f"Role '{role}' specified in the connect string does not exist or not authorized.",
                    code="390189",
                    sqlstate="08004",
                )
            session.role = role
        if warehouse is not None and self.catalog.find("warehouse", ObjectName(None, None, warehouse)):
            session.warehouse = warehouse
        if database is not None and self.catalog.find("database", ObjectName(None, None, database)):
            wanted = schema or "PUBLIC"
            exists = wanted == "INFORMATION_SCHEMA" or self.catalog.find("schema", ObjectName(database, None, wanted))
            session.use(database, wanted if exists else None)
        return session

    def register(self, session: Session) -> None:
        """Let requests with the session's token find it, also after a restart of the server."""
        with self._lock:
            self._sessions[session.token] = session
        self.remember(session)

    def session(self, token: str) -> Session:
        """Return the session of a request's token.

        Raises:
            SnowflakeError 390104: the client must log in again.
        """
        with self._lock:
            lent = self._lent.get(token)
            found = lent[0] if lent else self._sessions.get(token) or self._revive(token)
        if found is None:
            raise SnowflakeError(
                "Session no longer exists. New login required to access the service.",
                code="390111",
                sqlstate="08001",
                http_status=401,
            )
        return found

    @contextmanager
    def lent(self, session: Session) -> Iterator[str]:
        """Give out a second token of a session, for code that runs in it as long as the block does."""
        token = secrets.token_urlsafe(32)
        self._lent[token] = (session, threading.Lock())
        try:
            yield token
        finally:
            del self._lent[token]

    def turn(self, token: str) -> threading.Lock:
        """What a statement holds to its end: a client's next one waits for it, a procedure's inside it does not."""
        lent = self._lent.get(token)
        return lent[1] if lent else self.session(token).turn

    def remember(self, session: Session) -> None:
        """Write down where a session stands, if that changed since the last time."""
        body = json.dumps(
            {
                "id": session.id, "user": session.principal.user, "credential": session.principal.credential,
                "master_token": session.master_token, "role": session.role, "warehouse": session.warehouse,
                "database": session.database, "schema": session.schema, "parameters": session.parameters,
                "context": session.context, "variables": session.variables,
            },
            default=str,
        )  # fmt: skip
        if session.token in self._sessions and body != session.remembered:
            session.remembered = body
            self.catalog.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?)", (_digest(session.token), body))

    def _revive(self, token: str) -> Session | None:
        rows = self.catalog.rows("SELECT body FROM sessions WHERE token = ?", (_digest(token),))
        if not rows:
            return None
        body = json.loads(rows[0][0])
        if body["credential"] != self.credentials.fingerprint:
            return None
        names = {key: body[key] for key in ("role", "warehouse", "database", "schema", "parameters", "context")}
        session = self.open_session(Principal(body["user"], body["credential"]), **names)
        session.token, session.master_token, session.id = token, body["master_token"], body["id"]
        session.variables, session.remembered = body["variables"], rows[0][0]
        self._sessions[token] = session
        return session

    def close_session(self, token: str) -> None:
        """End a login and drop what was temporary in it; who has a session lent to it ends nothing."""
        if token in self._lent:
            return
        with self._lock:
            session = self._sessions.pop(token, None)
        self.catalog.execute("DELETE FROM sessions WHERE token = ?", (_digest(token),))
        if session is not None:
            session.close()
            drop_temporary_objects(self.catalog, self.state, session.id)

    # -- results

    def keep_result(self, query_id: str, result: Result) -> None:
        """Keep a result for RESULT_SCAN; the oldest of many are forgotten."""
        with self._lock:
            self._results[query_id] = result
            while len(self._results) > _RESULTS_KEPT:
                self._results.popitem(last=False)

    def result(self, query_id: str) -> Result:
        with self._lock:
            found = self._results.get(query_id)
        if found is None:
            raise SnowflakeError(f"Statement {query_id} not found", code="000709", sqlstate="02000")
        return found

    # -- files by URL

    def presign(self, file: Path, seconds: int) -> str:
        """Return a URL that serves one file of the state folder without a session."""
        inside = file.resolve().relative_to(self.state.path).as_posix()
        token = self.credentials.mint("", lifetime=timedelta(seconds=seconds), file=inside)
        return f"http://127.0.0.1:{self.port}/presigned/{token}/{quote(file.name)}"

    def presign_upload(self, file: Path, overwrite: bool) -> str:
        """Return a URL that takes one file of the state folder without a session, for an hour."""
        inside = (file.parent.resolve() / file.name).relative_to(self.state.path).as_posix()
        token = self.credentials.mint("", lifetime=timedelta(hours=1), upload=inside, overwrite=overwrite)
        return f"http://127.0.0.1:{self.port}/presigned/{token}/{quote(file.name)}"

    def presigned_target(self, token: str) -> tuple[Path, bool] | None:
        """Return where an upload goes and whether it may replace a file; None if the URL is none, or too old."""
        claims = self.credentials.claims(token)
        return (self.state.path / claims["upload"], claims["overwrite"]) if claims and "upload" in claims else None

    def presigned_file(self, token: str) -> Path | None:
        """Return the file that a presigned URL means, None if it was not made here or is too old."""
        claims = self.credentials.claims(token)
        return self.state.path / claims["file"] if claims and "file" in claims else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
