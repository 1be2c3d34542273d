"""The cost of a plan: about how many calls change something, and how many of them are made while no run can start."""

from __future__ import annotations

from mlops.deploy.plan import KINDS, Plan
from mlops.deploy.resumption import resumption_of


def count_of_calls(plan: Plan) -> int:
    """Return about how many calls change something when this plan is applied."""
    if plan.is_empty:
        return 0
    tasks = _tasks(plan)
    others = len(plan.steps) - tasks
    suspends = plan.touches_tasks and plan.root is not None and plan.root.started
    resumes = plan.start_root and (plan.touches_tasks or plan.resumes_root)
    graph = tasks + len(resumption_of(plan).alone) if plan.touches_tasks else 0
    return 2 + len(plan.locks) + others + suspends + graph + resumes  # two of the lock


def suspended_calls(plan: Plan) -> int:
    """Return about how many calls are made while the root is suspended."""
    return _tasks(plan) + len(resumption_of(plan).alone) + 1


def _tasks(plan: Plan) -> int:
    return sum(step.kind == KINDS["Task"] for step in plan.steps)
