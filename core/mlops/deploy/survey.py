"""Surveying: reading what an account holds, and planning against it. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from msgspec.structs import replace

from mlops.compile.objects import Deployment, Service, ServiceFunction
from mlops.deploy.account import Account
from mlops.deploy.plan import Action, Plan, Step
from mlops.deploy.planning import plan_deployment
from mlops.deploy.state import State, look

_LISTED_IN_PART = (Service, ServiceFunction)


def survey(
    account: Account,
    deployment: Deployment,
    pool: Executor,
    *,
    prune: bool = False,
    reads: int | None = None,
    notes: tuple[str, ...] = (),
) -> Plan:
    """Return what would be done for an account to hold a deployment; ``notes`` are told with its consequences.

    Runs of the graph are asked for only if it would be changed, and a service or function is read by itself only then, so that
    the plan can tell what differs in it. ``reads`` is told at ``look``.
    """
    state = look(account, deployment, pool, reads=reads)
    plan = plan_deployment(deployment, state, prune=prune)
    if changed := [
        step for step in plan.of(Action.CHANGE) if step.held and isinstance(step.held.value, _LISTED_IN_PART)
    ]:
        state = _whole(account, state, changed, pool)
        plan = plan_deployment(deployment, state, prune=prune)
    if plan.touches_tasks and plan.root is not None:
        runs = tuple(account.runs(deployment.root.name))
        plan = plan_deployment(deployment, replace(state, runs=runs), prune=prune)
    return replace(plan, consequences=(*notes, *plan.consequences))


def _whole(account: Account, state: State, steps: Sequence[Step], pool: Executor) -> State:
    """Return the state with what a listing does not show of the objects of these steps."""
    kinds = {type(step.held.value) for step in steps if step.held is not None}
    objects = dict(state.objects)
    for kind in kinds:
        names = [step.name for step in steps if step.held is not None and isinstance(step.held.value, kind)]
        found = zip(names, pool.map(partial(account.find, kind), names), strict=True)
        objects[kind.__name__] = {**objects[kind.__name__], **{name: one for name, one in found if one is not None}}
    return replace(state, objects=objects)
