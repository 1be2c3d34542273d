"""Reading the active event table, choosing another one, and a service's own lines: SPCS_GET_LOGS."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from sqlglot import Expr, exp

from mlops_embedded.catalog import Document, parse_name
from mlops_embedded.catalog.grants import ACCOUNT, require
from mlops_embedded.errors import does_not_exist, unknown_here
from mlops_embedded.jobs.event_table import DEFAULT, OWN, PARAMETER, event_table_of, in_duckdb
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import Arguments, query_rewrite, table_function
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.rewrites import placement, resolved, table_references
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show import ACCOUNT_PARAMETER, account_parameter
from mlops_embedded.sql.statement import Statement

_LOGS = {
    "TIMESTAMP": "timestamp_ntz", "INSTANCE_ID": "fixed", "CONTAINER_NAME": "text", "LOG": "text",
    "RECORD_ATTRIBUTES": "object",
}  # fmt: skip


@query_rewrite
def write_before_it_is_read(session: Session, found: Statement) -> Statement:
    """Write what waits before a query that names the active event table."""
    if session.context.get(OWN):
        return found
    words = {token.text.upper().strip('"') for token in found.tokens}
    events = event_table_of(session.account)
    if DEFAULT.name in words and {DEFAULT.database, DEFAULT.schema} <= words:
        events.ensure_default()
    if events.active().name.upper() in words:
        events.flush()
    return found


@placement
def read_text_in_value(session: Session, expression: Expr) -> None:
    """VALUE of an event table is VARIANT: as text, or beside text, it is what it holds, without JSON's quotes."""
    tables = (resolved(session, table) for table in table_references(expression))
    if not any(name is not None and session.catalog.find("event_table", name) is not None for name in tables):
        return
    for column in list(expression.find_all(exp.Column)):
        above = column.parent
        as_text = isinstance(above, exp.Cast) and above.to.this in exp.DataType.TEXT_TYPES
        if column.name.upper() == "VALUE" and (as_text or isinstance(above, _COMPARISONS)):
            text = exp.Anonymous(this="JSON_EXTRACT_STRING", expressions=[column.copy(), exp.Literal.string("$")])
            column.replace(text)


_COMPARISONS = (exp.EQ, exp.NEQ, exp.In, exp.Like, exp.ILike, exp.RegexpLike)


@table_function("SPCS_GET_LOGS")
def get_logs(session: Session, arguments: Arguments) -> Rowset:
    """A service's lines of a day, or between START_TIME and END_TIME, out of the event table."""
    name = session.resolve(parse_name(str(arguments.require(0))))
    service = runner_of(session.account).service(session, name, "MONITOR")
    now = datetime.now(timezone.utc)
    first = _time(arguments.get(1, "START_TIME"), now - timedelta(days=1))
    last = _time(arguments.get(2, "END_TIME"), now + timedelta(seconds=1))
    events = event_table_of(session.account)
    events.flush()
    if events.active() == DEFAULT:
        events.ensure_default()
    with events.session() as own:
        rows = own.duckdb.execute(
            """SELECT "TIMESTAMP", (RESOURCE_ATTRIBUTES ->> '$."snow.service.instance"')::BIGINT,
            RESOURCE_ATTRIBUTES ->> '$."snow.service.container.name"', "VALUE" ->> '$', RECORD_ATTRIBUTES
            """
            f"""FROM {in_duckdb(events.active())}
            WHERE RESOURCE_ATTRIBUTES ->> '$."snow.service.id"' = ? AND RECORD_TYPE = 'LOG' AND "TIMESTAMP" BETWEEN ? AND ?
            ORDER BY "TIMESTAMP" """,
            [service.id, first.replace(tzinfo=None), last.replace(tzinfo=None)],
        ).fetchall()
    return Rowset.of(_LOGS, (dict(zip(_LOGS, row, strict=True)) for row in rows))


def _time(given: object, default: datetime) -> datetime:
    if given is None:
        return default
    time = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    return time.astimezone(timezone.utc) if time.tzinfo else time.replace(tzinfo=timezone.utc)


@statement("ALTER", "ACCOUNT")
def alter_account(session: Session, found: Statement) -> Status:
    """ALTER ACCOUNT SET EVENT_TABLE = d.s.t, or UNSET EVENT_TABLE."""
    require(session.catalog, session.role, "OWNERSHIP", ACCOUNT)
    reader = found.after("ALTER", "ACCOUNT")
    unset = reader.accept("UNSET")
    if not unset:
        reader.expect("SET")
    key = reader.identifier()
    if key != PARAMETER:
        raise unknown_here(f"ALTER ACCOUNT ... {key}; it knows {PARAMETER}")
    parameter = account_parameter(PARAMETER)
    if unset:
        reader.finish()
        session.catalog.delete(ACCOUNT_PARAMETER, parameter, if_exists=True)
        return Status()
    reader.expect("=")
    table = session.resolve(reader.quoted_name(), "ALTER ACCOUNT")
    reader.finish()
    if table == DEFAULT:
        event_table_of(session.account).ensure_default()
    if session.catalog.find("event_table", table) is None:
        raise does_not_exist("event table", table)
    event_table_of(session.account).flush()
    session.catalog.put(Document(ACCOUNT_PARAMETER, parameter, {"value": str(table)}))
    return Status()
