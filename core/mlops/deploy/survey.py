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
    account: Account, deployment: Deployment, pool: Executor, *, prune: bool = False, quick: bool = False
) -> Plan:
    """Return what would be done for an account to hold a deployment.

    Runs of the graph are asked for only if it would be changed. ``quick`` is told at ``look``.
    """
    state = look(account, deployment, pool, quick=quick)
    plan = plan_deployment(deployment, state, prune=prune)
    if not plan.touches_tasks or plan.root is None:
        return plan
    return plan_deployment(deployment, replace(state, runs=tuple(account.runs(deployment.root.name))), prune=prune)
