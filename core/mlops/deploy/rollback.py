"""Rollback: what a deploy wrote before it failed is put back, and what cannot be is told."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock as Mutex

from msgspec.structs import replace

from mlops.compile.objects import ImageRepository, Service, ServiceFunction, Task
from mlops.deploy.account import Account, UnreachableError
from mlops.deploy.calls import Calls
from mlops.deploy.levels import levels_of
from mlops.deploy.plan import KINDS, Action, Plan, Step
from mlops.errors import AccountError

_ORDER = ("Service", "ServiceFunction", "Stage", "ImageRepository", "ComputePool")


class Rollback:
    """What was touched, and the way back.

    ``kept`` is filled with what could not be put back, ``lost`` with what came back without its history, in words.
    """

    def __init__(self, plan: Plan, account: Account, calls: Calls) -> None:
        self.kept: list[str] = []
        self.lost: list[str] = []
        self.suspended = False
        self.resumed = False
        self.root_suspended = False
        self._plan, self._account, self._calls = plan, account, calls
        self._touched: dict[tuple[str, str], Step] = {}
        self._mutex = Mutex()
        self._reachable = True

    def touch(self, step: Step) -> None:
        """Note that a step is about to be carried out; whether it was is not known if its answer is lost.

        A service and a function are read before: a listing does not show all that is needed to put one back.
        """
        with self._mutex:
            if (step.kind, step.name) in self._touched:
                return
        if step.held is not None and isinstance(step.held.value, (Service, ServiceFunction)):
            step = replace(step, held=self._account.find(type(step.held.value), step.name) or step.held)
        with self._mutex:
            self._touched[step.kind, step.name] = step

    def forget(self, step: Step) -> None:
        """Note that a step did nothing."""
        with self._mutex:
            self._touched.pop((step.kind, step.name), None)

    def all(self) -> bool:
        """Put everything back; True if all is as it was, the root's state included."""
        root = self._plan.deployment.root.name
        touched = list(self._touched.values())
        tasks = [step for step in touched if step.kind == KINDS["Task"]]
        if tasks and (self._plan.root is not None or self.resumed):
            self.suspended = True
            self._try(f"suspend {root}", lambda: self._account.suspend(root))
        self._tasks(tasks)
        for kind in _ORDER:
            for step in touched:
                if step.kind == KINDS[kind]:
                    self._one(step)
        self._start_again(root)
        return not self.kept

    def _tasks(self, steps: list[Step]) -> None:
        """Give the old graph back: a new finalizer goes, the old tasks come level by level, new ones go last first."""
        created = {step.name: step for step in steps if step.action is Action.CREATE}
        new = [step.wanted for step in created.values() if isinstance(step.wanted, Task)]
        for task in new:
            if task.finalize:
                self._one(created.pop(task.name))
        old = {step.name: step for step in steps if step.held is not None}
        values = [step.held.value for step in old.values() if step.held and isinstance(step.held.value, Task)]
        for level in levels_of(values):
            for task in level:
                self._one(old[task.name])
        for level in reversed(levels_of(task for task in new if task.name in created)):
            for task in level:
                self._one(created[task.name])

    def _one(self, step: Step) -> None:
        if step.action is Action.CREATE:
            self._try(f"{step.kind} {step.name} was created, and is still there", lambda: self._drop(step))
            return
        held = step.held
        if held is None:
            return
        restored = self._try(
            f"{step.kind} {step.name} is {'gone' if step.action is Action.DROP else 'as the deploy wrote it'}",
            lambda: self._account.put(held.value, held.comment or ""),
        )
        if restored and step.action is Action.DROP:
            if held.started:
                self._try(f"task {step.name} is suspended", lambda: self._account.resume(step.name))
            self.lost.append(f"{step.kind} {step.name} was dropped and made again: its history and grants are gone")

    def _drop(self, step: Step) -> None:
        """Drop what we created, if it is that: an object without our comment is somebody else's."""
        wanted = step.wanted
        if wanted is None:
            return
        there = self._account.find(type(wanted), step.name)
        if there is not None and (isinstance(wanted, ImageRepository) or there.comment == step.comment):
            self._account.drop(type(wanted), step.name)

    def _start_again(self, root: str) -> None:
        """Resume the root if it was started and the old graph stands."""
        was_started = self._plan.root is not None and self._plan.root.started
        if not self.suspended or not was_started:
            self.root_suspended = self._plan.root is not None and not was_started and self._plan.start_root
            return
        if self.kept or not self._try(f"{root} is suspended", lambda: self._account.resume(root)):
            self.root_suspended = True

    def _try(self, otherwise: str, run: Callable[[], None]) -> bool:
        """Make a call; if it fails, note what is the case then. An account that is out of reach is not asked again."""
        if not self._reachable:
            self.kept.append(otherwise)
            return False
        try:
            self._calls.repeated(run)
        except UnreachableError as cause:
            self._reachable = False
            self.kept.append(f"{otherwise} ({cause})")
            return False
        except AccountError as cause:
            self.kept.append(f"{otherwise} ({cause})")
            return False
        return True
