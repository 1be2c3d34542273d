"""The target of tests: a place in Snowflake that nobody has, so that pipelines can be compiled and deployed without one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from mlops.compile.objects import Deployment, Task
from mlops.deploy.applying import Applied, apply
from mlops.deploy.in_memory import InMemoryAccount
from mlops.deploy.plan import Plan
from mlops.deploy.survey import survey
from mlops.errors import VetoError
from mlops.plugins.hooks import Hooks
from mlops.plugins.knowledge import Knowledge

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
    """What a deployment to an account in memory came to: the plan, what was done, and the account as it is now.

    ``warnings`` are those of the deploy and of observers.
    """

    account: InMemoryAccount
    plan: Plan
    applied: Applied
    warnings: tuple[str, ...] = ()

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks that the account holds, by name."""
        return {held.value.name: held.value for held in self.account.held(Task)}


def deploy_in_memory(
    deployment: Deployment, account: InMemoryAccount, known: Sequence[Knowledge] = (), *, prune: bool = False
) -> Deployed:
    """Deploy to an account in memory, by the code that deploys to Snowflake; ``known`` are plugins whose hooks are called.

    Raises:
        VetoError: a guard objects.
        AccountError: the plan is blocked, or the account refuses.
    """
    hooks = Hooks(known, ("check_deployment", "after_deploy"))
    with ThreadPoolExecutor(4) as pool:
        plan = survey(account, deployment, pool, prune=prune)
        if objections := hooks.objections("check_deployment", deployment=plan.deployment, plan=plan):
            told = [(one.distribution, one.problem) for one in objections]
            raise VetoError(f"the deployment of {deployment.pipeline}", told, hint=objections[0].hint)
        applied = apply(plan, account, pool, sleep=lambda seconds: None)
    if not plan.is_empty:
        hooks.observe("after_deploy", deployment=plan.deployment, plan=plan)
    return Deployed(account, plan, applied, (*applied.warnings, *map(str, hooks.taken_errors())))
