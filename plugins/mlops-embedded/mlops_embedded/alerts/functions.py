"""ALERT_HISTORY, and what a condition and an action may ask about their own run (schema SNOWFLAKE.ALERT)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from mlops_embedded.alerts.engine import alerts_of
from mlops_embedded.alerts.history import AlertRun
from mlops_embedded.catalog import ObjectName, parse_name
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.sql.functions import Arguments, Expression, scalar_function, table_function
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.time_spans import limit_of, moment_of

_COLUMNS = {
    "NAME": "text", "DATABASE_NAME": "text", "SCHEMA_NAME": "text", "ACTION": "text", "ACTION_QUERY_ID": "text",
    "CONDITION": "text", "CONDITION_QUERY_ID": "text", "ERROR_CODE": "text", "ERROR_MESSAGE": "text", "STATE": "text",
    "SCHEDULED_TIME": "timestamp_ltz", "COMPLETED_TIME": "timestamp_ltz",
}  # fmt: skip
_KEPT = timedelta(days=7)


@table_function("INFORMATION_SCHEMA.ALERT_HISTORY")
def alert_history(session: Session, arguments: Arguments) -> Rowset:
    """Runs of alerts in the last seven days, the latest first."""
    engine = alerts_of(session.account)
    now = session.account.clock.now()
    since = moment_of(arguments.get(0, "SCHEDULED_TIME_RANGE_START")) or now - _KEPT
    until = moment_of(arguments.get(1, "SCHEDULED_TIME_RANGE_END")) or now
    limit = limit_of(arguments.get(2, "RESULT_LIMIT", 100))
    wanted = arguments.get(3, "ALERT_NAME")
    wanted = parse_name(wanted)[-1] if wanted else None
    found = [run for run in engine.history.runs(since, until) if wanted in {None, run.name}]
    return Rowset.of(_COLUMNS, [_row(run) for run in found[:limit]])


def _row(run: AlertRun) -> dict[str, Any]:
    return {
        "NAME": run.name, "DATABASE_NAME": run.database, "SCHEMA_NAME": run.schema, "ACTION": run.action,
        "ACTION_QUERY_ID": run.action_query_id, "CONDITION": run.condition,
        "CONDITION_QUERY_ID": run.condition_query_id, "ERROR_CODE": run.error_code,
        "ERROR_MESSAGE": run.error_message, "STATE": run.state, "SCHEDULED_TIME": _moment(run.scheduled_time),
        "COMPLETED_TIME": _moment(run.completed_time),
    }  # fmt: skip


@scalar_function("ALERT.GET_CONDITION_QUERY_UUID")
def condition_query_id(session: Session, arguments: Arguments) -> object:
    return _own_run(session, arguments)[2]


@scalar_function("ALERT.SCHEDULED_TIME")
def scheduled_time(session: Session, arguments: Arguments) -> object:
    return _timestamp(_moment(_own_run(session, arguments)[1]))


@scalar_function("ALERT.LAST_SUCCESSFUL_SCHEDULED_TIME")
def last_successful_scheduled_time(session: Session, arguments: Arguments) -> object:
    """When the run before was scheduled that went well; for the first run, when the alert was created."""
    name = ObjectName(*parse_name(_own_run(session, arguments)[0]))
    last = alerts_of(session.account).history.last_success(name)
    return _timestamp(last or session.catalog.get("alert", name).created_on)


def _own_run(session: Session, arguments: Arguments) -> tuple[str, float, str]:
    bound = session.context.get("alert_run")
    if bound is None:
        raise SnowflakeError(
            f"Function {arguments.function} must be called from within an alert.", code="091104", sqlstate="22023"
        )
    name, scheduled, query_id = bound
    return name, scheduled, query_id


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _timestamp(moment: datetime) -> Expression:
    return Expression(f"'{moment.isoformat(sep=' ')}'::TIMESTAMP_LTZ")
