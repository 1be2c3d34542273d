"""A plan as JSON: for a person to approve and for ``deploy --plan`` to hold against what is there then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from mlops.deploy.cost import count_of_calls
from mlops.deploy.ownership import content_hash
from mlops.deploy.plan import Plan
from mlops.deploy.refusals import MovedError
from mlops.errors import ProjectError

FORMAT = 1


class PlanFile(Struct, frozen=True):
    """What a file says of the plan that was approved."""

    pipeline: str
    target: str
    prune: bool
    identity: str
    deployment: str
    state: str


def plan_row(plan: Plan, *, prune: bool) -> dict[str, Any]:  # Any: JSON
    """Return a plan as JSON holds it."""
    deployment = plan.deployment
    return {
        "format": FORMAT,
        "pipeline": deployment.pipeline,
        "project": deployment.project,
        "target": deployment.target,
        "place": f"{deployment.database}.{deployment.schema}",
        "prune": prune,
        "empty": plan.is_empty,
        "steps": [
            {
                "action": step.action.value,
                "kind": step.kind,
                "name": step.name,
                "nodes": list(getattr(step.wanted, "nodes", ())),
                "drift": step.drift,
                "record": step.is_record,
                "changes": [
                    {"field": one.field, "before": _plain(one.before), "after": _plain(one.after)}
                    for one in step.changes
                ],
            }
            for step in plan.steps
        ],
        "unchanged": plan.unchanged,
        "left": list(plan.left),
        "problems": [{"message": one.message, "hint": one.hint} for one in plan.problems],
        "consequences": list(plan.consequences),
        "root": {
            "name": deployment.root.name,
            "exists": plan.root is not None,
            "started": plan.root is not None and plan.root.started,
            "starts": plan.start_root,
        },
        "interrupted": plan.lock is not None,
        "calls": count_of_calls(plan),
        "versions": dict(deployment.versions),
        "identity": plan.identity,
        "deployment": content_hash(deployment),
        "state": plan.state,
    }


def write_plan(path: Path, row: Mapping[str, Any]) -> None:  # Any: JSON
    """Write a plan into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_plan(path: Path) -> PlanFile:
    """Return what a file says.

    Raises:
        ProjectError: it is no plan, or one of another version of mlops.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise ProjectError(
                f"{path} is a plan of another version of mlops", hint="make it anew: mlops plan --out FILE"
            )
        values = {name: said[name] for name in PlanFile.__struct_fields__}
        if not isinstance(values["prune"], bool) or not all(
            isinstance(value, str) for name, value in values.items() if name != "prune"
        ):
            raise TypeError
        return PlanFile(**values)
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ProjectError(
            f"{path} is no plan of mlops ({type(cause).__name__})", hint="write one with mlops plan --out FILE"
        ) from cause


def refuse_if_moved(approved: PlanFile, plan: Plan) -> None:
    """Refuse a plan that does something else than the one that was approved.

    Raises:
        MovedError: the project or the account has changed since.
    """
    if approved.identity == plan.identity:
        return
    moved = []
    if approved.deployment != content_hash(plan.deployment):
        moved.append("the project wants something else than when the plan was made")
    if approved.state != plan.state:
        moved.append("Snowflake holds something else than when the plan was made")
    if plan.is_empty:
        hint = f"it is as it is wanted already: mlops plan {plan.deployment.pipeline} shows no changes"
    else:
        hint = f"make the plan again, and let it be approved: mlops plan {plan.deployment.pipeline} --out FILE"
    what = " and ".join(moved) or "other steps are needed than the plan has"
    raise MovedError(plan.deployment.pipeline, what, hint=hint)


def _plain(value: object) -> object:
    """Return a value of a field as JSON holds it: durations in seconds, schedules as people say them."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Struct):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
