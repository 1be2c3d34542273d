"""The task engine: starts graph runs by schedule, by trigger and on demand, one service of the server."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from mlops_embedded.catalog import ObjectName
from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.principal import SYSTEM_USER, Principal
from mlops_embedded.schedules.schedule import due_between
from mlops_embedded.schedules.scheduler import Scheduler
from mlops_embedded.tasks import runs
from mlops_embedded.tasks.changes import current_graph, get_task, require_execution, set_version, suspend_task
from mlops_embedded.tasks.definition import (
    DEFAULT_FAILURES_UNTIL_SUSPENDED,
    DEFAULT_TRIGGER_SECONDS,
    KIND,
    Task,
)
from mlops_embedded.tasks.execution import GraphExecution, is_true
from mlops_embedded.tasks.history import INTERRUPTED, INTERRUPTED_CODE, GraphRun, History

if TYPE_CHECKING:
    from mlops_embedded.account import Account

RETRY_WITHIN = timedelta(days=14)
_STOP_SECONDS = 6.0
logger = logging.getLogger("mlops_embedded.tasks")


class TaskEngine:
    """Knows the runs that go on and those that wait; what ran before is in `history`."""

    name: ClassVar[str] = "tasks"

    def __init__(self, account: Account) -> None:
        self.account = account
        self._clock = account.clock
        self.history = History(account.catalog)
        self.history.close_interrupted(self._clock.now())
        self._lock = threading.RLock()
        self._active: dict[str, list[GraphExecution]] = {}
        self._queued: dict[str, list[GraphExecution]] = {}
        self._triggered: dict[str, datetime] = {}
        self._stopping = False
        self._scheduler = Scheduler("task engine", self._clock, start_due=self._start_due, upcoming=self._upcoming)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """End what runs, and record it as interrupted."""
        self._stopping = True
        self._scheduler.stop()
        with self._lock:
            going_on = [execution for active in self._active.values() for execution in active]
            self._queued.clear()
        for execution in going_on:
            execution.stop(runs.FAILED, INTERRUPTED_CODE, INTERRUPTED)
        until = time.monotonic() + _STOP_SECONDS
        for execution in going_on:
            execution.join(max(0.0, until - time.monotonic()))

    # -- on demand

    def execute(self, root: ObjectName, config: dict[str, Any] | None = None) -> GraphRun:
        """Run a graph now, suspended or not, with its default configuration and `config` merged over it."""
        task = get_task(self.account.catalog, root)
        _require_root(task)
        require_execution(self.account.catalog, task)
        default = json.loads(task.settings.config) if task.settings.config else None
        merged = default if config is None else merge(default or {}, config)
        task = set_version(self.account.catalog, self.history, root)
        text = None if merged is None else json.dumps(merged)
        run = self._new_run(task, "EXECUTE TASK", self._clock.now(), text)
        self._submit(self._execution(run), wait_in_line=True)
        return run

    def retry_last(self, root: ObjectName) -> GraphRun:
        """Run what did not succeed in the last run of a graph again, as its next attempt.

        Raises:
            SnowflakeError: the last run did not fail, is older than 14 days, or the graph was changed since.
        """
        return self._retry(root, next(iter(self.history.runs_of(root, 1)), None))

    def retry_group(self, root: ObjectName, group_id: str) -> GraphRun:
        """Run what did not succeed in a run of this group again, as `retry_last` does for the last one."""
        return self._retry(root, self.history.last_attempt(root, group_id))

    def _retry(self, root: ObjectName, before: GraphRun | None) -> GraphRun:
        task = get_task(self.account.catalog, root)
        _require_root(task)
        refusal = invalid_value(f"Cannot perform retry: no suitable run of graph with root task {root} to retry.")
        if before is None or before.state not in {runs.FAILED, runs.CANCELLED} or before.root_id != task.id:
            raise refusal
        first = self.history.run(before.group_id, 1)
        graph = self.history.graph(before)
        unchanged = graph.same_work(current_graph(self.account.catalog, root))
        if self._clock.now() - first.scheduled_time > RETRY_WITHIN or not unchanged:
            raise refusal
        run = replace(before, attempt=before.attempt + 1, state=runs.SCHEDULED, scheduled_from="RETRY")
        kept = runs.states_to_keep(graph, self.history.states(before.group_id))
        self._submit(self._execution(run, kept), wait_in_line=True)
        return run

    def cancel(self, root: ObjectName) -> int:
        """Cancel the runs of a graph that go on, and return how many there were."""
        task = get_task(self.account.catalog, root)
        with self._lock:
            going_on = list(self._active.get(task.id, []))
        for execution in going_on:
            execution.stop(runs.CANCELLED, "000604", "SQL execution canceled")
        return len(going_on)

    def wake(self) -> None:
        """Look at the schedules again: a task was resumed, or the clock was moved."""
        self._scheduler.wake()

    def next_scheduled(self, task: Task) -> datetime | None:
        """Return when a started root task comes due next."""
        schedule = task.schedule
        if schedule is None or not task.started or task.resumed_on is None:
            return None
        return schedule.next_after(self._clock.now(), task.resumed_on)

    # -- by schedule and trigger

    def tick(self) -> None:
        """Start every run that came due since the last time, in the order in which they came due."""
        self._scheduler.tick()

    def _start_due(self, since: datetime, until: datetime) -> None:
        due = sorted(
            (moment, task.name, task)
            for task in self._started_roots()
            if task.schedule is not None and task.resumed_on is not None
            for moment in due_between(task.schedule, task.resumed_on, since, until)
        )
        for moment, _, task in due:
            self._start_by_itself(task, "SCHEDULE", moment)
        for task in self._started_roots():
            if task.schedule is None and task.settings.condition is not None and self._trigger_fires(task, until):
                self._start_by_itself(task, "TRIGGER", until)

    def _upcoming(self, now: datetime) -> Iterator[datetime]:
        for task in self._started_roots():
            due = self.next_scheduled(task)
            if due is not None:
                yield due
            elif task.settings.condition is not None:
                yield now + _trigger_interval(task)

    def _started_roots(self) -> list[Task]:
        tasks = (Task.of(document) for document in self.account.catalog.list(KIND))
        return [task for task in tasks if task.started and task.settings.is_root]

    def _trigger_fires(self, task: Task, now: datetime) -> bool:
        """Whether a task without schedule has a condition that holds, at most once in its trigger interval."""
        last = self._triggered.get(task.id)
        if last is not None and now - last < _trigger_interval(task):
            return False
        with self._lock:
            if self._active.get(task.id):
                return False
        self._triggered[task.id] = now
        session = self.account.open_session(
            Principal(SYSTEM_USER, self.account.credentials.fingerprint),
            role=task.owner, warehouse=task.settings.warehouse,
            database=task.name.database, schema=task.name.schema,
        )  # fmt: skip
        try:
            return is_true(session, task.settings.condition or "FALSE")
        except SnowflakeError as error:
            logger.warning("the condition of task %s failed: %s", task.name, error.message)
            return False
        finally:
            session.close()

    def _start_by_itself(self, task: Task, source: str, moment: datetime) -> None:
        run = self._new_run(task, source, moment, task.settings.config)
        self._submit(self._execution(run), wait_in_line=False)

    # -- runs

    def _new_run(self, root: Task, source: str, scheduled: datetime, config: str | None) -> GraphRun:
        number = self.account.catalog.next_number("task run")
        return GraphRun(
            str(uuid.uuid4()), 1, int(scheduled.timestamp() * 1000) * 1000 + number % 1000, root.id, root.name,
            root.graph_version, config, source, runs.SCHEDULED, scheduled,
        )  # fmt: skip

    def _execution(self, run: GraphRun, kept: dict[str, str] | None = None) -> GraphExecution:
        return GraphExecution(
            self.account, self.history, self._clock, run, self.history.graph(run),
            ended=self._ended, root_ended=lambda: self._start_queued(run.root_id), kept=kept,
        )  # fmt: skip

    def _submit(self, execution: GraphExecution, *, wait_in_line: bool) -> None:
        """Start a run if the overlap policy allows; else it waits in line, or (by schedule) does not take place."""
        with self._lock:
            if self._stopping:
                return
            if self._may_start(execution):
                self._begin(execution)
            elif wait_in_line:
                self.history.put_run(execution.run)
                self._queued.setdefault(execution.run.root_id, []).append(execution)

    def _may_start(self, execution: GraphExecution) -> bool:
        active = self._active.get(execution.run.root_id, [])
        policy = self.history.graph(execution.run).root.settings.overlap_policy or "NO_OVERLAP"
        return runs.may_overlap(policy, runs=len(active), roots_running=sum(e.root_running for e in active))

    def _begin(self, execution: GraphExecution) -> None:
        self._active.setdefault(execution.run.root_id, []).append(execution)
        execution.start()

    def _start_queued(self, root_id: str) -> None:
        with self._lock:
            waiting = self._queued.get(root_id, [])
            while waiting and not self._stopping and self._may_start(waiting[0]):
                self._begin(waiting.pop(0))

    def _ended(self, execution: GraphExecution) -> None:
        with self._lock:
            self._active[execution.run.root_id].remove(execution)
            try:
                if execution.run.state == runs.FAILED and not self._stopping:
                    self._suspend_after_failures(execution.run)
            except SnowflakeError as error:
                logger.warning("after the run of %s: %s", execution.run.root, error.message)
        self._start_queued(execution.run.root_id)

    def _suspend_after_failures(self, run: GraphRun) -> None:
        """Suspend a root task whose runs failed too often in a row since it was resumed."""
        found = self.account.catalog.find(KIND, run.root)
        if found is None or not (task := Task.of(found)).started or task.id != run.root_id:
            return
        allowed = task.settings.suspend_task_after_num_failures
        allowed = DEFAULT_FAILURES_UNTIL_SUSPENDED if allowed is None else allowed
        failed: set[str] = set()
        for each in self.history.runs_of(run.root):
            if each.group_id in failed:
                continue
            since = task.resumed_on
            if each.state != runs.FAILED or (since and (each.started_time or each.scheduled_time) < since):
                break
            failed.add(each.group_id)
        if allowed and len(failed) >= allowed:
            suspend_task(self.account.catalog, run.root, self._clock.now(), because="SUSPENDED_DUE_TO_ERRORS")
            for each_task in self.history.tasks(run):
                if each_task.state == runs.FAILED:
                    self.history.put_task(replace(each_task, state=runs.FAILED_AND_AUTO_SUSPENDED))


def engine_of(account: Account) -> TaskEngine:
    """Return the account's task engine."""
    engine = account.services[TaskEngine.name]
    assert isinstance(engine, TaskEngine)
    return engine


def merge(default: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with another one merged over it, object by object."""
    merged = dict(default)
    for key, value in given.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def _trigger_interval(task: Task) -> timedelta:
    return timedelta(seconds=task.settings.user_task_minimum_trigger_interval_in_seconds or DEFAULT_TRIGGER_SECONDS)


def _require_root(task: Task) -> None:
    if not task.settings.is_root:
        raise invalid_value(f"task {task.name} is not a root task: only root tasks can be executed")
