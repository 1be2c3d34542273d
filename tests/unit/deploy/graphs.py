"""Deployments that the tests of this folder deploy."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from mlops.compile.objects import ComputePool, Deployment, ImageRepository, Stage, Task
from mlops.pipeline import Cron

BODY = "EXECUTE JOB SERVICE IN COMPUTE POOL P FROM SPECIFICATION $$ {} $$"


def task(name: str, *after: str, body: str = "v1", **fields: object) -> Task:
    """A task of the graph CHURN; ``after`` are short names, the root's is empty."""
    return Task(
        f"CHURN${name}",
        BODY.format(f"{name} {body}"),
        (f"mlops-churn:{name.lower()}",),
        tuple(f"CHURN${each}" if each else "CHURN" for each in after),
        user_task_timeout=timedelta(minutes=30),
        **fields,  # type: ignore[arg-type]  # fields of Task
    )


ROOT = Task(
    "CHURN", BODY.format("load"), ("mlops-churn:load",), schedule=Cron("0 2 1 1 *"), config={"load.rows": 10},
    overlap_policy="NO_OVERLAP", task_auto_retry_attempts=2,
)  # fmt: skip
FINALIZER = replace(task("REPORT"), predecessors=(), finalize="CHURN")
OLD = Deployment(
    "shop", "churn", "prod", "DB", "S",
    (
        ROOT, task("CLEAN", ""), task("JOIN", ""), task("FEATURES", "CLEAN", "JOIN"), task("SPLIT", "FEATURES"),
        task("TRAIN_A", "SPLIT"), task("TRAIN_B", "SPLIT"), task("TRAIN_C", "SPLIT"),
        task("CHOOSE", "TRAIN_A", "TRAIN_B", "TRAIN_C"), task("SCORE", "CHOOSE"), task("PROFILE", "FEATURES"),
        task("OLD_CHECK", "SPLIT"), FINALIZER,
    ),
    (ComputePool("P", "CPU_X64_S", 1, 1, True, 300),), (ImageRepository("IMAGES"),), (Stage("DATA"),),
    versions={"mlops-framework": "0.1.0", "mlops-churn": "1"},
)  # fmt: skip
"""Thirteen tasks with a finalizer."""

NEW = replace(
    OLD,
    tasks=(
        *(
            {
                "CHURN$TRAIN_A": task("TRAIN_A", "SPLIT", body="v2"),
                "CHURN$CHOOSE": task("CHOOSE", "TRAIN_A", "TRAIN_B", "TRAIN_C", "TRAIN_D"),
                "CHURN$PROFILE": task("PROFILE", "CLEAN"),
            }.get(one.name, one)
            if one.name != "CHURN$OLD_CHECK"
            else task("TRAIN_D", "SPLIT")
            for one in (*OLD.tasks[:8], OLD.tasks[11], *OLD.tasks[8:11], *OLD.tasks[12:])
        ),
    ),
)
"""OLD with three tasks changed, one new and one that is no longer wanted."""

POOL_OF_THREE = ComputePool("P", "CPU_X64_S", 1, 3, True, 300)
"""The pool of both, with more nodes."""
