"""One graph run while it goes on: a thread that decides what comes next, and a thread a task that executes."""

from __future__ import annotations

import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.jobs.access import require_warehouse
from mlops_embedded.principal import SYSTEM_USER, Principal
from mlops_embedded.schedules.clock import Clock
from mlops_embedded.sql.session import Session
from mlops_embedded.tasks import runs
from mlops_embedded.tasks.definition import DEFAULT_TIMEOUT_MS, Task
from mlops_embedded.tasks.graph import TaskGraph
from mlops_embedded.tasks.history import GraphRun, History, TaskRun
from mlops_embedded.tasks.notices import tell_failure, tell_success

if TYPE_CHECKING:
    from mlops_embedded.account import Account

CONDITION_FALSE = ("040003", "Conditional expression for task evaluated to false.")
logger = logging.getLogger("mlops_embedded.tasks")


@dataclass(slots=True)
class _Running:
    """A task that executes: its session once it has one, and when it has run for too long."""

    deadline: float
    session: Session | None = None
    stopped: tuple[str, str, str] | None = None
    """State, error code and message, once somebody has asked it to stop."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self, state: str, code: str, message: str) -> None:
        with self.lock:
            self.stopped = self.stopped or (state, code, message)
            if self.session is not None:
                self.session.cancel()


class GraphExecution:
    """Runs one version of a graph to its end, retries included, and calls `ended` with the last attempt."""

    def __init__(
        self,
        account: Account,
        history: History,
        clock: Clock,
        run: GraphRun,
        graph: TaskGraph,
        *,
        ended: Callable[[GraphExecution], None],
        root_ended: Callable[[], None],
        kept: dict[str, str] | None = None,
    ) -> None:
        self.run = run
        self._account, self._history, self._clock = account, history, clock
        self._graph, self._ended, self._root_ended = graph, ended, root_ended
        self._states = dict(kept or {})
        self._running: dict[str, _Running] = {}
        self._finished: queue.Queue[tuple[str, str]] = queue.Queue()
        self._lock = threading.Lock()
        self._stopping: tuple[str, str, str] | None = None
        self._thread = threading.Thread(target=self._drive, name=f"graph {run.root.name}", daemon=True)

    @property
    def root_running(self) -> bool:
        """Whether the root task has not ended yet."""
        return self._states.get(self._graph.root.name.name) not in runs.FINISHED

    def start(self) -> None:
        self.run = self._history.put_run(
            replace(self.run, state=runs.EXECUTING, started_time=self._clock.now(), completed_time=None)
        )
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def stop(self, state: str, code: str, message: str) -> None:
        """End what runs and start nothing more; every task that runs now ends in this state."""
        with self._lock:
            self._stopping = (state, code, message)
            for running in self._running.values():
                running.stop(state, code, message)

    def _drive(self) -> None:
        try:
            while self._attempt():
                self._states = runs.states_to_keep(self._graph, self._states)
        except Exception:  # a bug of ours must not leave a run that never ends
            logger.exception("the run of %s failed", self.run.root)
            self.run = self._history.put_run(replace(self.run, state=runs.FAILED, completed_time=self._clock.now()))
        finally:
            self._ended(self)

    def _attempt(self) -> bool:
        """Run until nothing more can run; True if the graph starts again by itself."""
        whole = time.monotonic() + _seconds(self._graph.root.settings.timeout)
        while True:
            retries = (self._graph.root.settings.task_auto_retry_attempts or 0) - (self.run.attempt - 1)
            with self._lock:
                stopping = self._stopping
            step = runs.next_step(self._graph, self._states, retries_left=0 if stopping else retries)
            if step.outcome is not None or (stopping and not self._running):
                self._end_attempt(step.outcome or (stopping or (runs.CANCELLED,))[0], again=step.retry)
                return step.retry
            if not stopping:
                for name in step.start:
                    self._start(self._graph.member(name), whole)
            name, state = self._wait()
            self._states[name] = state
            if name == self._graph.root.name.name:
                self._root_ended()

    def _end_attempt(self, state: str, *, again: bool) -> None:
        """Record how the attempt ended, together with the next one's start, so that nobody sees the run at rest."""
        now = self._clock.now()
        with self._account.catalog.transaction():
            self.run = self._history.put_run(replace(self.run, state=state, completed_time=now))
            if state == runs.SUCCEEDED:
                tell_success(self._account.catalog, self.run, self._graph.root)
            if again:
                following = replace(self.run, attempt=self.run.attempt + 1, started_time=now, completed_time=None)
                self.run = self._history.put_run(replace(following, state=runs.EXECUTING))

    def _start(self, task: Task, whole: float) -> None:
        own = task.settings.timeout
        running = _Running(time.monotonic() + _seconds(own) if own and task is not self._graph.root else whole)
        name = task.name.name
        with self._lock:
            self._running[name] = running
            self._states[name] = runs.EXECUTING
            if self._stopping is not None:
                running.stop(*self._stopping)
        threading.Thread(target=self._execute, args=(task, running), name=f"task {name}", daemon=True).start()

    def _wait(self) -> tuple[str, str]:
        """Wait for the next task to end; meanwhile stop those that have run for too long."""
        while True:
            now = time.monotonic()
            waiting = [r.deadline for r in self._running.values() if r.stopped is None]
            try:
                name, state = self._finished.get(timeout=max(0.0, min(waiting) - now) if waiting else None)
            except queue.Empty:
                for running in self._running.values():
                    if running.stopped is None and running.deadline <= time.monotonic():
                        message = "Statement reached its statement or warehouse timeout and was canceled."
                        running.stop(runs.FAILED, "000630", message)
                continue
            with self._lock:
                del self._running[name]
            return name, state

    def _execute(self, task: Task, running: _Running) -> None:
        name, now = task.name.name, self._clock.now()
        record = TaskRun(
            self.run.group_id, self.run.attempt, name, task.id, runs.EXECUTING,
            scheduled_time=self.run.scheduled_time if task is self._graph.root else now,
            started_time=now, query_id=str(uuid.uuid4()),
        )  # fmt: skip
        state: str = runs.FAILED
        code: str | None = "000603"
        message: str | None = None
        try:
            self._history.put_task(record)
            state, code, message = self._run_body(task, record, running)
        except Exception as error:  # whatever a statement does, the run goes on
            logger.exception("task %s failed", task.name)
            message = f"the embedded Snowflake failed at this task: {type(error).__name__}: {error}"
        finally:
            ended = self._history.change_task(
                record.group_id, record.attempt, name,
                state=state, error_code=code, error_message=message, completed_time=self._clock.now(),
            )  # fmt: skip
            if state == runs.FAILED:
                tell_failure(self._account.catalog, self.run, self._graph.root, task, ended)
            self._finished.put((name, state))

    def _run_body(self, task: Task, record: TaskRun, running: _Running) -> tuple[str, str | None, str | None]:
        """Run the condition and the statement; return the state and, if it is not a success, why."""
        settings = task.settings
        session = self._account.open_session(
            Principal(SYSTEM_USER, self._account.credentials.fingerprint),
            role=task.owner,
            warehouse=settings.warehouse,
            database=task.name.database,
            schema=task.name.schema,
            parameters=dict(settings.session_parameters),
            context={"task_run": [record.group_id, record.attempt, record.name]},
        )
        session.query_id = record.query_id or ""
        try:
            with running.lock:
                running.session = session
                if running.stopped is not None:
                    return running.stopped
            if settings.warehouse is not None:
                require_warehouse(session, settings.warehouse)
            if settings.condition is not None and not is_true(session, settings.condition):
                return runs.SKIPPED, *CONDITION_FALSE
            self._account.keep_result(session.query_id, session.execute(settings.definition))
        except SnowflakeError as error:
            return running.stopped or (runs.FAILED, error.code, error.message)
        finally:
            with running.lock:
                running.session = None
            session.close()
        return runs.SUCCEEDED, None, None


def is_true(session: Session, condition: str) -> bool:
    """Whether a WHEN condition holds; NULL does not."""
    return bool(session.scalar(f"SELECT ({condition})::BOOLEAN"))


def _seconds(timeout: timedelta | None) -> float:
    return DEFAULT_TIMEOUT_MS / 1000 if timeout is None else timeout.total_seconds()
