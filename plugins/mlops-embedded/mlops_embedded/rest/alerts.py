"""Alerts: a condition, what to do when it returns rows, and a schedule; alerts/ runs them."""

from __future__ import annotations

import re
from typing import Any

from mlops_embedded.alerts.engine import alerts_of, require_execution
from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.errors import syntax_error
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, Union, identifier, integer, required
from mlops_embedded.rest.resource import Action, Creation, Level, Resource, replace_properties, store
from mlops_embedded.rest.routes import routes
from mlops_embedded.rest.statements import checked, read_name, register_create, register_drop, register_show
from mlops_embedded.server.resources import ApiRequest
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.results import Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement

_SCHEDULE = Union(
    tag="schedule_type",
    variants={
        "CRON_TYPE": {"cron_expr": required(), "timezone": required()},
        # the tag that the published API and snowflake-core have for minutes
        "SCHEDULE_TYPE": {"minutes": required(integer(1, 11_520))},
    },
)


def _create(session: Session, asked: Creation) -> bool:
    warehouse = asked.properties.get("warehouse")
    if warehouse is not None:
        session.catalog.get("warehouse", ObjectName(None, None, warehouse))
    return store(session, "alert", asked, state="suspended", resumed_on=None)


def _execute(session: Session, alert: Document, request: ApiRequest) -> None:
    engine = alerts_of(session.account)
    engine.run(alert, session.account.clock.now())


def _read_clauses(session: Session, reader: Reader) -> tuple[dict[str, Any], dict[str, str]]:
    """Read `WAREHOUSE = w SCHEDULE = '...' COMMENT = '...' IF (EXISTS (query)) THEN action`."""
    given: dict[str, Any] = {}
    while not reader.accept("IF"):
        key = reader.accept_any(("WAREHOUSE", "SCHEDULE", "COMMENT"))
        if key is None:
            raise syntax_error("CREATE ALERT takes WAREHOUSE, SCHEDULE and COMMENT before IF (EXISTS (...)) THEN ...")
        reader.expect("=")
        given[key.lower()] = reader.identifier() if key == "WAREHOUSE" else reader.string()
    if "schedule" not in given:
        raise syntax_error("CREATE ALERT needs a SCHEDULE: the embedded Snowflake has no alerts on new data")
    reader.expect("(", "EXISTS")
    given["condition"] = reader.text_of(reader.parenthesised())
    reader.expect(")", "THEN")
    return {**given, "schedule": _schedule(given["schedule"]), "action": reader.rest()}, {}


def _schedule(text: str) -> dict[str, Any]:
    minutes = re.fullmatch(r"\s*(\d+)\s+M(?:IN(?:UTE)?S?)?\s*", text, re.IGNORECASE)
    if minutes:
        return {"schedule_type": "SCHEDULE_TYPE", "minutes": int(minutes[1])}
    cron = re.fullmatch(r"\s*USING\s+CRON\s+((?:\S+\s+){5})(\S+)\s*", text, re.IGNORECASE)
    if cron is None:
        raise syntax_error(f"invalid schedule {text!r}: '5 MINUTE' or 'USING CRON 0 9 * * * UTC'")
    return {"schedule_type": "CRON_TYPE", "cron_expr": cron[1].strip(), "timezone": cron[2]}


def _shown(session: Session, alert: Document) -> dict[str, Any]:
    return {"state": alert.body["state"]}


ALERT = Resource(
    kind="alert",
    path="alerts",
    level=Level.SCHEMA,
    body=Record(
        {
            "name": required(identifier),
            "comment": Field(),
            "schedule": required(_SCHEDULE),
            "warehouse": Field(identifier),
            "condition": required(),
            "action": required(),
            **dict.fromkeys(
                ("created_on", "database_name", "schema_name", "owner", "owner_role_type", "state"), READ_ONLY
            ),
        }
    ),
    create=_create,
    shown=_shown,
    actions={"execute": Action(_execute, "OPERATE")},
    tag_domain="ALERT",
)


@statement("EXECUTE", "ALERT")
def execute_alert(session: Session, found: Statement) -> Status:
    reader = found.after("EXECUTE", "ALERT")
    name = read_name(ALERT, session, reader)
    reader.finish()
    _execute(session, ALERT.get(session, name, "OPERATE"), ApiRequest("EXECUTE", "", {}, {}))
    return Status(f"Alert {name.name} is executed.")


@statement("ALTER", "ALERT")
def alter_alert(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "ALERT")
    if_exists = reader.if_exists()
    name = read_name(ALERT, session, reader)
    if if_exists and session.catalog.find(ALERT.kind, name) is None:
        return Status()
    if (verb := reader.accept_any(("RESUME", "SUSPEND"))) is not None:
        reader.finish()
        _start_or_suspend(session, ALERT.get(session, name, "OPERATE"), start=verb == "RESUME")
        return Status()
    before = ALERT.properties(ALERT.get(session, name, "OWNERSHIP"))
    replace_properties(
        session, session.catalog.get(ALERT.kind, name), checked(ALERT, name, {**before, **_changes(reader)})
    )
    return Status()


def _start_or_suspend(session: Session, alert: Document, *, start: bool) -> None:
    if start:
        require_execution(session.account, alert)
    engine = alerts_of(session.account)
    resumed = session.account.clock.now().isoformat() if start else alert.body.get("resumed_on")
    session.catalog.update("alert", alert.name, state="started" if start else "suspended", resumed_on=resumed)
    engine.wake()


def _changes(reader: Reader) -> dict[str, Any]:
    """Read SET, UNSET, MODIFY CONDITION EXISTS (query) and MODIFY ACTION statement."""
    if reader.accept("MODIFY", "CONDITION", "EXISTS"):
        query = reader.text_of(reader.parenthesised())
        reader.finish()
        return {"condition": query}
    if reader.accept("MODIFY", "ACTION"):
        return {"action": reader.rest()}
    if reader.accept("UNSET"):
        reader.expect("COMMENT")
        reader.finish()
        return {"comment": None}
    reader.expect("SET")
    given = read_properties(reader, {"WAREHOUSE", "SCHEDULE", "COMMENT"})
    if "schedule" in given:
        given["schedule"] = _schedule(str(given["schedule"]))
    return given


register_create(ALERT, _read_clauses)
register_drop(ALERT)
register_show(
    ALERT,
    "ALERTS",
    {
        "created_on": "timestamp_ltz", "name": "text", "database_name": "text", "schema_name": "text", "owner": "text",
        "comment": "text", "warehouse": "text", "schedule": "variant", "state": "text", "condition": "text",
        "action": "text", "owner_role_type": "text",
    },
)  # fmt: skip

ROUTES = routes(ALERT)
