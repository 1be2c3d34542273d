"""Privileges that a plan takes and a role does not hold, as far as grants tell: told with the plan, decided by Snowflake."""

from __future__ import annotations

from collections.abc import Iterable

from mlops.compile.privileges import HeldPrivilege, Privilege, missing
from mlops.deploy.plan import Action, Plan


def lacking(plan: Plan, needed: Iterable[Privilege], held: Iterable[HeldPrivilege], role: str) -> list[str]:
    """Return a sentence with the statement that mends it for each privilege that is missing.

    What is there already need not be created; tasks always are, since the lock is one.
    """
    created = {f"CREATE {step.kind.upper()}" for step in plan.of(Action.CREATE)} | {"CREATE TASK"}
    return [
        f"role {role} lacks {one.privilege} on {' '.join(filter(None, [one.kind.lower(), one.name]))}"
        f"{f' ({one.why})' if one.why else ''}: {one.grant(role)}"
        for one in missing(needed, held)
        if not one.privilege.startswith("CREATE ") or "run" in one.purposes or one.privilege in created
    ]
