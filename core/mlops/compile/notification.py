"""Who is told when a run fails: the finalizer asks the history of the run, and sends what failed.

Snowflake runs one finalizer a graph. Without one of the pipeline's own it is a script; else the container of the finalizer
node tells of failures once its node has ended, as a variable says (container/notice.py). A script that ran the node's job,
too, would hide which job that was, and with it the node's log.

Source: Snowflake documentation, "Finalizer task example: Send email notification",
"SYSTEM$SEND_SNOWFLAKE_NOTIFICATION", "EMAIL_INTEGRATION_CONFIG", "TASK_HISTORY".
"""

from __future__ import annotations

import re

from msgspec import DecodeError, ValidationError, json
from msgspec.structs import replace

from mlops.compile.names import is_identifier
from mlops.compile.statement import literal
from mlops.configuration.targets import Notification
from mlops.errors import MlopsError, SettingsError

LABEL = "ON_FAILURE"
VARIABLE = "MLOPS_ON_FAILURE"
"""What tells the container of a finalizer node whom to tell."""

_ADDRESS = re.compile(r"[A-Za-z0-9.!#%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")


def whole(notification: Notification, *, pipeline: str, target: str) -> Notification:
    """Return a notification with its integration as it is stored, and with a subject."""
    subject = notification.subject or f"{pipeline} failed on {target}"
    return replace(notification, integration=notification.integration.upper(), subject=subject)


def variable_of(notification: Notification, *, pipeline: str, target: str) -> str:
    """Return what the container of a finalizer node is told, as text: JSON that ``notification_in`` reads."""
    return json.encode(whole(notification, pipeline=pipeline, target=target)).decode()


def notification_in(text: str) -> Notification:
    """Return what a variable says.

    Raises:
        SettingsError: it says nothing that ``variable_of`` writes.
    """
    try:
        return json.decode(text, type=Notification)
    except (DecodeError, ValidationError) as cause:
        raise SettingsError(place=VARIABLE, problem=f"it is no notification: {cause}", hint="deploy again") from cause


def receiver_of(notification: Notification) -> str:
    """Return the expression of SQL that says where a message goes."""
    integration = literal(notification.integration)
    if not notification.email:
        return f"SNOWFLAKE.NOTIFICATION.INTEGRATION({integration})"
    people = ", ".join(literal(address) for address in notification.email)
    return (
        f"SNOWFLAKE.NOTIFICATION.EMAIL_INTEGRATION_CONFIG({integration}, {literal(notification.subject)}, "
        f"ARRAY_CONSTRUCT({people}))"
    )


def notifying_body(notification: Notification, *, pipeline: str, target: str, database: str) -> str:
    """Return the body of a finalizer that sends a message when a task of its run failed, and nothing when none did.

    What a retry has mended has not failed.
    """
    notification = whole(notification, pipeline=pipeline, target=target)
    receiver, subject = receiver_of(notification), notification.subject
    return f"""DECLARE
  root_id STRING;
  run_id STRING;
  scheduled TIMESTAMP_LTZ;
  failed STRING;
BEGIN
  root_id := (SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_UUID'));
  run_id := (SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID'));
  scheduled := (SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP')::TIMESTAMP_LTZ);
  failed := (
    SELECT LISTAGG(NAME || ': ' || COALESCE(ERROR_MESSAGE, STATE), '; ')
    FROM (
      SELECT NAME, STATE, ERROR_MESSAGE
      FROM TABLE({database}.INFORMATION_SCHEMA.TASK_HISTORY(
        ROOT_TASK_ID => :root_id,
        SCHEDULED_TIME_RANGE_START => :scheduled,
        SCHEDULED_TIME_RANGE_END => CURRENT_TIMESTAMP(),
        RESULT_LIMIT => 10000))
      WHERE TO_VARCHAR(GRAPH_RUN_GROUP_ID) = :run_id
      QUALIFY ROW_NUMBER() OVER (PARTITION BY NAME ORDER BY ATTEMPT_NUMBER DESC) = 1
    )
    WHERE STATE IN ('FAILED', 'FAILED_AND_AUTO_SUSPENDED', 'CANCELLED')
  );
  IF (COALESCE(failed, '') != '') THEN
    CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(
      SNOWFLAKE.NOTIFICATION.TEXT_PLAIN({literal(subject + ": ")} || :failed || ' (run ' || :run_id || ')'),
      {receiver}
    );
  END IF;
END;"""


def check_notification(notification: Notification, place: str, problems: list[MlopsError]) -> None:
    """Put what no notification can have into ``problems``."""
    if not is_identifier(notification.integration):
        problems.append(
            SettingsError(
                place=f"{place}.integration",
                problem=f"{notification.integration!r} is not the name of a notification integration",
                hint="use the name as SHOW NOTIFICATION INTEGRATIONS gives it, without quotes",
            )
        )
    problems.extend(
        SettingsError(place=f"{place}.email", problem=f"{address!r} is not an address", hint="write name@example.com")
        for address in notification.email
        if not _ADDRESS.match(address)
    )
    if len(notification.subject) > 256 or not notification.subject.isprintable() or "$$" in notification.subject:
        problems.append(
            SettingsError(
                place=f"{place}.subject",
                problem="it is not one line of at most 256 characters without $$",
                hint="shorten it",
            )
        )
