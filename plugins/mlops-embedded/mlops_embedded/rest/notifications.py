"""Notifications: kept, to be read in NOTIFICATION_HISTORY, and sent to nobody."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from mlops_embedded.catalog import Catalog, Document, ObjectName, parse_name
from mlops_embedded.catalog.grants import require
from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.rest.notification_integrations import NOTIFICATION_INTEGRATION
from mlops_embedded.sql.functions import Arguments, scalar_function, table_function
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.time_spans import limit_of, moment_of

NOT_SENT: Final = "NOT_SENT"
"""The status of all: an embedded Snowflake has no way out of the machine."""
_TABLE = """CREATE TABLE IF NOT EXISTS notifications (
    created REAL NOT NULL, source TEXT NOT NULL, integration TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL)"""
_COLUMNS = {
    "CREATED": "timestamp_ltz", "PROCESSED": "timestamp_ltz", "MESSAGE_SOURCE": "text", "INTEGRATION_NAME": "text",
    "STATUS": "text", "MESSAGE": "text", "ERROR_MESSAGE": "text",
}  # fmt: skip
_KEPT = timedelta(days=14)
_MIME_TYPES = {"TEXT_PLAIN": "text/plain", "TEXT_HTML": "text/html", "APPLICATION_JSON": "application/json"}


def keep_notification(catalog: Catalog, integration: str, message: str, *, source: str) -> None:
    """Write a notification down; `source` is TASK, or the function that was called."""
    catalog.execute(_TABLE)
    moment = datetime.now(timezone.utc).timestamp()
    catalog.execute(
        "INSERT INTO notifications VALUES (?, ?, ?, ?, ?)", (moment, source, integration, NOT_SENT, message)
    )


@table_function("INFORMATION_SCHEMA.NOTIFICATION_HISTORY")
def notification_history(session: Session, arguments: Arguments) -> Rowset:
    """Notifications of the last 14 days, the latest first."""
    now = datetime.now(timezone.utc)
    since = moment_of(arguments.get(0, "START_TIME")) or now - _KEPT
    until = moment_of(arguments.get(1, "END_TIME")) or now
    integration = arguments.get(2, "INTEGRATION_NAME")
    limit = limit_of(arguments.get(3, "RESULT_LIMIT", 100))
    session.catalog.execute(_TABLE)
    rows = session.catalog.rows(
        "SELECT created, source, integration, status, message FROM notifications WHERE created BETWEEN ? AND ? "
        "ORDER BY created DESC, rowid DESC",
        (since.timestamp(), until.timestamp()),
    )
    wanted = [row for row in rows if integration is None or row[2] == parse_name(integration)[-1]]
    return Rowset.of(_COLUMNS, [_row(*row) for row in wanted[:limit]])


def _row(created: float, source: str, integration: str, status: str, message: str) -> dict[str, Any]:
    moment = datetime.fromtimestamp(created, timezone.utc)
    return {
        "CREATED": moment, "PROCESSED": moment, "MESSAGE_SOURCE": source, "INTEGRATION_NAME": integration,
        "STATUS": status, "MESSAGE": message,
    }  # fmt: skip


@scalar_function("SYSTEM$SEND_EMAIL")
def send_email(session: Session, arguments: Arguments) -> object:
    """Keep an e-mail for the recipients (a list with commas), if the integration allows them."""
    integration = _enabled(session, str(arguments.require(0)))
    recipients = [each.strip() for each in str(arguments.require(1)).split(",")]
    message = {
        "toAddress": recipients,
        "subject": str(arguments.require(2)),
        "content": str(arguments.require(3)),
        "mimeType": arguments.get(4, default="text/plain"),
    }
    _check_recipients(integration, recipients)
    keep_notification(session.catalog, integration.name.name, json.dumps(message), source="SYSTEM$SEND_EMAIL")
    return True


@scalar_function("SYSTEM$SEND_SNOWFLAKE_NOTIFICATION")
def send_notification(session: Session, arguments: Arguments) -> object:
    """Keep a message, or an array of them, for one integration or an array of them."""
    messages = [_object(each, arguments.function) for each in _listed(arguments.require(0))]
    targets = [_object(each, arguments.function) for each in _listed(arguments.require(1))]
    content = {kind: text for message in messages for kind, text in message.items()}
    for target in targets:
        for name, settings in target.items():
            integration = _enabled(session, name)
            addresses = [a for key in ("toAddress", "ccAddress", "bccAddress") for a in settings.get(key) or ()]
            _check_recipients(integration, addresses)
            message = json.dumps({**settings, "content": content})
            keep_notification(session.catalog, integration.name.name, message, source=arguments.function)
    return "Enqueued notifications."


@scalar_function("NOTIFICATION.TEXT_PLAIN")
@scalar_function("NOTIFICATION.TEXT_HTML")
@scalar_function("NOTIFICATION.APPLICATION_JSON")
def message_of(session: Session, arguments: Arguments) -> object:
    kind = _MIME_TYPES[arguments.function.rpartition(".")[2]]
    return json.dumps({kind: str(arguments.require(0))})


@scalar_function("NOTIFICATION.INTEGRATION")
def integration_target(session: Session, arguments: Arguments) -> object:
    return json.dumps({str(arguments.require(0)): {}})


@scalar_function("NOTIFICATION.EMAIL_INTEGRATION_CONFIG")
def email_target(session: Session, arguments: Arguments) -> object:
    """An e-mail integration with subject, and lists of addresses: to, cc, bcc."""
    settings: dict[str, Any] = {"subject": arguments.get(1)}
    for position, key in enumerate(("toAddress", "ccAddress", "bccAddress"), start=2):
        if (given := arguments.get(position)) is not None:
            settings[key] = _listed(given)
    return json.dumps({str(arguments.require(0)): settings})


@scalar_function("NOTIFICATION.SANITIZE_WEBHOOK_CONTENT")
def sanitized(session: Session, arguments: Arguments) -> object:
    """The text without the placeholder that a webhook puts its secret at."""
    return str(arguments.require(0)).replace("SNOWFLAKE_WEBHOOK_SECRET", "")


def _enabled(session: Session, name: str) -> Document:
    """Return an integration that is enabled and that the role may use."""
    integration = NOTIFICATION_INTEGRATION.get(session, ObjectName(None, None, parse_name(name)[-1]))
    securable = NOTIFICATION_INTEGRATION.securable(integration.name)
    require(session.catalog, session.role, "USAGE", securable, integration.body.get("owner"))
    if not integration.body.get("enabled", True):
        raise SnowflakeError(f"Integration '{integration.name.name}' is not enabled.", code="090109", sqlstate="55000")
    return integration


def _check_recipients(integration: Document, recipients: list[str]) -> None:
    allowed = integration.body["notification_hook"].get("allowed_recipients")
    refused = [each for each in recipients if allowed and each not in allowed]
    if refused:
        raise invalid_value(
            f"Email recipients in the given list at indexes {[recipients.index(each) + 1 for each in refused]} are not "
            f"allowed by integration '{integration.name.name}'"
        )


def _listed(value: Any) -> list[Any]:
    """Return an argument that is one thing or an ARRAY of things as a list."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = json.loads(value)
    return list(value) if isinstance(value, list) else [value]


def _object(value: Any, function: str) -> dict[str, Any]:
    given = json.loads(value) if isinstance(value, str) else value
    if not isinstance(given, dict):
        raise invalid_value(f"function {function} takes objects such as TEXT_PLAIN(...) and INTEGRATION(...) make")
    return given
