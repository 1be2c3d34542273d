"""The run of a task graph that this session belongs to: its group, its CONFIG, and the return value of its task.

Source: Snowflake documentation, SYSTEM$TASK_RUNTIME_INFO, SYSTEM$GET_TASK_GRAPH_CONFIG, SYSTEM$SET_RETURN_VALUE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import DecodeError, json

from mlops.errors import AccountError, RunError
from mlops.snowflake.session import SnowflakeSession

if TYPE_CHECKING:
    from mlops.configuration.targets import Notification

_SCHEDULED = "CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP"
_FAILED = ("FAILED", "FAILED_AND_AUTO_SUSPENDED", "CANCELLED")
_NOT_IN_A_TASK = "must be called from within a task"


class SnowflakeTaskRun:
    """Asks a session about the task run that it belongs to. A container belongs to the task that started it."""

    def __init__(self, session: SnowflakeSession) -> None:
        self._session = session

    def identity(self) -> tuple[str, Mapping[str, Any]]:  # Any: JSON
        """Return the id of the run group, which a retry keeps, and the CONFIG of the run.

        Raises:
            RunError: no task has started this container.
            AuthenticationError, AccountError: see SnowflakeSession.
        """
        sql = "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID'), SYSTEM$GET_TASK_GRAPH_CONFIG()"
        try:
            [(group, config)] = self._session.rows(sql)
        except AccountError as cause:
            if _NOT_IN_A_TASK not in cause.message.lower():
                raise
            raise RunError(
                "no task has started this container", hint="start it by EXECUTE TASK; on its own a node needs no --task"
            ) from cause
        return str(group), _config(config)

    def set_return_value(self, text: str) -> None:
        """Set what the task returns; the last one counts, so it may be sent twice."""
        self._session.rows("CALL SYSTEM$SET_RETURN_VALUE(%s)", [text])

    def failures(self) -> list[tuple[str, str]]:
        """Return the tasks of this run whose last attempt failed or was cancelled, each with what went wrong.

        Source: Snowflake documentation, "TASK_HISTORY".
        """
        asked = ("CURRENT_ROOT_TASK_UUID", "CURRENT_TASK_GRAPH_RUN_GROUP_ID", _SCHEDULED)
        [(root, group, scheduled)] = self._session.rows(
            f"SELECT {', '.join('SYSTEM$TASK_RUNTIME_INFO(%s)' for _ in asked)}", asked
        )
        rows = self._session.rows(
            "SELECT NAME, STATE, ERROR_MESSAGE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(ROOT_TASK_ID => %s,"
            " SCHEDULED_TIME_RANGE_START => %s::TIMESTAMP_LTZ, SCHEDULED_TIME_RANGE_END => CURRENT_TIMESTAMP(),"
            " RESULT_LIMIT => 10000)) WHERE TO_VARCHAR(GRAPH_RUN_GROUP_ID) = %s ORDER BY ATTEMPT_NUMBER, SCHEDULED_TIME",
            [root, scheduled, group],
        )
        last = {name: (state, message) for name, state, message in rows}
        return [(name, message or state) for name, (state, message) in last.items() if state in _FAILED]

    def notify(self, notification: Notification, text: str) -> None:
        """Send a message. It is sent again if the connection breaks: twice is better than not at all."""
        from mlops.compile.notification import receiver_of

        receiver = receiver_of(notification)
        self._session.rows(
            f"CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(SNOWFLAKE.NOTIFICATION.TEXT_PLAIN(%s), {receiver})", [text]
        )


def _config(text: str | None) -> Mapping[str, Any]:  # Any: JSON
    if not text:
        return {}
    try:
        value: object = json.decode(text)
    except DecodeError as cause:
        raise RunError(
            f"the CONFIG of this run is not JSON: {cause}", hint="give EXECUTE TASK a JSON object"
        ) from cause
    if not isinstance(value, dict):
        raise RunError(f"the CONFIG of this run is {type(value).__name__}, not an object")
    return value
