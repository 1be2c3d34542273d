"""Resumption: the tasks that a deploy starts at its end, each by a call of its own, or the whole graph by one."""

from __future__ import annotations

from msgspec import Struct

from mlops.deploy.plan import KINDS, Action, Plan


class Resumption(Struct, frozen=True):
    """Which tasks are started, before the root: ``alone`` are those with a call each.

    With ``whole`` one call starts the root and all below it, but for a finalizer: whether it does is not documented.
    """

    alone: tuple[str, ...]
    whole: bool


def resumption_of(plan: Plan) -> Resumption:
    """Return what is started. The whole graph at once saves calls, and is done if nobody wants one of its tasks suspended."""
    root = plan.deployment.root.name
    created = [step.name for step in plan.of(Action.CREATE) if step.kind == KINDS["Task"] and step.name != root]
    waiting = (*created, *plan.resume)
    if not plan.start_root or plan.suspended or plan.left or len(waiting) < 2:
        return Resumption(waiting, whole=False)
    finalizers = {task.name for task in plan.deployment.tasks if task.finalize}
    return Resumption(tuple(name for name in waiting if name in finalizers), whole=True)
