"""Applying a plan: the lock, everything but tasks, the graph from its root down, and its root started again at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor

from msgspec import Struct
from msgspec.structs import replace

from mlops.compile.objects import ImageRepository, Task
from mlops.deploy.account import Account, ExistsError
from mlops.deploy.calls import PAUSES, Call, Calls, Progress
from mlops.deploy.cost import count_of_calls
from mlops.deploy.levels import levels_of, written_above
from mlops.deploy.lock import (
    Hold,
    Lock,
    LockLostError,
    comment_of_lock,
    held_here,
    is_alive,
    kept,
    lock_of,
    new_lock,
    task_of_lock,
)
from mlops.deploy.locking import take
from mlops.deploy.ownership import Object
from mlops.deploy.plan import KINDS, Action, Plan, Step
from mlops.deploy.refusals import AnotherDeployError, BlockedPlanError, DeployFailedError, MovedError
from mlops.deploy.resumption import resumption_of
from mlops.deploy.rollback import Rollback
from mlops.errors import AccountError

TASK = KINDS["Task"]
_SHARED = (KINDS["ComputePool"], KINDS["ImageRepository"], KINDS["Stage"])
_ON_POOLS = (KINDS["Service"], KINDS["ServiceFunction"])


class Applied(Struct, frozen=True):
    """What came of it: how many calls changed something, and what a person should know."""

    calls: int
    seconds: float
    root_started: bool
    warnings: tuple[str, ...] = ()


def apply(
    plan: Plan,
    account: Account,
    pool: Executor,
    *,
    progress: Progress = lambda done, total, what: None,
    pauses: tuple[float, ...] = PAUSES,
    sleep: Callable[[float], None] = time.sleep,
) -> Applied:
    """Do what a plan says; an empty one does nothing.

    What fails is put back, as far as the account lets us. The process may be killed at any call: the next deploy finds
    the lock, and brings the graph to what it wants then.

    Raises:
        BlockedPlanError: the plan has problems.
        AnotherDeployError, MovedError: somebody else is at work. Nothing was changed.
        DeployFailedError: a call failed, or the process was told to stop.
    """
    if plan.problems:
        raise BlockedPlanError(plan)
    started = plan.root is not None and plan.root.started
    if plan.is_empty:
        return Applied(0, 0.0, started)
    begun = time.monotonic()
    calls = Calls(pool, total=count_of_calls(plan), progress=progress, pauses=pauses, sleep=sleep)
    work = _Work(plan, account, calls, sleep)
    return replace(work.go(), seconds=time.monotonic() - begun)


class _Work:
    """The calls of one plan, in their order."""

    def __init__(self, plan: Plan, account: Account, calls: Calls, sleep: Callable[[float], None]) -> None:
        self.plan, self.account, self.calls, self._sleep = plan, account, calls, sleep
        self.root = plan.deployment.root.name
        self.rollback = Rollback(plan, account, calls)
        self._as_before = True

    def go(self) -> Applied:
        lock = new_lock(root_started=self.plan.start_root, suspended=self.plan.suspended)
        with held_here(lock):
            return self._go(lock, self._locked(lock))

    def _go(self, lock: Lock, name: str) -> Applied:
        try:
            with kept(lock, name, self.account) as hold:
                self.calls.check = hold.check
                self._check_root()
                self._change_or_roll_back(hold)
        except LockLostError:
            raise  # what was written is in the hands of the deploy that has the lock
        except BaseException:
            self.calls.check = lambda: None
            whole = (
                self._as_before and self.plan.lock is None
            )  # what an interrupted deploy has left is still to be mended
            self._unlock(name, lock, whole=whole)
            raise
        self.calls.check = lambda: None
        warnings = self._unlock(name, lock, whole=True)
        return Applied(self.calls.done, 0.0, self.plan.start_root, warnings)

    def _change_or_roll_back(self, hold: Hold) -> None:
        try:
            self._change()
        except LockLostError:
            raise
        except BaseException as cause:  # a call that failed, or the word to stop
            if hold.is_lost():
                raise LockLostError from cause
            self._as_before = False  # also if putting back is interrupted
            self._as_before = self.rollback.all()
            raise DeployFailedError(
                self.plan,
                cause,
                kept=self.rollback.kept,
                lost=self.rollback.lost,
                root_suspended=self.rollback.root_suspended,
                stopped=not isinstance(cause, Exception),
            ) from cause

    # -- the lock

    def _locked(self, lock: Lock) -> str:
        """Take the lock, drop those that an interrupted deploy has left, and return the name of its task."""
        if self.plan.locks:
            self._take_over()
        pipeline = self.plan.deployment.pipeline
        name = take(lock, self.root, self.plan.locks, self.account, self.calls, pipeline=pipeline)
        for old in self.plan.locks:
            self.calls.one(f"drop lock {old}", lambda old=old: self.account.drop(Task, old))  # type: ignore[misc]
        return name

    def _take_over(self) -> None:
        there = self.account.find(Task, self.plan.locks[-1])
        if there is None:
            raise MovedError(self.plan.deployment.pipeline, "another deploy has just ended")
        if is_alive(there, self.account, sleep=self._sleep):
            raise AnotherDeployError(self.plan.deployment.pipeline, lock_of(there))

    def _unlock(self, name: str, lock: Lock, *, whole: bool) -> tuple[str, ...]:
        """Drop the lock, or leave it for the next deploy with a word that nobody holds it."""
        try:
            if whole:
                self.calls.one("unlock", lambda: self.account.drop(Task, name))
            else:
                left = comment_of_lock(replace(lock, abandoned=True))
                self.calls.repeated(lambda: self.account.put(task_of_lock(name), left))
        except AccountError as cause:
            return (f"the lock {name} could not be dropped ({cause}): the next deploy does that",)
        return ()

    def _check_root(self) -> None:
        """Refuse to go on from a state that is not that of the plan any more. A new root is created, which tells as well."""
        planned = self.plan.root
        if planned is None:
            return
        found = self.account.find(Task, self.root)
        if found is None or (found.comment, found.started) != (planned.comment, planned.started):
            raise MovedError(self.plan.deployment.pipeline, f"{self.root} was changed meanwhile")

    # -- the changes

    def _change(self) -> None:
        shared = [step for step in self.plan.steps if step.kind in _SHARED and step.wanted is not None]
        others = [[step for step in self.plan.steps if step.kind == kind and step.wanted] for kind in _ON_POOLS]
        if any(others) or not self.plan.touches_tasks:
            for steps in (shared, *others):
                self._write(steps)
            shared = []
        if self.plan.touches_tasks:
            self._change_graph(shared)
        elif self.plan.resumes_root:
            self.calls.one(f"resume {self.root}", lambda: self.account.resume(self.root))
        self._drop([step for step in self.plan.of(Action.DROP) if step.kind != TASK])

    def _change_graph(self, beside: Collection[Step]) -> None:
        """Write the tasks, each when what is above it stands, and beside them what no task needs to be written."""
        if self.plan.root is not None and self.plan.root.started:
            self._suspend()
        self.calls.unblock = lambda: self.account.suspend(self.root)
        writes = {step.name: step for step in self._tasks(Action.CREATE, Action.CHANGE)}
        finalizers = [name for name, step in writes.items() if isinstance(step.wanted, Task) and step.wanted.finalize]
        first = {name: self._written(step) for name, step in writes.items() if name not in finalizers}
        above: dict[str, Collection[str]] = {**written_above(self.plan.deployment.tasks, first)}
        for step in beside:
            first[f"{step.kind} {step.name}"], above[f"{step.kind} {step.name}"] = self._written(step), frozenset()
        self.calls.ordered(first, above)
        self._drop(self._tasks(Action.DROP))
        self._write(writes[name] for name in finalizers)
        self._resume()

    def _tasks(self, *actions: Action) -> list[Step]:
        return [step for step in self.plan.steps if step.kind == TASK and step.action in actions]

    def _suspend(self) -> None:
        self.rollback.suspended = True
        self.calls.one(f"suspend {self.root}", lambda: self.account.suspend(self.root))

    def _write(self, steps: Iterable[Step]) -> None:
        self.calls.all(self._written(step) for step in steps)

    def _written(self, step: Step) -> Call:
        wanted, comment = step.wanted, step.comment or ""

        def write() -> None:
            if wanted is None:
                return
            self.rollback.touch(step)
            if step.action is Action.CHANGE:
                self.account.put(wanted, comment)
            else:
                self._create(step, wanted, comment)

        return Call(f"{step.action.value} {step.kind} {step.name}", write)

    def _create(self, step: Step, wanted: Object, comment: str) -> None:
        try:
            self.account.create(wanted, comment)
        except ExistsError:
            if isinstance(wanted, ImageRepository):  # it says nothing of whose it is, and serves as it is
                self.rollback.forget(step)
                return
            there = self.account.find(type(wanted), step.name)
            if there is None or there.comment != comment:  # else it is what a call made whose answer was lost
                self.rollback.forget(step)
                raise

    def _drop(self, steps: list[Step]) -> None:
        """Drop what is not wanted, what comes last first."""
        tasks = [step.held.value for step in steps if step.held is not None and isinstance(step.held.value, Task)]
        by_name = {step.name: step for step in steps}
        for level in reversed(levels_of(tasks)):
            self.calls.all(self._dropping(by_name.pop(task.name)) for task in level)
        self.calls.all(self._dropping(step) for step in by_name.values())

    def _dropping(self, step: Step) -> Call:
        def drop() -> None:
            if step.held is not None:
                self.rollback.touch(step)
                self.account.drop(type(step.held.value), step.name)

        return Call(f"drop {step.kind} {step.name}", drop)

    def _resume(self) -> None:
        wanted = resumption_of(self.plan)
        self.calls.all(Call(f"resume {name}", lambda name=name: self.account.resume(name)) for name in wanted.alone)  # type: ignore[misc]
        self.calls.unblock = lambda: None  # from here on the root may be started
        self.rollback.resumed = True
        if wanted.whole:
            self.calls.one(f"resume {self.root} and all below it", lambda: self.account.resume_graph(self.root))
        elif self.plan.start_root:
            self.calls.one(f"resume {self.root}", lambda: self.account.resume(self.root))
