"""What is deployed: the task graphs of pipelines, read back from the tasks that Snowflake holds and their comments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from msgspec import Struct

from mlops.deploy.lock import Lock, lock_in, lock_number
from mlops.deploy.ownership import Ownership, ownership_of
from mlops.errors import AmbiguousNodeError, UnknownNameError, UsageError
from mlops.operate.operations import LiveTask


class DeployedTask(Struct, frozen=True):
    """One task of a deployed pipeline, with the full names of the nodes that its container runs."""

    live: LiveTask
    nodes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The stored name of the task."""
        return self.live.name


class DeployedPipeline(Struct, frozen=True):
    """A task graph that we own. ``tasks`` are in an order in which each comes after its predecessors, the finalizer last.

    ``deploy`` tells who deploys it now, or was interrupted at it.
    """

    name: str
    ownership: Ownership
    tasks: tuple[DeployedTask, ...]
    deploy: str | None = None

    @property
    def root(self) -> LiveTask:
        """The task that a run starts with."""
        return self.tasks[0].live

    @property
    def nodes(self) -> tuple[str, ...]:
        """The full names of all nodes, in the order of their tasks."""
        return tuple(node for task in self.tasks for node in task.nodes)

    @property
    def suspended(self) -> tuple[DeployedTask, ...]:
        """Tasks below the root that are suspended: a run passes over them as if they had succeeded."""
        return tuple(task for task in self.tasks[1:] if not task.live.started)

    def task_of(self, node: str) -> DeployedTask:
        """Return the task that runs a node, by its short or its full name.

        Raises:
            UnknownNameError, AmbiguousNodeError: no node of this name, or several.
        """
        return _task_of(node, [self])[1]

    def short(self, node: str) -> str:
        """Return the name that people call a node by: the short one where the pipeline has it once."""
        name = node.rpartition(":")[2]
        return name if sum(one.rpartition(":")[2] == name for one in self.nodes) == 1 else node


def deployed_pipelines(tasks: Iterable[LiveTask], project: str) -> list[DeployedPipeline]:
    """Return the pipelines of a project, by name. A graph whose root is gone is none."""
    graphs: dict[str, list[tuple[LiveTask, Ownership]]] = {}
    tasks = list(tasks)
    for task in tasks:
        ownership = ownership_of(task.comment)
        if ownership is not None and ownership.project == project and ownership.pipeline is not None:
            graphs.setdefault(ownership.pipeline, []).append((task, ownership))
    found = []
    for name, members in sorted(graphs.items()):
        root = next(((task, ownership) for task, ownership in members if task.is_root), None)
        if root is not None:
            deploy = next((str(lock) for task in tasks if (lock := _lock(task, root[0])) is not None), None)
            found.append(DeployedPipeline(name, root[1], _ordered(root[0], members), deploy))
    return found


def _lock(task: LiveTask, root: LiveTask) -> Lock | None:
    return None if lock_number(root.name, task.name) is None else lock_in(task.comment)


def _ordered(root: LiveTask, members: Sequence[tuple[LiveTask, Ownership]]) -> tuple[DeployedTask, ...]:
    tasks = {task.name: DeployedTask(task, ownership.nodes) for task, ownership in members}
    names = sorted(tasks)
    sorter = TopologicalSorter({name: [one for one in tasks[name].live.predecessors if one in tasks] for name in names})
    try:
        order = list(sorter.static_order())
    except CycleError:  # Snowflake has none, but a listing that raced with a deployment may show one
        order = names

    def place(name: str) -> tuple[bool, bool]:
        return name != root.name, tasks[name].live.finalizes is not None

    return tuple(tasks[name] for name in sorted(order, key=place))


def choose(pipelines: Sequence[DeployedPipeline], name: str | None, *, where: str) -> DeployedPipeline:
    """Return the pipeline of this name, or without a name the only one that is deployed.

    Raises:
        UnknownNameError: none is deployed, or none of this name.
        UsageError: several are deployed, and no name says which.
    """
    deploy = f"nothing of this project is deployed to {where}: mlops deploy"
    if name is not None:
        for pipeline in pipelines:
            if pipeline.name == name:
                return pipeline
        known = [one.name for one in pipelines]
        raise UnknownNameError(kind="deployed pipeline", name=name, known=known, hint=None if known else deploy)
    if not pipelines:
        raise UnknownNameError(kind="deployed pipeline", name="", known=(), hint=deploy)
    if len(pipelines) > 1:
        raise UsageError(
            f"{len(pipelines)} pipelines are deployed to {where}",
            hint=f"say which: {', '.join(one.name for one in pipelines)}",
        )
    return pipelines[0]


def task_of(pipelines: Sequence[DeployedPipeline], node: str) -> tuple[DeployedPipeline, DeployedTask]:
    """Return the task that runs a node, and its pipeline.

    Raises:
        UnknownNameError: no deployed pipeline has the node.
        AmbiguousNodeError: a short name that several distributions use.
        UsageError: several pipelines have the node.
    """
    return _task_of(node, pipelines)


def _task_of(node: str, pipelines: Sequence[DeployedPipeline]) -> tuple[DeployedPipeline, DeployedTask]:
    found = [
        (pipeline, task, full)
        for pipeline in pipelines
        for task in pipeline.tasks
        for full in task.nodes
        if node in (full, full.rpartition(":")[2])
    ]
    if not found:
        known = [pipeline.short(full) for pipeline in pipelines for full in pipeline.nodes]
        hint = None if known else "nothing of this project is deployed there: mlops deploy PIPELINE"
        raise UnknownNameError(kind="deployed node", name=node, known=known, hint=hint)
    full_names = {full for _, _, full in found}
    if len(full_names) > 1:
        raise AmbiguousNodeError(name=node, full_names=full_names)
    if len(found) > 1:
        names = ", ".join(sorted(pipeline.name for pipeline, _, _ in found))
        raise UsageError(
            f"node {node!r} is deployed in {len(found)} pipelines", hint=f"say which with --pipeline: {names}"
        )
    return found[0][0], found[0][1]
