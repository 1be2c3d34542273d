"""One run of a graph, as pure decisions: which tasks may start now, and how the run ended.

A suspended task counts as succeeded once what it waits for has. What comes after a failed, cancelled or skipped task
does not run at all. The finalizer runs when nothing else will.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mlops_embedded.tasks.graph import TaskGraph

SCHEDULED: Final = "SCHEDULED"
EXECUTING: Final = "EXECUTING"
SUCCEEDED: Final = "SUCCEEDED"
FAILED: Final = "FAILED"
FAILED_AND_AUTO_SUSPENDED: Final = "FAILED_AND_AUTO_SUSPENDED"
CANCELLED: Final = "CANCELLED"
SKIPPED: Final = "SKIPPED"
FINISHED = frozenset({SUCCEEDED, FAILED, FAILED_AND_AUTO_SUSPENDED, CANCELLED, SKIPPED})
_BAD = frozenset({FAILED, FAILED_AND_AUTO_SUSPENDED, CANCELLED})
_WAITING, _READY, _BLOCKED = "waiting", "ready", "blocked"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: tasks to start now, or the state in which the run ended. Neither: wait for what runs."""

    start: tuple[str, ...] = ()
    outcome: str | None = None
    retry: bool = False
    """The run failed, and starts again by itself from what failed."""


def next_step(graph: TaskGraph, states: Mapping[str, str], *, retries_left: int = 0) -> Step:
    """Return what comes next, given the state of every task that has started (by stored name)."""
    standing = _standing(graph, states)
    ready = tuple(name for name, how in standing.items() if how == _READY)
    if ready:
        return Step(start=ready)
    if any(how in {_WAITING, EXECUTING, SCHEDULED} for how in standing.values()):
        return Step()
    outcome = _outcome(standing.values(), standing[graph.root.name.name])
    if outcome == FAILED and retries_left > 0:
        return Step(outcome=FAILED, retry=True)
    finalizer = graph.finalizer
    if finalizer is None or not finalizer.started or outcome == SKIPPED:
        return Step(outcome=outcome)
    finalized = states.get(finalizer.name.name)
    if finalized is None:
        return Step(start=(finalizer.name.name,))
    if finalized not in FINISHED:
        return Step()
    return Step(outcome=outcome if outcome != SUCCEEDED else _outcome([finalized], SUCCEEDED))


def states_to_keep(graph: TaskGraph, states: Mapping[str, str]) -> dict[str, str]:
    """Return what a retry does not run again: tasks that succeeded or were skipped, never the finalizer."""
    return {name: states[name] for name in graph.tasks if states.get(name) in {SUCCEEDED, SKIPPED}}


def may_overlap(policy: str, *, runs: int, roots_running: int) -> bool:
    """Whether a run may start while `runs` others go on, of which the root task of `roots_running` still executes."""
    if policy == "ALLOW_ALL_OVERLAP":
        return True
    return roots_running == 0 if policy == "ALLOW_CHILD_OVERLAP" else runs == 0


def _standing(graph: TaskGraph, states: Mapping[str, str]) -> dict[str, str]:
    standing: dict[str, str] = {}
    for name, task in graph.tasks.items():
        before = [standing[p] for p in task.settings.predecessors if p in standing]
        if name in states:
            standing[name] = states[name]
        elif any(how in _BAD or how in {SKIPPED, _BLOCKED} for how in before):
            standing[name] = _BLOCKED
        elif any(how != SUCCEEDED for how in before):
            standing[name] = _WAITING
        else:
            suspended = task is not graph.root and not task.started
            standing[name] = SUCCEEDED if suspended else _READY
    return standing


def _outcome(states: Iterable[str], root: str) -> str:
    found = set(states)
    if found & {FAILED, FAILED_AND_AUTO_SUSPENDED}:
        return FAILED
    if CANCELLED in found:
        return CANCELLED
    return SKIPPED if root == SKIPPED else SUCCEEDED
