"""Planning: what is wanted against what an account holds. Pure: it reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from mlops.compile.objects import ComputePool, Deployment, Service, ServiceFunction, Task
from mlops.compile.tasks import MAX_TASKS
from mlops.deploy.account import Held
from mlops.deploy.consequences import consequences_of
from mlops.deploy.differences import changes_between
from mlops.deploy.ownership import SHARED, Object, Ownership, comment_of, ownership_in, ownership_of
from mlops.deploy.plan import KINDS, RECORDS, Action, Plan, Problem, Step
from mlops.deploy.state import State


def plan_deployment(deployment: Deployment, state: State, *, prune: bool = False) -> Plan:
    """Return what must be done for an account in this state to hold the deployment.

    With ``prune`` what we own and no longer want is dropped; without, it stays and is told.
    """
    problems: list[Problem] = []
    steps: list[Step] = []
    unchanged = 0
    for wanted in deployment.objects:
        if not state.looked_at(type(wanted)):
            unchanged += 1
            continue
        found = state.of(type(wanted)).get(wanted.name)
        problem = _problem(deployment, wanted, found, state)
        if problem is not None:
            problems.append(problem)
        step = None if problem else _step(deployment, wanted, found)
        if step is not None:
            steps.append(step)
        elif problem is None:
            unchanged += 1
    obsolete = list(_obsolete(deployment, state))
    if prune:
        steps += [Step(Action.DROP, KINDS[type(one.value).__name__], one.value.name, held=one) for one in obsolete]
    problems += _graph_problems(deployment, obsolete, prune=prune)
    plan = Plan(
        deployment,
        state.fingerprint,
        tuple(steps),
        unchanged,
        () if prune else tuple(f"{KINDS[type(one.value).__name__]} {one.value.name}" for one in obsolete),
        tuple(problems),
        root=state.of(Task).get(deployment.root.name),
        start_root=_starts(deployment, state),
        resume=tuple(_to_resume(deployment, state)),
        suspended=tuple(_to_leave(deployment, state)),
        lock=state.lock,
        locks=state.locks,
    )
    return replace(plan, consequences=tuple(consequences_of(plan, state)))


def _step(deployment: Deployment, wanted: Object, found: Held[Object] | None) -> Step | None:
    """Return what to do about one object: nothing if it stands as wanted, or belongs to others."""
    said = ownership_in(deployment, wanted)
    kind = KINDS[type(wanted).__name__]
    if found is None:
        return Step(Action.CREATE, kind, wanted.name, wanted, comment_of(said))
    if not _ours(found, said):
        return None
    changes = changes_between(found, wanted, said)
    if not changes:
        return None
    before = ownership_of(found.comment)
    drift = before is not None and before.hash == said.hash and any(one.field not in _SAID for one in changes)
    return Step(Action.CHANGE, kind, wanted.name, wanted, comment_of(said), found, changes, drift)


_SAID = RECORDS | {"nodes", "versions"}
"""What a comment says: no account changes it, and no other person by chance."""


def _ours(found: Held[Object], said: Ownership) -> bool:
    owned = ownership_of(found.comment)
    return owned is not None and (owned.project, owned.pipeline) == (said.project, said.pipeline)


def _problem(deployment: Deployment, wanted: Object, found: Held[Object] | None, state: State) -> Problem | None:
    kind = KINDS[type(wanted).__name__]
    if isinstance(wanted, ComputePool):
        return _pool_problem(deployment, wanted, found)
    if found is None or isinstance(wanted, SHARED):
        return None
    owned = ownership_of(found.comment)
    if not _ours(found, ownership_in(deployment, wanted)):
        whose = "" if owned is None else f": it belongs to pipeline {owned.pipeline!r} of project {owned.project!r}"
        return Problem(
            f"{kind} {wanted.name} is there and is not ours{whose}",
            f"drop it if nobody needs it, or give the pipeline another name (its owner is role {found.owner})",
        )
    if found.owner and state.role and found.owner != state.role:
        return Problem(
            f"{kind} {wanted.name} is owned by role {found.owner}, and we deploy as {state.role}",
            f"all tasks of a graph have one owner: use a connection with role {found.owner}",
        )
    return None


def _pool_problem(deployment: Deployment, wanted: ComputePool, found: Held[Object] | None) -> Problem | None:
    if found is None:
        if wanted.managed:
            return None
        return Problem(
            f"compute pool {wanted.name} is not there, and the target says that others manage it",
            "ask for it, take another pool, or let us make it: managed = true",
        )
    held = found.value
    ours = wanted.managed and _ours(found, ownership_in(deployment, wanted))
    if ours and isinstance(held, ComputePool) and held.instance_family.upper() != wanted.instance_family.upper():
        return Problem(
            f"compute pool {wanted.name} has instances {held.instance_family}, and {wanted.instance_family} is wanted: "
            "that cannot be changed",
            "name another pool in the target, or drop this one first",
        )
    return None


def _obsolete(deployment: Deployment, state: State) -> Iterator[Held[Object]]:
    """What this pipeline owns and no longer wants."""
    names = {(type(one).__name__, one.name) for one in deployment.objects}
    for kind in (Task, Service, ServiceFunction):
        for name, found in state.of(kind).items():
            owned = ownership_of(found.comment)
            ours = owned is not None and (owned.project, owned.pipeline) == (deployment.project, deployment.pipeline)
            if ours and (kind.__name__, name) not in names:
                yield found


def _graph_problems(deployment: Deployment, obsolete: list[Held[Object]], *, prune: bool) -> Iterator[Problem]:
    tasks = [one.value for one in obsolete if isinstance(one.value, Task)]
    finalizer = next((one for one in tasks if one.finalize), None)
    if finalizer is not None and not prune and any(one.finalize for one in deployment.tasks):
        yield Problem(
            f"the graph has the finalizer {finalizer.name}, which is no longer wanted, and a graph has one finalizer",
            "deploy with --prune, which drops it",
        )
    if len(deployment.tasks) + len(tasks) > MAX_TASKS:
        yield Problem(
            f"{len(deployment.tasks)} tasks are wanted and {len(tasks)} old ones stand: together more than {MAX_TASKS}",
            "take some nodes out of the pipeline, deploy with --prune, and put them in again",
        )


def _starts(deployment: Deployment, state: State) -> bool:
    """Whether the root is started at the end: as it was, and a new one if the target says so."""
    if state.lock is not None:
        return state.lock.root_started
    root = state.of(Task).get(deployment.root.name)
    return deployment.started if root is None else root.started


def _to_resume(deployment: Deployment, state: State) -> Iterator[str]:
    """Tasks that a deploy made and could not start before it was interrupted."""
    if state.lock is None:
        return
    for task in deployment.tasks[1:]:
        found = state.of(Task).get(task.name)
        if found is not None and not found.started and task.name not in state.lock.suspended:
            yield task.name


def _to_leave(deployment: Deployment, state: State) -> Iterator[str]:
    for task in deployment.tasks[1:]:
        found = state.of(Task).get(task.name)
        if found is not None and not found.started and (state.lock is None or task.name in state.lock.suspended):
            yield task.name
