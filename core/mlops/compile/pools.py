"""Compute pools: those that the jobs of a pipeline run in.

Source: Snowflake documentation, "CREATE COMPUTE POOL".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlops.compile.jobs import Job
from mlops.compile.names import is_identifier
from mlops.compile.objects import ComputePool
from mlops.configuration.targets import Pool, Target
from mlops.errors import MlopsError, SettingsError


def pools_of(jobs: Iterable[Job], target: Target, problems: list[MlopsError]) -> tuple[ComputePool, ...]:
    """Return the pools that are used, each once; what is wrong with them goes into ``problems``.

    Two settings that mean one pool must say the same of it.
    """
    used: dict[str, Pool] = {}
    for job in jobs:
        name = job.pool.name.upper()
        place = f"targets.{target.name}.pools"
        if used.setdefault(name, job.pool) != job.pool:
            problems.append(
                SettingsError(
                    place=place, problem=f"two of them mean {name}, with different values", hint="let both say the same"
                )
            )
    for name, pool in used.items():
        problems.extend(_refused(pool, f"targets.{target.name}.pools ({name})"))
    return tuple(
        ComputePool(
            name=name,
            instance_family=pool.instance_family.upper(),
            min_nodes=pool.min_nodes,
            max_nodes=pool.max_nodes,
            auto_resume=pool.auto_resume,
            auto_suspend_secs=pool.auto_suspend_secs,
            managed=pool.managed,
        )
        for name, pool in sorted(used.items())
    )


def _refused(pool: Pool, place: str) -> Iterator[SettingsError]:
    if not is_identifier(pool.name) or not is_identifier(pool.instance_family):
        yield SettingsError(
            place=place,
            problem=f"{pool.name!r} of {pool.instance_family!r} is not a name and an instance family",
            hint="use names without quotes, for example MLOPS_POOL and CPU_X64_S",
        )
    if not 1 <= pool.min_nodes <= pool.max_nodes:
        yield SettingsError(
            place=place,
            problem=f"it has {pool.min_nodes} to {pool.max_nodes} nodes",
            hint="min_nodes is at least 1, and max_nodes no less",
        )
    if pool.auto_suspend_secs < 0:
        yield SettingsError(
            place=place, problem=f"auto_suspend_secs is {pool.auto_suspend_secs}", hint="it is 0 (never) or more"
        )
