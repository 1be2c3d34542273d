"""The lock of a deployment: a task that never runs, made before the first change and dropped after the last.

Only one deploy can create it, so of two at once one goes on. Its comment tells who deploys, and what must be true at the
end: whether the root was started, and which tasks a person had suspended. A deploy that is killed leaves it behind; the
next one finds it in the listing it makes anyway, takes it over, and so knows what to resume.

A holder says every few seconds that it is alive, so nobody has to compare clocks of machines. A lock that was taken over
is a new one with the next number: creating it is what only one can do.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mlops.compile.objects import Task
from mlops.deploy.account import Account, Held
from mlops.deploy.ownership import MANAGED_BY
from mlops.errors import AccountError

BEAT_SECONDS = 10.0
WATCH_SECONDS = 25.0
"""How long a lock is watched whose holder may be gone, before it counts as left behind."""

_KEY = "deploying"
_HELD_HERE: set[str] = set()
"""Ids of the locks that this process holds: its own number says nothing about which of its deploys is alive."""


class Lock(Struct, frozen=True, omit_defaults=True):
    """What the comment of a lock says. ``suspended`` are tasks that stay suspended, ``abandoned`` that its holder gave up.

    ``host`` is for people: several machines may have the same. ``machine`` is where ``pid`` says something.
    """

    id: str
    host: str
    machine: str
    pid: int
    since: str
    root_started: bool
    suspended: tuple[str, ...] = ()
    beat: int = 0
    abandoned: bool = False

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


class LockLostError(AccountError):
    """Another deploy has taken the lock."""

    def __init__(self) -> None:
        super().__init__(
            "another deploy has taken over, because this one was silent for too long: it has stopped where it was",
            hint="the other one brings the graph to what it wants: look at mlops plan when it has ended",
        )


def new_lock(*, root_started: bool, suspended: tuple[str, ...] = ()) -> Lock:
    """Return a lock that this process is to hold."""
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Lock(uuid4().hex[:12], socket.gethostname(), _machine(), os.getpid(), since, root_started, suspended)


def lock_name(root: str, number: int = 1) -> str:
    """Return the name of a lock of the graph with this root; no node's task is named so."""
    return f"{root}$$DEPLOY{number}"


def lock_number(root: str, name: str) -> int | None:
    """Return the number of a lock of this graph, None for the name of any other task."""
    number = name.removeprefix(f"{root}$$DEPLOY")
    return int(number) if number != name and number.isdecimal() else None


def lock_of(held: Held[Task]) -> Lock | None:
    """Return what a lock's comment says; None for a task that is no lock of ours."""
    return lock_in(held.comment)


def lock_in(comment: str | None) -> Lock | None:
    """Return what the comment of a task says of a deploy; None for one that is not that of a lock."""
    with suppress(msgspec.DecodeError, msgspec.ValidationError):
        said = msgspec.json.decode(comment or "")
        if isinstance(said, dict) and said.get("managed-by") == MANAGED_BY and _KEY in said:
            return msgspec.convert(said[_KEY], Lock)
    return None


def comment_of_lock(lock: Lock) -> str:
    """Return the comment that says this."""
    return msgspec.json.encode({"managed-by": MANAGED_BY, _KEY: msgspec.to_builtins(lock)}).decode()


def task_of_lock(name: str) -> Task:
    """Return the task that a lock is: it belongs to no graph, has no schedule, and is never resumed."""
    return Task(name, "SELECT 'a deploy of mlops is under way'")


def is_alive(
    held: Held[Task], account: Account, *, watch: float = WATCH_SECONDS, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Tell whether the holder of a lock is still at work.

    That takes a while unless its process is known to be gone: one that runs may be another with the same number.
    """
    lock = lock_of(held)
    if lock is None or lock.abandoned:
        return False
    if lock.id in _HELD_HERE:
        return True
    if lock.machine == _machine() and (lock.pid == os.getpid() or not _runs(lock.pid)):
        return False
    watched = 0.0
    while watched < watch:
        sleep(1.0)
        watched += 1.0
        now = account.find(Task, held.value.name)
        seen = None if now is None else lock_of(now)
        if seen is None or seen.id != lock.id or seen.abandoned:
            return False
        if seen.beat != lock.beat:
            return True
    return False


def _machine() -> str:
    """Return what tells this machine, since its last start, and the container we are in from all others."""
    told = [socket.gethostname()]
    with suppress(OSError):
        told.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
    with suppress(OSError):
        told.append(os.readlink("/proc/self/ns/pid"))
    return sha256(" ".join(told).encode()).hexdigest()[:12]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def held_here(lock: Lock) -> Iterator[None]:
    """Note that this process holds a lock, from before it is created until after it is dropped."""
    _HELD_HERE.add(lock.id)
    try:
        yield
    finally:
        _HELD_HERE.discard(lock.id)


class Hold:
    """A lock that is held. Its holder may have been silent for so long, asleep or without a network, that another took it."""

    def __init__(self, lock: Lock, name: str, account: Account, *, clock: Callable[[], float] = time.time) -> None:
        self._lock, self._name, self._account, self._clock = lock, name, account, clock
        self._count, self._said, self._lost = 0, clock(), False

    def beat(self) -> None:
        """Say on the lock that its holder is alive. One that was taken is not made again."""
        self._lost = self._lost or not self._is_ours()
        if not self._lost:
            self._count += 1
            self._account.put(task_of_lock(self._name), comment_of_lock(replace(self._lock, beat=self._count)))
            self._said = self._clock()

    def check(self) -> None:
        """Do nothing while the lock is ours; it is looked at only after a silence in which it may have been taken.

        Raises:
            LockLostError: another deploy has taken it.
        """
        if not self._lost and self._clock() - self._said > WATCH_SECONDS:
            self.beat()
        if self._lost:
            raise LockLostError

    def is_lost(self) -> bool:
        """Tell whether another deploy has taken it, as far as the account answers."""
        try:
            self.check()
        except LockLostError:
            return True
        except AccountError:
            return False
        return False

    def _is_ours(self) -> bool:
        there = self._account.find(Task, self._name)
        seen = None if there is None else lock_of(there)
        return seen is not None and seen.id == self._lock.id


@contextmanager
def kept(lock: Lock, name: str, account: Account, *, every: float = BEAT_SECONDS) -> Iterator[Hold]:
    """Say on the lock that its holder is alive, for as long as the block runs; yield what tells whether it still holds it."""
    done = threading.Event()
    hold = Hold(lock, name, account)

    def beat() -> None:
        while not done.wait(every):
            with suppress(AccountError):  # the writes of the deploy meet the same account, and they tell
                hold.beat()

    beating = threading.Thread(target=beat, name="mlops-deploy-lock", daemon=True)
    beating.start()
    try:
        yield hold
    finally:
        done.set()
        beating.join()
