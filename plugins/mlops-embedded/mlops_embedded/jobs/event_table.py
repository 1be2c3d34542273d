"""The active event table: where the output of containers goes, line by line, and stays when they are gone.

Lines are written half a second later, in one go, and before a query that reads the table.
"""

from __future__ import annotations

import json
import logging
import threading
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from mlops_embedded.catalog import Document, ObjectName, parse_name
from mlops_embedded.catalog.grants import ADMINISTRATOR
from mlops_embedded.jobs.log_records import LogRecord, log_record
from mlops_embedded.jobs.service import Service
from mlops_embedded.principal import Principal
from mlops_embedded.rest.event_tables import create_event_table
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show import ACCOUNT_PARAMETER, account_parameter

if TYPE_CHECKING:
    from mlops_embedded.account import Account

PARAMETER = "EVENT_TABLE"
DEFAULT = ObjectName("SNOWFLAKE", "TELEMETRY", "EVENTS")
OWN = "event table"
"""In the context of the event table's own sessions: what they run makes or fills it, and waits for nothing."""
_FLUSH_SECONDS = 0.5
_COLUMNS = (
    "TIMESTAMP", "OBSERVED_TIMESTAMP", "RESOURCE_ATTRIBUTES", "SCOPE", "RECORD_TYPE", "RECORD", "RECORD_ATTRIBUTES",
    "VALUE",
)  # fmt: skip
_JSON = {"RESOURCE_ATTRIBUTES", "SCOPE", "RECORD", "RECORD_ATTRIBUTES", "VALUE"}
logger = logging.getLogger("mlops_embedded.jobs")


class EventTable:
    """The background service that writes lines into the active event table."""

    name: ClassVar[str] = "event table"

    def __init__(self, account: Account) -> None:
        self._account = account
        self._waiting: list[LogRecord] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._making = threading.Lock()
        self._arrived, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write_by_and_by, name="event table", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._arrived.set()
        self._thread.join()
        self.flush()

    def collect(self, service: Service, instance: int, container: str, time: datetime, stream: str, text: str) -> None:
        """Take a line; it is written soon."""
        record = log_record(service, instance, container, time, stream, text)
        with self._lock:
            self._waiting.append(record)
        self._arrived.set()

    def flush(self) -> None:
        """Write what waits; come back when it is in the table."""
        with self._writing:
            with self._lock:
                records, self._waiting = self._waiting, []
            if records:
                try:
                    self._write(records)
                except Exception:  # a table that was dropped must not stop the containers
                    logger.exception("%s lines of containers could not be written into the event table", len(records))

    def active(self) -> ObjectName:
        """Return the name of the active event table."""
        chosen = self._account.catalog.find(ACCOUNT_PARAMETER, account_parameter(PARAMETER))
        return DEFAULT if chosen is None else ObjectName(*parse_name(chosen.body["value"]))

    def ensure_default(self) -> None:
        """Make the event table that every account has, if it is not there yet."""
        with self._making:
            if self._account.catalog.find("event_table", DEFAULT) is None:
                self._make_default()

    def _make_default(self) -> None:
        catalog = self._account.catalog
        owned = {"owner": ADMINISTRATOR, "comment": ""}
        database = DEFAULT.database or ""
        if catalog.create(Document("database", ObjectName(None, None, database), owned), if_not_exists=True):
            catalog.put(Document("schema", ObjectName(database, None, "PUBLIC"), owned))
        self._account.engine.attach(database)
        with self.session() as session:
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {DEFAULT.database}.{DEFAULT.schema}")
            create_event_table(session, DEFAULT)

    def session(self) -> _Own:
        """Open a session of the account's own."""
        return _Own(self._account)

    def _write(self, records: list[LogRecord]) -> None:
        table = self.active()
        if table == DEFAULT:
            self.ensure_default()
        values = {
            "TIMESTAMP": [r.timestamp.replace(tzinfo=None) for r in records],
            "OBSERVED_TIMESTAMP": [r.observed.replace(tzinfo=None) for r in records],
            "RESOURCE_ATTRIBUTES": [json.dumps(r.resource_attributes) for r in records],
            "SCOPE": [None if r.scope is None else json.dumps(r.scope) for r in records],
            "RECORD_TYPE": ["LOG"] * len(records),
            "RECORD": [json.dumps(r.record) for r in records],
            "RECORD_ATTRIBUTES": [json.dumps(r.record_attributes) for r in records],
            "VALUE": [json.dumps(r.value) for r in records],
        }
        types = {name: pa.timestamp("us") if name.endswith("TIMESTAMP") else pa.string() for name in _COLUMNS}
        rows = pa.table({name: pa.array(values[name], types[name]) for name in _COLUMNS})
        selected = ", ".join(f'"{name}"::JSON' if name in _JSON else f'"{name}"' for name in _COLUMNS)
        with self.session() as session:
            session.duckdb.register("_LINES", rows)
            names = ", ".join(f'"{name}"' for name in _COLUMNS)
            session.duckdb.execute(f'INSERT INTO {in_duckdb(table)} ({names}) SELECT {selected} FROM "_LINES"')
            session.duckdb.unregister("_LINES")

    def _write_by_and_by(self) -> None:
        while self._arrived.wait() and not self._stopping.wait(_FLUSH_SECONDS):
            self._arrived.clear()
            self.flush()


class _Own:
    """A session of the account's own for one piece of work."""

    def __init__(self, account: Account) -> None:
        principal = Principal("SYSTEM", account.credentials.fingerprint)
        self._session = account.open_session(principal, role=ADMINISTRATOR, context={OWN: True})

    def __enter__(self) -> Session:
        return self._session

    def __exit__(self, *_: object) -> None:
        self._session.close()


def event_table_of(account: Account) -> EventTable:
    """Return the account's event table."""
    found = account.services[EventTable.name]
    assert isinstance(found, EventTable)
    return found


def in_duckdb(name: ObjectName) -> str:
    """Return a table's name as DuckDB has it."""
    return ".".join('"' + str(part).replace('"', '""') + '"' for part in (name.database, name.schema, name.name))
