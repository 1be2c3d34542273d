"""What ERROR_INTEGRATION and SUCCESS_INTEGRATION are told of a run, in the form that Snowflake's messages have.

Source: Snowflake documentation, "Configure a task to send error notifications".
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone

from mlops_embedded.catalog import Catalog, ObjectName
from mlops_embedded.rest.notifications import keep_notification
from mlops_embedded.tasks.definition import Task
from mlops_embedded.tasks.history import GraphRun, TaskRun


def tell_failure(catalog: Catalog, run: GraphRun, root: Task, task: Task, failed: TaskRun) -> None:
    """Tell the task's error integration, or that of its root, that the task failed."""
    integration = task.settings.error_integration or root.settings.error_integration
    if integration is not None:
        details = {
            **_times(run, failed.started_time, failed.completed_time), "queryId": failed.query_id,
            "errorCode": failed.error_code, "errorMessage": failed.error_message,
        }  # fmt: skip
        _tell(catalog, integration, "USER_TASK_FAILED", run, task, details)


def tell_success(catalog: Catalog, run: GraphRun, root: Task) -> None:
    """Tell the root's success integration that the whole graph succeeded."""
    integration = root.settings.success_integration
    if integration is not None:
        details = _times(run, run.started_time, run.completed_time)
        _tell(catalog, integration, "USER_TASK_SUCCEEDED", run, root, details)


def _tell(
    catalog: Catalog, integration: str, kind: str, run: GraphRun, task: Task, details: dict[str, str | None]
) -> None:
    message = {
        "version": "1.0", "messageId": str(uuid.uuid4()), "messageType": kind,
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), "accountName": "EMBEDDED",
        "taskName": str(ObjectName(run.root.database, run.root.schema, task.name.name)), "taskId": task.id,
        "rootTaskName": str(run.root), "rootTaskId": run.root_id, "messages": [details],
    }  # fmt: skip
    keep_notification(catalog, integration, json.dumps(message), source="TASK")


def _times(run: GraphRun, started: datetime | None, completed: datetime | None) -> dict[str, str | None]:
    return {
        "runId": str(run.run_id), "scheduledTime": _text(run.scheduled_time), "queryStartTime": _text(started),
        "completedTime": _text(completed),
    }  # fmt: skip


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")
