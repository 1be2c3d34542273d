"""The run of a task graph that this session belongs to: its group, its CONFIG, and the return value of its task.

Source: Snowflake documentation, SYSTEM$TASK_RUNTIME_INFO, SYSTEM$GET_TASK_GRAPH_CONFIG, SYSTEM$SET_RETURN_VALUE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, json

from mlops.errors import AccountError, RunError
from mlops.snowflake.session import SnowflakeSession

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
