"""Locking: taking the lock of a task graph, so that of two who are to change it one goes on and the other says who does."""

from __future__ import annotations

from collections.abc import Iterable

from mlops.compile.objects import Task
from mlops.deploy.account import Account, ExistsError
from mlops.deploy.calls import Calls
from mlops.deploy.lock import Lock, comment_of_lock, lock_name, lock_number, lock_of, task_of_lock
from mlops.deploy.refusals import AnotherDeployError


def take(lock: Lock, root: str, there: Iterable[str], account: Account, calls: Calls, *, pipeline: str) -> str:
    """Create the task that a lock is, after those that are ``there``, and return its name.

    One that is there already may be what a call made whose answer was lost: it is ours, then.

    Raises:
        AnotherDeployError: somebody else has just taken it.
    """
    numbers = [number for name in there if (number := lock_number(root, name)) is not None]
    name = lock_name(root, max(numbers, default=0) + 1)
    try:
        calls.one("lock", lambda: account.create(task_of_lock(name), comment_of_lock(lock)))
    except ExistsError:
        found = account.find(Task, name)
        holder = None if found is None else lock_of(found)
        if holder is None or holder.id != lock.id:
            raise AnotherDeployError(pipeline, holder) from None
    return name
