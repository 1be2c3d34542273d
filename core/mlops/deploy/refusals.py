"""Why a deploy was not done: each error says what is the case in Snowflake now."""

from __future__ import annotations

from collections.abc import Sequence

from mlops.deploy.lock import Lock
from mlops.deploy.plan import Plan
from mlops.errors import AccountError, MlopsError, SeveralError


class BlockedPlanError(AccountError):
    """A plan that cannot be applied, with every reason and its mend."""

    def __init__(self, plan: Plan) -> None:
        self.problems = plan.problems
        several = SeveralError(
            f"{plan.deployment.pipeline} cannot be deployed to {plan.deployment.database}.{plan.deployment.schema}",
            [MlopsError(problem.message, hint=problem.hint) for problem in plan.problems],
        )
        super().__init__(several.message)


class MovedError(AccountError):
    """What the plan was made of is not what is there any more. Nothing was changed."""

    def __init__(self, pipeline: str, what: str, *, hint: str | None = None) -> None:
        super().__init__(
            f"{pipeline} was not deployed: {what}",
            hint=hint or "somebody else is at work on it: look at mlops plan, and try again",
        )


class AnotherDeployError(AccountError):
    """Another deploy of the same pipeline is under way. Nothing was changed."""

    def __init__(self, pipeline: str, lock: Lock | None) -> None:
        self.lock = lock
        super().__init__(
            f"another deploy of {pipeline} is under way" + (f": {lock}" if lock else ""),
            hint="wait for its end; if its machine is gone, try again in half a minute",
        )


class DeployFailedError(AccountError):
    """A deploy that failed on its way. ``kept`` tells what could not be put back, nothing if all is as it was."""

    def __init__(
        self,
        plan: Plan,
        cause: BaseException,
        *,
        kept: Sequence[str],
        lost: Sequence[str],
        root_suspended: bool,
        stopped: bool,
    ) -> None:
        self.kept, self.lost = tuple(kept), tuple(lost)
        self.root_suspended = root_suspended
        root = plan.deployment.root.name
        why = "it was stopped" if stopped else str(cause)
        lines = [f"{plan.deployment.pipeline} was not deployed: {why}"]
        if self.kept:
            lines.append("what had been written was put back, but for this:")
            lines += [f"  - {one}" for one in self.kept]
        else:
            lines.append("what had been written was put back")
        lines += [f"  - {one}" for one in self.lost]
        if self.root_suspended:
            lines.append(f"the root task {root} is SUSPENDED: no run starts until the next deploy has ended well")
        given = cause.hint if isinstance(cause, MlopsError) else None
        hint = given or "deploy again once the cause is mended: it goes on from what is there"
        super().__init__("\n".join(lines), hint=hint)
