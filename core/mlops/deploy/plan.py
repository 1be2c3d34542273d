"""A plan: what a deployment would change in an account, and what that brings with it, as one value."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from mlops.compile.objects import Deployment, Task
from mlops.deploy.account import Held
from mlops.deploy.differences import Change
from mlops.deploy.lock import Lock
from mlops.deploy.ownership import Object, content_hash

KINDS = {
    "ComputePool": "compute pool",
    "ImageRepository": "image repository",
    "Stage": "stage",
    "Service": "service",
    "ServiceFunction": "function",
    "Task": "task",
}
"""What people call each kind."""


class Action(Enum):
    """What becomes of one object."""

    CREATE = "create"
    CHANGE = "change"
    DROP = "drop"


RECORDS = {"hash", "graph"}
"""Fields that only say what was deployed."""


class Step(Struct, frozen=True):
    """One object that is created, changed or dropped. ``wanted`` and its ``comment`` are None for a drop.

    ``drift`` tells of a change that it undoes what somebody else did: we wrote just what is wanted, and it is not there.
    """

    action: Action
    kind: str
    name: str
    wanted: Object | None = None
    comment: str | None = None
    held: Held[Object] | None = None
    changes: tuple[Change, ...] = ()
    drift: bool = False

    @property
    def is_record(self) -> bool:
        """Whether nothing but our own record of the deployment is written: the hashes in the comment."""
        return bool(self.changes) and all(one.field in RECORDS for one in self.changes)


class Problem(Struct, frozen=True):
    """Why a plan cannot be applied, and what to do about it."""

    message: str
    hint: str


class Plan(Struct, frozen=True):
    """What is to be done, in the order in which people read it.

    ``resume`` are tasks that exist and must be started, ``suspended`` those that a person suspended and that stay so.
    ``left`` are objects of ours that are no longer wanted and stay, because nobody asked to drop them.
    """

    deployment: Deployment
    state: str
    steps: tuple[Step, ...] = ()
    unchanged: int = 0
    left: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    consequences: tuple[str, ...] = ()
    root: Held[Task] | None = None
    start_root: bool = False
    resume: tuple[str, ...] = ()
    suspended: tuple[str, ...] = ()
    lock: Lock | None = None
    locks: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.steps or self.resume or self.locks or self.resumes_root)

    @property
    def resumes_root(self) -> bool:
        """Whether the root is suspended now, and is to be started at the end."""
        return self.start_root and (self.root is None or not self.root.started)

    @property
    def touches_tasks(self) -> bool:
        """Whether the task graph itself is changed, for which its root must be suspended."""
        return any(step.kind == KINDS["Task"] for step in self.steps) or bool(self.resume)

    @property
    def identity(self) -> str:
        """16 digits: two plans with the same do the same to the same account."""
        return content_hash([content_hash(self.deployment), self.state, [(s.action.value, s.name) for s in self.steps]])

    def of(self, action: Action) -> tuple[Step, ...]:
        """Return the steps with this action."""
        return tuple(step for step in self.steps if step.action is action)
