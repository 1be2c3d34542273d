"""What a plan brings with it beyond the objects that it names: said before anything is done."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from mlops.compile.objects import ComputePool, Service, Task
from mlops.deploy.account import GraphRun
from mlops.deploy.cost import suspended_calls
from mlops.deploy.levels import levels_of
from mlops.deploy.ownership import SHARED, ownership_in, ownership_of
from mlops.deploy.plan import KINDS, Action, Plan
from mlops.deploy.state import State

_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)
_POOL = re.compile(r'\bIN\s+COMPUTE\s+POOL\s+("(?:[^"]|"")+"|[\w$]+)', re.IGNORECASE)


def consequences_of(plan: Plan, state: State) -> Iterator[str]:
    """Yield each consequence as a sentence."""
    root = plan.deployment.root.name
    if plan.lock is not None:
        takes_over = f"this one takes over and leaves the root {'started' if plan.lock.root_started else 'suspended'}"
        if plan.lock.abandoned:
            yield f"an earlier deploy failed and could not put everything back ({plan.lock}): {takes_over}"
        else:
            yield f"another deploy is under way, or was interrupted ({plan.lock}): if it was, {takes_over}"
    yield from _of_root(plan, root)
    yield from _of_runs(plan, state)
    if plan.suspended:
        yield f"{_listed(plan.suspended)} {_are(plan.suspended)} suspended, and stay{_s(plan.suspended)} so"
    for step in plan.of(Action.DROP):
        if step.kind == KINDS["Task"]:
            yield f"task {step.name} goes with its history and its grants"
    for one in plan.left:
        yield f"{one} is no longer wanted, and stays: deploy with --prune to drop it"
    drifted = [step.name for step in plan.steps if step.drift]
    if drifted:
        yield f"{_listed(drifted)} {_are(drifted)} not as we wrote {_it(drifted)}: what others changed is undone"
    yield from _of_shared(plan, state)
    yield from _of_pools(plan)
    yield from _of_services(plan)


def _of_root(plan: Plan, root: str) -> Iterator[str]:
    if plan.root is None:
        if plan.start_root and plan.deployment.root.schedule is None and plan.deployment.root.condition is None:
            yield f"{root} has no schedule: it runs when it is triggered"
        elif not plan.start_root:
            yield f"{root} stays suspended: start it with mlops resume"
    elif plan.touches_tasks and plan.root.started:
        yield f"{root} is suspended for about {suspended_calls(plan)} calls: a run that falls due then is skipped"
    elif not plan.root.started and not plan.start_root:
        yield f"{root} is suspended, and stays so: start it with mlops resume"


def _of_runs(plan: Plan, state: State) -> Iterator[str]:
    if not state.runs or not plan.touches_tasks:
        return
    for run in state.runs:
        if run.is_running:
            yield f"{_told(run)} goes on: it ends with the tasks as they were when it began"
    begun = [run for run in state.runs if run.state != "SCHEDULED"]
    last = max(begun, key=lambda run: run.scheduled or _LONG_AGO, default=None)
    if last is not None and last.failed_task and not last.is_running:  # Snowflake retries the last run alone
        yield f"discards the retry of {_told(last)}, which failed at task {last.failed_task}"


def _told(run: GraphRun) -> str:
    """Return a run by its time: the id that the listing gives is not the one that people see elsewhere."""
    if run.scheduled is None:
        return f"run {run.run_id}"
    return f"the run of {run.scheduled.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"


def _of_shared(plan: Plan, state: State) -> Iterator[str]:
    for wanted in plan.deployment.objects:
        found = state.of(type(wanted)).get(wanted.name)
        if found is None or not isinstance(wanted, SHARED) or type(wanted).__name__ == "ImageRepository":
            continue
        managed = not isinstance(wanted, ComputePool) or wanted.managed
        owned = ownership_of(found.comment)
        if managed and (owned is None or owned.project != ownership_in(plan.deployment, wanted).project):
            yield f"{KINDS[type(wanted).__name__]} {wanted.name} is not ours: it is used as it is"


def _of_pools(plan: Plan) -> Iterator[str]:
    """Tell of pools that have fewer nodes than tasks that run in them at once."""
    width: Counter[str] = Counter()
    for level in levels_of(plan.deployment.tasks):
        for name, count in Counter(filter(None, map(pool_of, level))).items():
            width[name] = max(width[name], count)
    for pool in plan.deployment.compute_pools:
        if width[pool.name] > pool.max_nodes and plan.steps:
            yield (
                f"pool {pool.name} has {_nodes(pool.max_nodes)} but up to {width[pool.name]} tasks run in it at once: "
                "what does not fit waits"
            )


def _of_services(plan: Plan) -> Iterator[str]:
    for step in plan.of(Action.CHANGE):
        if isinstance(step.wanted, Service):
            yield f"service {step.name} is upgraded: its instances are replaced"


def pool_of(task: Task) -> str | None:
    """Return the stored name of the pool that a task's container runs in, None for a task without one."""
    found = _POOL.search(task.definition)
    if found is None:
        return None
    name = found[1]
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _it(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _s(names: Sequence[str]) -> str:
    return "s" if len(names) == 1 else ""


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"
