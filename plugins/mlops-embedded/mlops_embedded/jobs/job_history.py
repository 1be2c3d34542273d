"""The history of jobs, those that were dropped too, for thirty days: SNOWFLAKE.SPCS.GET_JOB_HISTORY."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from mlops_embedded.catalog import Catalog, Document, ObjectName
from mlops_embedded.errors import invalid_value
from mlops_embedded.jobs.service import CANCELLED, DONE, FAILED, KIND, READY, Service
from mlops_embedded.sql.functions import Arguments, table_function
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session

KEPT = timedelta(days=30)
_COLUMNS = {
    "QUERY_ID": "text", "ID": "fixed", "NAME": "text", "DATABASE_NAME": "text", "SCHEMA_NAME": "text",
    "CREATED_TIME": "timestamp_ltz", "COMPLETED_TIME": "timestamp_ltz", "DELETED_TIME": "timestamp_ltz",
    "STATUS": "text", "MESSAGE": "text", "INSTANCE_STATUSES": "object", "COMPUTE_POOL_NAME": "text", "OWNER": "text",
    "OWNER_ROLE_TYPE": "text", "PARAMETERS": "object", "MANAGING_OBJECT": "object",
}  # fmt: skip
_MESSAGES = {DONE: "Job completed successfully.", CANCELLED: "Job was cancelled.", FAILED: "Job failed."}


def prepare(catalog: Catalog) -> None:
    """Make the table, and forget what is too old."""
    catalog.execute(
        "CREATE TABLE IF NOT EXISTS job_history (id TEXT PRIMARY KEY, number INTEGER NOT NULL, owner TEXT NOT NULL, "
        "created REAL NOT NULL, deleted REAL, database TEXT, schema TEXT, name TEXT, body TEXT NOT NULL)"
    )
    oldest = datetime.now(timezone.utc) - KEPT
    catalog.execute("DELETE FROM job_history WHERE created < ?", (oldest.timestamp(),))


def record(catalog: Catalog, job: Service) -> None:
    """Write down how a job stands now."""
    with catalog.transaction():
        known = catalog.rows("SELECT number FROM job_history WHERE id = ?", (job.id,))
        number = known[0][0] if known else catalog.next_number("job")
        catalog.execute(
            "INSERT INTO job_history VALUES (?, ?, ?, ?, NULL, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (
                job.id, number, job.owner, job.created_on.timestamp(), job.name.database, job.name.schema,
                job.name.name, json.dumps(job.document().body),
            ),
        )  # fmt: skip


def record_deletion(catalog: Catalog, job: Service) -> None:
    catalog.execute(
        "UPDATE job_history SET deleted = ? WHERE id = ?", (datetime.now(timezone.utc).timestamp(), job.id)
    )  # fmt: skip


@table_function("SNOWFLAKE.SPCS.GET_JOB_HISTORY")
def get_job_history(session: Session, arguments: Arguments) -> Rowset:
    """The jobs that the current role owns, the latest first."""
    now = datetime.now(timezone.utc)
    first = _time(arguments.get(0, "CREATED_TIME_START"), now - KEPT)
    last = _time(arguments.get(1, "CREATED_TIME_END"), now)
    limit = arguments.get(2, "RESULT_LIMIT", 100)
    if not isinstance(limit, int) or not 1 <= limit <= 10_000:
        raise invalid_value(f"RESULT_LIMIT must be from 1 to 10000, not {limit}")
    rows = session.catalog.rows(
        "SELECT number, created, deleted, database, schema, name, body FROM job_history "
        "WHERE owner = ? AND created BETWEEN ? AND ? ORDER BY created DESC, number DESC LIMIT ?",
        (session.role, first.timestamp(), last.timestamp(), limit),
    )
    return Rowset.of(_COLUMNS, (_row(*row) for row in rows))


def _time(given: object, default: datetime) -> datetime:
    if given is None:
        return default
    time = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _row(
    number: int, created: float, deleted: float | None, database: str, schema: str, name: str, body: str
) -> dict[str, Any]:
    created_on = datetime.fromtimestamp(created, timezone.utc)
    job = Service.of(Document(KIND, ObjectName(database, schema, name), json.loads(body), created_on))
    ended = job.ended
    asked = {"ASYNC": job.request.is_async, "REPLICAS": job.request.replicas}
    return {
        "QUERY_ID": job.query_id, "ID": number, "NAME": name, "DATABASE_NAME": database, "SCHEMA_NAME": schema,
        "CREATED_TIME": created_on, "COMPLETED_TIME": job.updated_on if ended else None,
        "DELETED_TIME": datetime.fromtimestamp(deleted, timezone.utc) if deleted is not None else None,
        "STATUS": job.status, "MESSAGE": _MESSAGES.get(job.status, "Job is running." if job.instances else "Job is pending."),
        "INSTANCE_STATUSES": _instances(job), "COMPUTE_POOL_NAME": job.request.compute_pool, "OWNER": job.owner,
        "OWNER_ROLE_TYPE": "ROLE", "PARAMETERS": {key: value for key, value in asked.items() if value is not None},
        "MANAGING_OBJECT": None,
    }  # fmt: skip


def _instances(job: Service) -> dict[str, Any]:
    statuses = [job.instance_status(number) for number in range(len(job.instances))]
    return {
        "totalInstances": len(statuses),
        "succeededInstances": statuses.count("SUCCEEDED"),
        "failedInstances": statuses.count(FAILED),
        "runningInstances": statuses.count(READY),
        "pendingInstances": statuses.count("PENDING"),
        "instances": [
            {
                "instanceId": str(number),
                "containers": [
                    {
                        "containerName": c.name, "image": c.image, "imageSha256": c.image_digest,
                        "lastExitCode": c.exit_code, "message": c.message, "restartCount": c.restarts,
                        "startTime": c.started or "", "status": c.status,
                    }
                    for c in containers
                ],
            }
            for number, containers in enumerate(job.instances)
        ],
    }  # fmt: skip
