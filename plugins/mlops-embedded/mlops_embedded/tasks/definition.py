"""A task: what was asked for (`TaskSettings`), and what became of it (`Task`).

Source: Snowflake documentation, CREATE TASK (ranges and defaults).
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.errors import invalid_value
from mlops_embedded.schedules.schedule import Schedule, parse_schedule

KIND = "task"
OVERLAP_POLICIES = ("NO_OVERLAP", "ALLOW_CHILD_OVERLAP", "ALLOW_ALL_OVERLAP")
DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS = 3_600_000, 604_800_000
DEFAULT_FAILURES_UNTIL_SUSPENDED = 10
DEFAULT_TRIGGER_SECONDS = 30
_RANGES = {
    "task_auto_retry_attempts": (0, 30),
    "suspend_task_after_num_failures": (0, 2**31),
    "user_task_timeout_ms": (0, MAX_TIMEOUT_MS),
    "user_task_minimum_trigger_interval_in_seconds": (10, 604_800),
}
_ROOT_ONLY = ("schedule", "config", "overlap_policy", "task_auto_retry_attempts")


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """What CREATE TASK says; None is Snowflake's default. Names in it are stored names, of the task's own schema."""

    definition: str
    warehouse: str | None = None
    schedule: str | None = None
    predecessors: tuple[str, ...] = ()
    condition: str | None = None
    config: str | None = None
    finalize: str | None = None
    overlap_policy: str | None = None
    task_auto_retry_attempts: int | None = None
    suspend_task_after_num_failures: int | None = None
    user_task_timeout_ms: int | None = None
    user_task_managed_initial_warehouse_size: str | None = None
    user_task_minimum_trigger_interval_in_seconds: int | None = None
    target_completion_interval: str | None = None
    serverless_task_min_statement_size: str | None = None
    serverless_task_max_statement_size: str | None = None
    error_integration: str | None = None
    success_integration: str | None = None
    execute_as_user: str | None = None
    log_level: str | None = None
    comment: str | None = None
    session_parameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.definition.strip():
            raise invalid_value("a task needs a definition: the SQL that it runs")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise invalid_value(f"invalid value [{value}] for parameter {name.upper()}: must be {low} to {high}")
        if self.overlap_policy is not None and self.overlap_policy not in OVERLAP_POLICIES:
            policies = ", ".join(OVERLAP_POLICIES)
            raise invalid_value(f"invalid value [{self.overlap_policy}] for OVERLAP_POLICY: must be one of {policies}")
        if self.schedule is not None:
            parse_schedule(self.schedule)
        if self.config is not None:
            _check_config(self.config)
        if self.warehouse is not None and self.user_task_managed_initial_warehouse_size is not None:
            raise invalid_value("WAREHOUSE and USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE exclude each other")
        self._check_place_in_graph()

    def _check_place_in_graph(self) -> None:
        if self.predecessors and self.finalize:
            raise invalid_value("a finalizer task cannot have predecessors: FINALIZE and AFTER exclude each other")
        if not self.is_root:
            kind = "finalizer" if self.finalize else "child"
            for name in _ROOT_ONLY:
                if getattr(self, name) is not None:
                    raise invalid_value(f"{name.upper()} is for root tasks, and this is a {kind} task")
        if len(set(self.predecessors)) != len(self.predecessors):
            raise invalid_value("a predecessor is given twice")

    @property
    def is_root(self) -> bool:
        return not self.predecessors and self.finalize is None

    @property
    def timeout(self) -> timedelta | None:
        """The limit that was asked for, None where the default counts; 0 means the longest that Snowflake has."""
        if self.user_task_timeout_ms is None:
            return None
        return timedelta(milliseconds=self.user_task_timeout_ms or MAX_TIMEOUT_MS)


def _check_config(text: str) -> None:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise invalid_value(f"CONFIG must be JSON: {error}") from error
    if not isinstance(config, dict):
        raise invalid_value("CONFIG must be a JSON object")


@dataclass(frozen=True, slots=True)
class Task:
    """One task of the account. Suspended when created; `graph_version` counts on root tasks only."""

    name: ObjectName
    settings: TaskSettings
    owner: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_on: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    started: bool = False
    resumed_on: datetime | None = None
    suspended_on: datetime | None = None
    suspended_because: str | None = None
    committed_on: datetime | None = None
    graph_version: int = 0

    @property
    def state(self) -> str:
        return "started" if self.started else "suspended"

    @property
    def schedule(self) -> Schedule | None:
        return None if self.settings.schedule is None else parse_schedule(self.settings.schedule)

    def with_settings(self, **changes: Any) -> Task:
        """Return the task with some settings changed, checked again."""
        return replace(self, settings=replace(self.settings, **changes))

    def to_json(self) -> dict[str, Any]:
        """Return everything but name and creation time, as JSON values."""
        moments = {name: _moment(getattr(self, name)) for name in _MOMENTS}
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {**plain, **moments, "settings": asdict(self.settings)}

    def document(self) -> Document:
        return Document(KIND, self.name, self.to_json(), self.created_on)

    @classmethod
    def of(cls, document: Document) -> Task:
        return cls.from_json(document.name, document.created_on, document.body)

    @classmethod
    def from_json(cls, name: ObjectName, created_on: datetime, body: dict[str, Any]) -> Task:
        known = {f.name for f in fields(TaskSettings)}
        settings = {key: value for key, value in body["settings"].items() if key in known}
        settings["predecessors"] = tuple(settings["predecessors"])
        moments: dict[str, Any] = {}
        for key in _MOMENTS:
            moments[key] = datetime.fromisoformat(body[key]) if body[key] else None
        plain = {key: body[key] for key in _PLAIN}
        return cls(name, TaskSettings(**settings), created_on=created_on, **plain, **moments)


_MOMENTS = ("resumed_on", "suspended_on", "committed_on")
_PLAIN = ("owner", "id", "started", "suspended_because", "graph_version")


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
