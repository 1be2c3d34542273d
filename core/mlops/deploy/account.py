"""An account, as a deployment needs it: what it holds, and the few calls that change it.

``snowflake/account.py`` is Snowflake's, ``in_memory.py`` one for tests. Both turn what they meet into the errors below,
and neither decides anything. Every call but ``create`` may be made twice without harm, which is what lets us repeat one
whose answer was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from mlops.deploy.ownership import Object
from mlops.errors import AccountError

ObjectT = TypeVar("ObjectT", bound=Object)


class ExistsError(AccountError):
    """An object of this name is there already."""


class BusyError(AccountError):
    """The task graph is being changed elsewhere, or its root was started meanwhile."""


class UnreachableError(AccountError):
    """The account did not answer, or not in time: whether it did what was asked is not known."""


class Held(Struct, Generic[ObjectT], frozen=True):
    """An object that an account holds. ``owner`` is a role; ``started`` is of a task."""

    value: ObjectT
    comment: str | None = None
    owner: str | None = None
    started: bool = False


class GraphRun(Struct, frozen=True):
    """A run of a task graph that goes on, is to come, or ended a short time ago. ``failed_task`` is of one that failed."""

    run_id: str
    state: str
    scheduled: datetime | None = None
    failed_task: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has begun and not ended."""
        return self.state == "EXECUTING"


class Account(Protocol):
    """One role's view of the database and schema that a deployment goes to. Names are stored names.

    Calls may come from several threads at once.
    """

    @property
    def role(self) -> str | None:
        """The role that owns what is created."""

    def held(self, kind: type[ObjectT], prefix: str = "") -> Sequence[Held[ObjectT]]:
        """Return the objects of a kind whose names begin with ``prefix``. One call."""

    def find(self, kind: type[ObjectT], name: str) -> Held[ObjectT] | None:
        """Return one object, None if there is none. One call."""

    def create(self, wanted: Object, comment: str) -> None:
        """Create an object; a task is suspended then.

        Raises:
            ExistsError: one of this name is there.
        """

    def put(self, wanted: Object, comment: str) -> None:
        """Create an object, or give the one that is there exactly these properties; it keeps its identity and state.

        Raises:
            BusyError: it is a task, and the root of its graph is started.
        """

    def drop(self, kind: type[Object], name: str) -> None:
        """Drop an object; nothing happens if it is not there."""

    def suspend(self, task: str) -> None:
        """Keep a task from being started; a run that goes on is not stopped."""

    def resume(self, task: str) -> None:
        """Let a task be started. Resuming a root makes what its graph is now the version that runs."""

    def resume_graph(self, root: str) -> None:
        """Resume a root and all that depends on it, in one call."""

    def runs(self, root: str) -> Sequence[GraphRun]:
        """Return the runs of a graph that go on or are to come, and those that ended within the last hour."""
