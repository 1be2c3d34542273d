"""The alert engine: runs started alerts when they come due, one service of the server."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from mlops_embedded.alerts import history as states
from mlops_embedded.alerts.history import AlertHistory, AlertRun
from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.grants import ACCOUNT, may
from mlops_embedded.errors import SnowflakeError, not_authorized
from mlops_embedded.principal import SYSTEM_USER, Principal
from mlops_embedded.schedules.schedule import Cron, Schedule, due_between, parse_schedule
from mlops_embedded.schedules.scheduler import Scheduler

if TYPE_CHECKING:
    from mlops_embedded.account import Account

KIND = "alert"


class AlertEngine:
    """Runs an alert's condition, and its action if the condition returned rows, as the alert's owner."""

    name: ClassVar[str] = "alerts"

    def __init__(self, account: Account) -> None:
        self.account = account
        self.history = AlertHistory(account.catalog)
        self._lock = threading.Lock()
        self._one_at_a_time: dict[ObjectName, threading.Lock] = {}
        self._scheduler = Scheduler("alert engine", account.clock, start_due=self._start_due, upcoming=self._upcoming)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.stop()

    def wake(self) -> None:
        """Look at the schedules again: an alert was resumed, or the clock was moved."""
        self._scheduler.wake()

    def tick(self) -> None:
        """Run what came due since the last time, each alert once for every time it was due."""
        self._scheduler.tick()

    def _start_due(self, since: datetime, until: datetime) -> None:
        due = sorted(
            (
                (moment, alert.name)
                for alert in self._started()
                for moment in due_between(schedule_of(alert), _resumed(alert), since, until)
            ),
            key=lambda each: (each[0], str(each[1])),
        )
        for moment, name in due:
            alert = self.account.catalog.find(KIND, name)
            if alert is not None and alert.body["state"] == "started":
                self.run(alert, moment)

    def _upcoming(self, now: datetime) -> Iterator[datetime]:
        return (schedule_of(alert).next_after(now, _resumed(alert)) for alert in self._started())

    def run(self, alert: Document, scheduled: datetime) -> AlertRun:
        """Run an alert now, and write down what came of it; errors of its SQL are in there, not raised.

        Raises:
            SnowflakeError 003001: the owner may not run alerts.
        """
        require_execution(self.account, alert)
        with self._lock:
            lock = self._one_at_a_time.setdefault(alert.name, threading.Lock())
        with lock:
            run = self._run(alert, scheduled)
        self.history.put(run)
        return run

    def _run(self, alert: Document, scheduled: datetime) -> AlertRun:
        name, body = alert.name, alert.body
        condition_id, action_id, error = str(uuid.uuid4()), None, None
        session = self.account.open_session(
            Principal(SYSTEM_USER, self.account.credentials.fingerprint),
            role=body["owner"], warehouse=body.get("warehouse"), database=name.database, schema=name.schema,
            context={"alert_run": [str(name), scheduled.timestamp(), condition_id]},
        )  # fmt: skip
        state = states.CONDITION_FAILED
        try:
            session.query_id = condition_id
            found = session.execute(body["condition"])
            self.account.keep_result(condition_id, found)
            state = states.CONDITION_FALSE
            if session.scalar(f"SELECT COUNT(*) FROM TABLE(RESULT_SCAN('{condition_id}'))"):
                state = states.ACTION_FAILED
                session.query_id = action_id = str(uuid.uuid4())
                self.account.keep_result(action_id, session.execute(body["action"]))
                state = states.TRIGGERED
        except SnowflakeError as failure:
            error = failure
        finally:
            session.close()
        return AlertRun(
            name.database or "", name.schema or "", name.name, state, body["condition"], body["action"], condition_id,
            action_id, error.code if error else None, error.message if error else None, scheduled.timestamp(), self.account.clock.now().timestamp(),
        )  # fmt: skip

    def _started(self) -> list[Document]:
        return [alert for alert in self.account.catalog.list(KIND) if alert.body["state"] == "started"]


def alerts_of(account: Account) -> AlertEngine:
    """Return the account's alert engine."""
    engine = account.services[AlertEngine.name]
    assert isinstance(engine, AlertEngine)
    return engine


def require_execution(account: Account, alert: Document) -> None:
    """Refuse to run an alert whose owner lacks EXECUTE ALERT, or EXECUTE MANAGED ALERT if it names no warehouse."""
    owner = alert.body["owner"]
    needed = ["EXECUTE ALERT"] if alert.body.get("warehouse") else ["EXECUTE ALERT", "EXECUTE MANAGED ALERT"]
    for privilege in needed:
        if not may(account.catalog, owner, privilege, ACCOUNT):
            raise not_authorized(f"alert {alert.name} needs {privilege} on the account for its owner role {owner}")


def schedule_of(alert: Document) -> Schedule:
    """Return when an alert comes due."""
    given = alert.body["schedule"]
    if given["schedule_type"] == "CRON_TYPE":
        return Cron(given["cron_expr"], given["timezone"])
    return parse_schedule(f"{given['minutes']} MINUTES")


def _resumed(alert: Document) -> datetime:
    return datetime.fromisoformat(alert.body["resumed_on"])
