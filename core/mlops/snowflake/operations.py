"""Operating what is deployed, on Snowflake: snowflake-core where it has the call, SQL where it has none.

Snowflake's REST resources know neither single task runs, nor a run with a CONFIG of its own, nor which job a task
started: these are the statements here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from snowflake.connector import DictCursor

from mlops.errors import AccountError
from mlops.operate.log_lines import LogLine, kept
from mlops.operate.operations import Job, LiveTask, TaskRun
from mlops.snowflake.event_tables import event_table
from mlops.snowflake.identifiers import qualified, quoted, stored
from mlops.snowflake.refusals import MissingError, RejectedError, refusals

if TYPE_CHECKING:
    from snowflake.core.service import ServiceResource
    from snowflake.core.task import Cron, Task, TaskResource

    from mlops.compile.objects import Scalar
    from mlops.configuration.targets import Target
    from mlops.snowflake.session import SnowflakeSession


def operations_on(session: SnowflakeSession, target: Target) -> SnowflakeOperations:
    """Return the operations on the schema of a target.

    Raises:
        AccountError: Snowflake is out of reach or refuses the connection, or no database and schema are chosen.
    """
    database = stored(target.database) if target.database else session.connection.database
    schema = stored(target.schema) if target.schema else session.connection.schema
    if not database or not schema:
        raise AccountError(
            f"target {target.name!r} has no database and schema",
            hint=f"write both under [tool.mlops.targets.{target.name}], or in its connection",
        )
    return SnowflakeOperations(session, database=database, schema=schema, width=target.width)


MOST_RUNS = 10_000
"""The most task runs that TASK_HISTORY answers at once. Source: Snowflake documentation, "TASK_HISTORY"."""

_COLUMNS = (
    "NAME, ROOT_TASK_ID, STATE, GRAPH_RUN_GROUP_ID, ATTEMPT_NUMBER, SCHEDULED_TIME, QUERY_START_TIME, COMPLETED_TIME,"
    " QUERY_ID, ERROR_CODE, ERROR_MESSAGE, RETURN_VALUE, GRAPH_VERSION, SCHEDULED_FROM, CONFIG, SPCS_JOB_ID, QUERY_TEXT"
)


class SnowflakeOperations:
    """One schema of an account, over one session; ``width`` is how many calls are made at once."""

    def __init__(self, session: SnowflakeSession, *, database: str, schema: str, width: int = 8) -> None:
        self.database, self.schema = database, schema
        self._session = session
        self._width = width
        self._schema = session.root.databases[quoted(database)].schemas[quoted(schema)]

    def tasks(self) -> list[LiveTask]:
        """Return every task of the schema that the role sees."""
        with refusals(f"tasks of {self.database}.{self.schema}"):
            return [_live(task) for task in self._schema.tasks.iter()]

    def task_runs(
        self, *, root_id: str | None = None, run: str | None = None, since: float | None = None
    ) -> list[TaskRun]:
        """Return task runs of the last seven days, the newest first; of one graph, of one run, since a moment."""
        wanted = {
            "DATABASE_NAME": self.database,
            "SCHEMA_NAME": self.schema,
            "ROOT_TASK_ID": root_id,
            "SCHEDULED_TIME_RANGE_START": None if since is None else datetime.fromtimestamp(since, timezone.utc),
        }
        given = {key: value for key, value in wanted.items() if value is not None}
        arguments = "".join(f", {key} => %({key})s" for key in given)
        where = " WHERE GRAPH_RUN_GROUP_ID = %(run)s" if run is not None else ""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM TABLE({quoted(self.database)}.INFORMATION_SCHEMA.TASK_HISTORY"
            f"(RESULT_LIMIT => {MOST_RUNS}{arguments})){where}",
            {**given, "run": run},
            what="the history of tasks",
        )
        return [_task_run(row) for row in rows]

    def runs_going_on(self, root: str) -> frozenset[str]:
        """Return the graph run groups of a root that have not ended."""
        rows = self._rows(
            "SELECT GRAPH_RUN_GROUP_ID, STATE FROM TABLE"
            f"({quoted(self.database)}.INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS(ROOT_TASK_NAME => %(root)s))",
            {"root": root},
            what=f"runs of {root}",
        )
        return frozenset(row["GRAPH_RUN_GROUP_ID"] for row in rows if row["GRAPH_RUN_GROUP_ID"])

    def resume(self, tasks: Sequence[str]) -> None:
        """Start these tasks, several at once."""

        def one(name: str) -> None:
            with refusals(f"task {name} cannot be resumed"):
                self._task(name).resume()

        with ThreadPoolExecutor(min(self._width, max(len(tasks), 1))) as pool:
            list(pool.map(one, tasks))

    def suspend(self, task: str) -> None:
        """Suspend a task."""
        with refusals(f"task {task} cannot be suspended"):
            self._task(task).suspend()

    def execute(self, root: str, config: Mapping[str, Scalar]) -> None:
        """Start a run of a graph now, with these values over those of its CONFIG."""
        if not config:
            with refusals(f"task {root} cannot be executed"):
                self._task(root).execute()
            return
        self._rows(
            f"EXECUTE TASK {self._name(root)} USING CONFIG = %(config)s",
            {"config": json.dumps(config, ensure_ascii=False)},
            what=f"task {root} cannot be executed",
        )

    def retry_last(self, root: str) -> None:
        """Continue the last run of a graph from what failed."""
        with refusals(f"the last run of {root} cannot be retried"):
            self._task(root).execute(retry_last=True)

    def job_of(self, run: TaskRun) -> Job | None:
        """Return the job that a task's statement started: by the name that a job gets by default, else by the job history.

        Source: Snowflake documentation, "EXECUTE JOB SERVICE", NAME; "GET_JOB_HISTORY".
        """
        if run.query_id is not None and (found := self.service(f"JOB_{run.query_id.replace('-', '_').upper()}")):
            return found
        since = datetime.fromtimestamp(run.started or run.scheduled or 0, timezone.utc) - timedelta(minutes=1)
        try:
            rows = self._rows(
                "SELECT NAME, STATUS, MESSAGE FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(CREATED_TIME_START => %(since)s))"
                " WHERE TO_VARCHAR(ID) = %(job)s OR QUERY_ID = %(query)s",
                {"since": since, "job": run.job_id, "query": run.query_id},
                what="the history of jobs",
            )
        except AccountError:  # a role that owns no job may not ask
            rows = []
        return Job(rows[0]["NAME"], rows[0]["STATUS"] or "", rows[0]["MESSAGE"] or "") if rows else None

    def service(self, name: str) -> Job | None:
        """Return a service by name, or None if there is none, or none that the role sees."""
        try:
            with refusals(f"service {name}"):
                found = self._service(name).fetch()
        except MissingError:
            return None
        return Job(stored(found.name), found.status or "", "", found.target_instances or 1, found.comment or "")

    def container_log(self, job: str, *, instance: int, container: str, lines: int) -> str | None:
        """Return the last lines that a container wrote, or None when the container is gone, or is not there yet."""
        try:
            with refusals(f"the log of {job}"):
                return self._service(job).get_service_logs(str(instance), container, lines) or ""
        except (MissingError, RejectedError):
            return None

    def kept_log(self, job: str, *, since: float, instance: int, container: str) -> Sequence[LogLine] | None:
        """Return what is kept of a container: by the job's own SPCS_GET_LOGS, else from the event table of the account.

        Source: Snowflake documentation, "Monitoring services"; "Event table columns".
        """
        moment = datetime.fromtimestamp(since, timezone.utc)
        given = {"since": moment, "instance": str(instance), "container": container, "job": job}
        try:
            rows = self._rows(
                "SELECT TIMESTAMP AS AT, LOG AS LINE, NULL AS LEVEL, RECORD_ATTRIBUTES AS ATTRIBUTES"
                f" FROM TABLE({self._name(job)}!SPCS_GET_LOGS(START_TIME => %(since)s)) WHERE"
                " TO_VARCHAR(INSTANCE_ID) = %(instance)s AND CONTAINER_NAME = %(container)s ORDER BY TIMESTAMP",
                given,
                what=f"the kept log of {job}",
            )
        except AccountError:  # the job is gone, too
            table = event_table(self._session)
            if table is None:
                return None
            rows = self._rows(
                "SELECT TIMESTAMP AS AT, VALUE AS LINE, RECORD:severity_text::STRING AS LEVEL,"
                f" RECORD_ATTRIBUTES AS ATTRIBUTES FROM {table} WHERE RECORD_TYPE = 'LOG' AND TIMESTAMP >= %(since)s"
                """ AND RESOURCE_ATTRIBUTES:"snow.service.name"::STRING = %(job)s"""
                """ AND RESOURCE_ATTRIBUTES:"snow.service.container.name"::STRING = %(container)s"""
                """ AND RESOURCE_ATTRIBUTES:"snow.service.instance"::STRING = %(instance)s ORDER BY TIMESTAMP""",
                given,
                what=f"the event table {table}",
            )
        return [
            kept(
                _text(row["LINE"]),
                level=row["LEVEL"] or "",
                moment=_stamp(row["AT"], naive=timezone.utc),
                attributes=_json(row["ATTRIBUTES"]),
            )
            for row in rows
        ]

    def _task(self, name: str) -> TaskResource:
        return self._schema.tasks[quoted(name)]

    def _service(self, name: str) -> ServiceResource:
        return self._schema.services[quoted(name)]

    def _name(self, name: str) -> str:
        return qualified(self.database, self.schema, name)

    def _rows(self, sql: str, values: Mapping[str, object], *, what: str) -> list[dict[str, Any]]:  # Any: SQL
        with refusals(what), self._session.connection.cursor(DictCursor) as cursor:
            cursor.execute(sql, values)
            rows: list[dict[str, Any]] = cursor.fetchall()
            return rows


def _live(task: Task) -> LiveTask:
    relations = json.loads(task.task_relations or "{}")
    finalizes = task.finalize or relations.get("FinalizedRootTask")
    return LiveTask(
        name=stored(task.name),
        id=task.id or "",
        started=task.state == "started",
        comment=task.comment or "",
        definition=task.sql_definition,
        predecessors=tuple(stored(one) for one in task.predecessors or relations.get("Predecessors") or ()),
        finalizes=stored(finalizes) if finalizes else None,
        schedule=_schedule(task.schedule, task.condition),
        condition=task.condition,
        config=task.config or {},
        owner=task.owner or "",
        auto_retry_attempts=task.task_auto_retry_attempts or 0,
        created=_stamp(task.created_on),
        committed=_stamp(task.last_committed_on),
    )


def _schedule(schedule: Cron | timedelta | None, condition: str | None) -> str | None:
    if isinstance(schedule, timedelta):
        return f"every {schedule}"
    if schedule is not None:
        return f"cron {schedule.expr} {schedule.timezone}"
    return f"when {condition}" if condition else None


def _task_run(row: Mapping[str, Any]) -> TaskRun:  # Any: SQL
    return TaskRun(
        name=row["NAME"],
        root_id=row["ROOT_TASK_ID"] or "",
        state=row["STATE"],
        run=row["GRAPH_RUN_GROUP_ID"] and str(row["GRAPH_RUN_GROUP_ID"]),
        attempt=int(row["ATTEMPT_NUMBER"] or 1),
        scheduled=_stamp(row["SCHEDULED_TIME"]),
        started=_stamp(row["QUERY_START_TIME"]),
        ended=_stamp(row["COMPLETED_TIME"]),
        query_id=row["QUERY_ID"],
        error_code=row["ERROR_CODE"],
        error_message=row["ERROR_MESSAGE"],
        return_value=row["RETURN_VALUE"],
        graph_version=int(row["GRAPH_VERSION"] or 0),
        scheduled_from=row["SCHEDULED_FROM"] or "",
        config=row["CONFIG"],
        job_id=row["SPCS_JOB_ID"],
        definition=row["QUERY_TEXT"] or "",
    )


def _stamp(moment: datetime | None, *, naive: timezone | None = None) -> float | None:
    if moment is None:
        return None
    return (moment.replace(tzinfo=naive) if naive is not None and moment.tzinfo is None else moment).timestamp()


def _text(value: object) -> str:
    """Return a VARIANT that is text; the connector gives it as JSON."""
    found = _json(value)
    return found if isinstance(found, str) else str(value)


def _json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
