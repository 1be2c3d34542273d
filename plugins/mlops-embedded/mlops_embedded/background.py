"""Background services: what runs beside the requests, from the server's start to its stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from mlops_embedded.account import Account


class Service(Protocol):
    """Started when the server listens, stopped before it closes the files; listed in `assembly.SERVICES`."""

    name: ClassVar[str]
    """The key in `account.services`, where statements and REST find it."""

    def __init__(self, account: Account) -> None:
        """Create tables, read what was left by the last run; start nothing yet."""

    def start(self) -> None:
        """Start threads or processes."""

    def stop(self) -> None:
        """Stop them, and come back when they have stopped."""


@runtime_checkable
class FollowsClock(Protocol):
    """A service that starts things by schedule: told when the clock was moved."""

    def tick(self) -> None:
        """Start what has come due."""

    def wake(self) -> None:
        """Look at the schedules again soon."""
