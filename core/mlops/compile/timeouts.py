"""How long tasks may take: each its nodes and the start of its container, the graph the longest chain of them.

The root's bound is that of the whole graph, and a child's own overrides it for that child; what the root itself runs is
bounded by its statement's timeout. Containers end a node at its own timeout before any of these.

Source: Snowflake documentation, "CREATE TASK", USER_TASK_TIMEOUT_MS and STATEMENT_TIMEOUT_IN_SECONDS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

from mlops.compile.jobs import Job, Links, options_of
from mlops.configuration.targets import Target
from mlops.errors import GraphProblem, MlopsError, SettingsError
from mlops.nodes import Node

LONGEST = timedelta(days=7)


def job_timeout(job: Job, target: Target, problems: list[MlopsError]) -> timedelta:
    """Return how long a task may take: all attempts of its nodes with the waits between, and the container's start."""
    total = timedelta(seconds=target.tasks.start_timeout)
    total += sum((_node_timeout(node, target) for node in job.nodes), timedelta())
    if total > LONGEST:
        problems.append(
            GraphProblem(
                f"{job.title} may take {total} with all its attempts, and Snowflake ends a task after 7 days",
                hint="shorten its timeout or its retries",
            )
        )
    return timedelta(seconds=math.ceil(min(total, LONGEST).total_seconds()))


def graph_timeout(
    jobs: Sequence[Job], links: Links, timeouts: Mapping[str, timedelta], target: Target, problems: list[MlopsError]
) -> timedelta:
    """Return how long a run may take: what the target says, else the longest chain of jobs."""
    chosen = target.tasks.graph_timeout
    if chosen is None:
        ends: dict[str, timedelta] = {}
        for job in jobs:
            before = (ends[parent] for parent in links.parents[job.name] if parent in ends)
            ends[job.name] = timeouts[job.name] + max(before, default=timedelta())
        return min(max(ends.values(), default=timedelta(hours=1)), LONGEST)
    for job in jobs:
        if timeouts[job.name] > timedelta(seconds=chosen):
            problems.append(
                SettingsError(
                    place=f"targets.{target.name}.tasks.graph_timeout",
                    problem=f"a run may take {chosen} s, and {job.title} alone may take "
                    f"{timeouts[job.name].total_seconds():.0f} s",
                    hint="raise graph_timeout, or shorten the node's timeout, its retries or start_timeout",
                )
            )
    if not 1 <= chosen <= LONGEST.total_seconds():
        problems.append(
            SettingsError(
                place=f"targets.{target.name}.tasks.graph_timeout",
                problem=f"it is {chosen}",
                hint="it is a number of seconds, from 1 to 604800 (7 days)",
            )
        )
    return timedelta(seconds=min(max(chosen, 1), int(LONGEST.total_seconds())))


def _node_timeout(node: Node, target: Target) -> timedelta:
    chosen = options_of(node, target).timeout
    attempt = timedelta(seconds=target.tasks.node_timeout) if node.timeout is None else node.timeout
    if chosen is not None:
        attempt = timedelta(seconds=chosen)
    try:
        waits = sum((node.retries.wait_before(number + 1) for number in range(1, node.retries.count + 1)), timedelta())
        return attempt * (1 + node.retries.count) + waits
    except OverflowError:
        return timedelta(days=365)
