"""The target of tests: a place in Snowflake that nobody has, so that pipelines can be compiled and deployed without one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from mlops.compile.objects import Deployment, Task
from mlops.deploy.applying import Applied, apply
from mlops.deploy.in_memory import InMemoryAccount
from mlops.deploy.plan import Plan
from mlops.deploy.survey import survey

NAME = "test"

SETTINGS = """
[targets.test]
database = "TESTS"
schema = "PUBLIC"
warehouse = "TESTS"
image = "mlops:test"
pools.default = {name = "TESTS"}
"""
"""What a project's settings hold of it."""


class Deployed(Struct, frozen=True):
    """What a deployment to an account in memory came to: the plan, what was done, and the account as it is now."""

    account: InMemoryAccount
    plan: Plan
    applied: Applied

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks that the account holds, by name."""
        return {held.value.name: held.value for held in self.account.held(Task)}


def deploy_in_memory(deployment: Deployment, account: InMemoryAccount, *, prune: bool = False) -> Deployed:
    """Deploy to an account in memory, by the code that deploys to Snowflake.

    Raises:
        AccountError: the plan is blocked, or the account refuses.
    """
    with ThreadPoolExecutor(4) as pool:
        plan = survey(account, deployment, pool, prune=prune)
        applied = apply(plan, account, pool, sleep=lambda seconds: None)
    return Deployed(account, plan, applied)
