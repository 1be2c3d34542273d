"""What differs between an object that is wanted and the one that an account holds, field by field.

Both are brought into one form first: what Snowflake puts in where nothing was said counts as said.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mlops.compile.objects import ComputePool, Service, ServiceFunction, Task
from mlops.deploy.account import Held
from mlops.deploy.ownership import Object, Ownership, ownership_of
from mlops.pipeline import Stream

_UNREAD = {"nodes", "managed", "node"}
"""Fields that are in the comment, or that the account does not keep."""


class Change(Struct, frozen=True):
    """One field that is to have another value."""

    field: str
    before: object
    after: object


def changes_between(held: Held[Object], wanted: Object, said: Ownership) -> tuple[Change, ...]:
    """Return what must change for the account to hold ``wanted`` with a comment that says ``said``."""
    if isinstance(wanted, (Service, ServiceFunction)):
        return _changes_by_hash(held, wanted, said)
    before, after = normal(held.value), normal(wanted)
    changes = [
        Change(name, getattr(before, name), getattr(after, name))
        for name in after.__struct_fields__
        if name not in _UNREAD and getattr(before, name) != getattr(after, name)
    ]
    if isinstance(wanted, Task):
        owned = ownership_of(held.comment) or Ownership("")
        changes += [
            Change(name, getattr(owned, name), getattr(said, name))
            for name in ("nodes", "versions")
            if getattr(owned, name) != getattr(said, name)
        ]
        if not changes and owned != said:  # a hash is told only where nothing else is
            name = "graph" if said.graph else "hash"
            changes.append(Change(name, getattr(owned, name), getattr(said, name)))
    return tuple(changes)


def normal(value: Object) -> Object:
    """Return the value with Snowflake's defaults in place of what was left unsaid.

    Source: Snowflake documentation, "CREATE TASK".
    """
    if isinstance(value, ComputePool):
        return replace(value, instance_family=value.instance_family.upper())
    if not isinstance(value, Task):
        return value
    root = not value.predecessors and value.finalize is None
    waits = isinstance(value.schedule, Stream)
    return replace(
        value,
        definition=value.definition.strip().removesuffix(";").rstrip(),
        predecessors=tuple(sorted(value.predecessors)),
        schedule=None if waits else value.schedule,
        condition=condition_of(value),
        overlap_policy=(value.overlap_policy or "NO_OVERLAP") if root else None,
        task_auto_retry_attempts=value.task_auto_retry_attempts or 0,
        suspend_task_after_num_failures=(
            10 if value.suspend_task_after_num_failures is None and root else value.suspend_task_after_num_failures
        ),
        user_task_timeout=timedelta(hours=1) if value.user_task_timeout is None else value.user_task_timeout,
    )


def condition_of(task: Task) -> str | None:
    """Return the condition of a task: its own, or for a stream as its schedule that the stream holds rows."""
    if task.condition is None and isinstance(task.schedule, Stream):
        return f"SYSTEM$STREAM_HAS_DATA('{task.schedule.name}')"
    return task.condition


_READ = {
    "Service": ("compute_pool", "min_instances", "max_instances", "query_warehouse", "external_access_integrations")
}
"""Fields of a service that a listing shows as they were written."""

_BY_HASH = {"Service": ("specification",), "ServiceFunction": ("service", "endpoint", "path", "arguments", "returns")}
"""Fields that a listing does not show, or that come back in other words: they are told if the hash says that one differs."""


def _changes_by_hash(held: Held[Object], wanted: Service | ServiceFunction, said: Ownership) -> tuple[Change, ...]:
    """A specification comes back with Snowflake's defaults in it, so the hash in the comment stands for it."""
    before: Any = held.value  # Any: of the kind of what is wanted
    changes = [
        Change(name, getattr(before, name), getattr(wanted, name))
        for name in _READ.get(type(wanted).__name__, ())
        if getattr(before, name) != getattr(wanted, name)
    ]
    owned = ownership_of(held.comment)
    if not changes and (owned is None or owned.hash != said.hash):
        fields = _BY_HASH[type(wanted).__name__]
        differing = [name for name in fields if getattr(before, name) != getattr(wanted, name)] or fields[-1:]
        plain = [name for name in differing if name not in ("arguments", "returns")]  # types may be written otherwise
        changes += [Change(name, getattr(before, name), getattr(wanted, name)) for name in plain or differing]
    return tuple(changes)
