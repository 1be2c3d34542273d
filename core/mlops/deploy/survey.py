"""Surveying: reading what an account holds, and planning against it. Nothing is written."""

from __future__ import annotations

from concurrent.futures import Executor

from msgspec.structs import replace

from mlops.compile.objects import Deployment
from mlops.deploy.account import Account
from mlops.deploy.plan import Plan
from mlops.deploy.planning import plan_deployment
from mlops.deploy.state import look


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

    Runs of the graph are asked for only if it would be changed. ``reads`` is told at ``look``.
    """
    state = look(account, deployment, pool, reads=reads)
    plan = plan_deployment(deployment, state, prune=prune)
    if plan.touches_tasks and plan.root is not None:
        runs = tuple(account.runs(deployment.root.name))
        plan = plan_deployment(deployment, replace(state, runs=runs), prune=prune)
    return replace(plan, consequences=(*notes, *plan.consequences))
