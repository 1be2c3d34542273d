"""Suspending and resuming a deployed pipeline. Suspending keeps its schedule from starting runs; one that goes on ends.

A graph can be changed only while its root is suspended, so the tasks below it are resumed first, and the root last.

Source: Snowflake documentation, "ALTER TASK", usage notes.
"""

from __future__ import annotations

from msgspec import Struct

from mlops.operate.deployed import DeployedPipeline
from mlops.operate.operations import Operations


class Change(Struct, frozen=True):
    """What was done to a pipeline's tasks: their names, in the order in which it was done. Empty: it was so already."""

    pipeline: str
    suspended: tuple[str, ...] = ()
    resumed: tuple[str, ...] = ()


def suspend(operations: Operations, pipeline: DeployedPipeline) -> Change:
    """Suspend the root. The tasks below stay as they are: a run that is started by hand passes over suspended ones.

    Raises:
        AccountError: Snowflake refuses.
    """
    if not pipeline.root.started:
        return Change(pipeline.name)
    operations.suspend(pipeline.root.name)
    return Change(pipeline.name, suspended=(pipeline.root.name,))


def resume(operations: Operations, pipeline: DeployedPipeline) -> Change:
    """Resume the tasks below the root and the finalizer, then the root.

    Raises:
        AccountError: Snowflake refuses; a root that was started is so again.
    """
    below = tuple(task.name for task in pipeline.suspended)
    root = pipeline.root
    if root.started and not below:
        return Change(pipeline.name)
    if root.started:
        operations.suspend(root.name)
    try:
        if below:
            operations.resume(below)
    except BaseException:
        if root.started:
            operations.resume((root.name,))
        raise
    operations.resume((root.name,))
    return Change(pipeline.name, resumed=(*below, root.name))
