"""What jobs ask for, and neither their pool nor their target gives."""

from __future__ import annotations

from mlops.compile.jobs import Job
from mlops.compile.quantities import memory_bytes
from mlops.configuration.targets import Target
from mlops.errors import GraphProblem, MlopsError


def check_resources(job: Job, target: Target, problems: list[MlopsError]) -> None:
    """Put resources that no container can have into ``problems``."""
    try:
        memory_bytes(job.memory)
    except ValueError as cause:
        problems.append(GraphProblem(f"{job.title}: {cause}"))
    if not 0 < job.cpu <= 1024:
        problems.append(GraphProblem(f"{job.title}: cpu is {job.cpu!r}", hint="cpu is a number of cores, more than 0"))
    if not 0 <= job.gpu <= 64:
        problems.append(GraphProblem(f"{job.title}: gpu is {job.gpu!r}", hint="gpu is a number of devices, 0 to 64"))
    if job.gpu > 0 and job.pool.instance_family.upper().startswith(("CPU_", "HIGHMEM_")):
        problems.append(
            GraphProblem(
                f"{job.title} asks for {job.gpu} GPU, and pool {job.pool.name!r} is of {job.pool.instance_family}, "
                "which has none",
                hint=f"write pool = in [targets.{target.name}.nodes.{job.nodes[0].name}], with a pool of a GPU family",
            )
        )
    if not 1 <= job.partitions <= 1000:
        problems.append(
            GraphProblem(f"{job.title}: partitions is {job.partitions!r}", hint="it is a number from 1 to 1000")
        )


def check_warehouse(job: Job, target: Target, problems: list[MlopsError]) -> None:
    """Put nodes into ``problems`` that query Snowflake from a container to which the target gives no warehouse."""
    if target.warehouse is not None:
        return
    for node in job.nodes:
        needs = [name for name in node.services if name in ("feature_store", "session")]
        needs += [f"the table {dataset!r}" for dataset in node.storage]
        if needs:
            problems.append(
                GraphProblem(
                    f"node {node.name!r} asks for {' and '.join(needs)}, which needs a warehouse, and target "
                    f"{target.name!r} names none",
                    hint=f'write warehouse = "..." in [targets.{target.name}]',
                )
            )
