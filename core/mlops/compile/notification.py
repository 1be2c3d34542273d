"""Who is told when a run fails: the finalizer asks the history of the run, and sends what failed.

Source: Snowflake documentation, "Finalizer task example: Send email notification",
"SYSTEM$SEND_SNOWFLAKE_NOTIFICATION", "EMAIL_INTEGRATION_CONFIG", "TASK_HISTORY".
"""

from __future__ import annotations

import re

from mlops.compile.names import is_identifier
from mlops.compile.statement import literal
from mlops.errors import MlopsError, SettingsError
from mlops.targets import Notification

LABEL = "ON_FAILURE"
_ADDRESS = re.compile(r"[A-Za-z0-9.!#%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")


def notifying_body(notification: Notification, *, pipeline: str, target: str, database: str) -> str:
    """Return the body of a finalizer that sends a message when a task of its run failed, and nothing when none did."""
    integration = notification.integration.upper()
    subject = notification.subject or f"{pipeline} failed on {target}"
    if notification.email:
        people = ", ".join(literal(address) for address in notification.email)
        receiver = (
            "SNOWFLAKE.NOTIFICATION.EMAIL_INTEGRATION_CONFIG("
            f"{literal(integration)}, {literal(subject)}, ARRAY_CONSTRUCT({people}))"
        )
    else:
        receiver = f"SNOWFLAKE.NOTIFICATION.INTEGRATION({literal(integration)})"
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
    FROM TABLE({database}.INFORMATION_SCHEMA.TASK_HISTORY(
      ROOT_TASK_ID => :root_id,
      SCHEDULED_TIME_RANGE_START => :scheduled,
      SCHEDULED_TIME_RANGE_END => CURRENT_TIMESTAMP(),
      RESULT_LIMIT => 10000))
    WHERE TO_VARCHAR(GRAPH_RUN_GROUP_ID) = :run_id AND STATE IN ('FAILED', 'FAILED_AND_AUTO_SUSPENDED', 'CANCELLED')
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
