"""Alerts: a condition and what to do when it returns rows. They run when they are told to; none runs by schedule."""

from __future__ import annotations

import re
from typing import Any

from mlops_embedded.catalog import Document
from mlops_embedded.errors import syntax_error
from mlops_embedded.rest.aside import aside
from mlops_embedded.rest.fields import READ_ONLY, Field, Record, Union, identifier, integer, required
from mlops_embedded.rest.resource import Action, Creation, Level, Resource, store
from mlops_embedded.rest.routes import routes
from mlops_embedded.rest.statements import read_name, register_create, register_drop, register_show
from mlops_embedded.server.resources import ApiRequest
from mlops_embedded.sql.dispatch import statement
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
    return store(session, "alert", asked, state="suspended")


def _execute(session: Session, alert: Document, request: ApiRequest) -> None:
    """Run the condition, and the action if it returned rows, as the alert's owner would."""
    with aside(session, alert.name.database, alert.name.schema) as own:
        if own.rows(alert.body["condition"]):
            own.execute(alert.body["action"])


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
