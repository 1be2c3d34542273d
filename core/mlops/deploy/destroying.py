"""Destroying: what a destruction names is dropped, what comes last first, while its graphs are locked against deploys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import Any

from mlops.compile.objects import Task
from mlops.deploy.account import Account, Held
from mlops.deploy.calls import PAUSES, Call, Calls, Progress
from mlops.deploy.destruction import Destruction, root_of
from mlops.deploy.levels import levels_of
from mlops.deploy.lock import Hold, held_here, is_alive, kept, lock_of, new_lock
from mlops.deploy.locking import take
from mlops.deploy.refusals import AnotherDeployError
from mlops.errors import AccountError


def destroy(
    destruction: Destruction,
    account: Account,
    pool: Executor,
    *,
    data: Sequence[Call] = (),
    progress: Progress = lambda done, total, what: None,
    pauses: tuple[float, ...] = PAUSES,
) -> int:
    """Drop everything, and return how many calls that took. What a failure leaves is dropped by the next one.

    ``data`` are the calls that drop what belongs to a stage beside it; they are made before it goes.

    Raises:
        AnotherDeployError: a deploy of one of the pipelines is under way.
        AccountError: a call failed; the message says what is left.
    """
    for lock in destruction.locks:
        if is_alive(lock, account):
            raise AnotherDeployError("the pipeline", lock_of(lock))
    total = len(destruction.objects) + len(data) + 3 * len(destruction.graphs)
    calls = Calls(pool, total=total, progress=progress, pauses=pauses)
    with ExitStack() as stack:
        holds = [
            _lock(root_of(tasks), destruction.locks, account, calls, stack) for tasks in destruction.graphs.values()
        ]

        def check() -> None:
            for hold in holds:
                hold.check()

        calls.check = check
        stack.callback(setattr, calls, "check", lambda: None)  # locks are dropped without
        try:
            for tasks in destruction.graphs.values():
                _destroy_graph(tasks, account, calls)
            for group in (destruction.functions, destruction.services):
                calls.all(_dropping(one, account) for one in group)
            calls.all(data)
            for shared in (destruction.stages, destruction.pools):
                calls.all(_dropping(one, account) for one in shared)
        except AccountError as cause:
            raise AccountError(
                f"{cause.message}\nnot everything was dropped ({calls.done} calls were made)",
                hint="run mlops destroy again: it goes on with what is left; a root that is left is suspended",
            ) from cause
        for lock in destruction.locks:
            calls.one(f"drop lock {lock.value.name}", _drop(account, Task, lock.value.name))
    return calls.done


def _lock(root: str, stale: Sequence[Held[Task]], account: Account, calls: Calls, stack: ExitStack) -> Hold:
    """Keep deploys away from the graph until the end."""
    lock = new_lock(root_started=False)
    stack.enter_context(held_here(lock))
    name = take(lock, root, [one.value.name for one in stale], account, calls, pipeline="the pipeline")
    stack.callback(lambda: calls.one("unlock", _drop(account, Task, name)))
    return stack.enter_context(kept(lock, name, account))


def _destroy_graph(tasks: Sequence[Held[Task]], account: Account, calls: Calls) -> None:
    root = tasks[0]
    if root.started and root.value.predecessors == () and root.value.finalize is None:
        calls.one(f"suspend {root.value.name}", lambda: account.suspend(root.value.name))
        calls.unblock = lambda: account.suspend(root.value.name)
    by_name = {one.value.name: one for one in tasks}
    for level in reversed(levels_of(one.value for one in tasks)):
        calls.all(_dropping(by_name[task.name], account) for task in level)
    calls.unblock = lambda: None


def _dropping(one: Held[Any], account: Account) -> Call:
    kind = type(one.value)
    return Call(f"drop {kind.__name__} {one.value.name}", _drop(account, kind, one.value.name))


def _drop(account: Account, kind: type[Any], name: str) -> Callable[[], None]:
    return lambda: account.drop(kind, name)
