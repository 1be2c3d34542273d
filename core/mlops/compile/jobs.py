"""A job: what one container runs. One node, or nodes of one group in order; datasets pass between jobs as files or tables.

Sharing a container saves its start. It is possible where the graph of the jobs stays free of circles: no path leaves a
group and comes back into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from msgspec import Struct, field
from msgspec.structs import replace

from mlops.compile.quantities import memory_bytes
from mlops.compile.specification import Specification
from mlops.configuration.targets import NodeOptions, Pool, Target
from mlops.errors import GraphProblem, MlopsError, SettingsError, closest
from mlops.graph import Graph
from mlops.nodes import Node
from mlops.resolution import Storable

_NOTHING = NodeOptions()


class Job(Struct, frozen=True):
    """What one container runs, and with what.

    ``name`` is unique in the pipeline: the full name of its node, or ``group NAME``. ``label`` is what its objects are
    named after. ``written`` is the specification that was written for it by hand.
    """

    name: str
    label: str
    nodes: tuple[Node, ...]
    pool: Pool
    cpu: float
    memory: str
    gpu: int
    partitions: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    when: str | None = None
    written: Specification | None = None

    @property
    def title(self) -> str:
        """How a message names it."""
        names = " and ".join(repr(node.name) for node in self.nodes)
        return f"node {names}" if len(self.nodes) == 1 else f"group {self.label!r} (nodes {names})"


class Links(Struct, frozen=True):
    """The order of jobs: which ones each waits for, by name, nearest only."""

    parents: Mapping[str, tuple[str, ...]]


def options_of(node: Node, target: Target) -> NodeOptions:
    """Return what the target chooses for a node, by its full or its short name; a profile says what it does not."""
    options = target.nodes.get(node.full_name) or target.nodes.get(node.name)
    if options is None:
        return _NOTHING
    if options.profile is None or options.profile not in target.profiles:
        return options
    profile = target.profiles[options.profile]
    return replace(
        options,
        cpu=profile.cpu if options.cpu is None else options.cpu,
        memory=options.memory or profile.memory,
        gpu=profile.gpu if options.gpu is None else options.gpu,
        pool=options.pool or profile.pool,
    )


def jobs_of(
    graph: Graph, target: Target, written: Mapping[str, Specification], problems: list[MlopsError]
) -> tuple[list[Job], Links]:
    """Return the jobs of a graph in an order they can run in, the finalizer last, and the links between them.

    Serving nodes are left out: they are no jobs, they never end.
    """
    members: dict[str, list[Node]] = {}
    home: dict[str, str] = {}
    for node in graph.nodes:
        if node.serving is None:
            group = options_of(node, target).group if options_of(node, target).group is not None else node.group
            key = f"group {group}" if group else node.full_name
            members.setdefault(key, []).append(node)
            home[node.full_name] = key
    jobs = {key: job_of(key, nodes, graph, target, written, problems) for key, nodes in members.items()}
    parents: dict[str, dict[str, None]] = {key: {} for key in jobs}
    for edge in graph.edges:
        source, end = home.get(edge.source), home.get(edge.target)
        if source is None and end is not None:
            problems.append(
                GraphProblem(
                    f"node {graph.node(edge.target).name!r} waits for {graph.node(edge.source).name!r}, which is a service "
                    "and never ends",
                    hint="take what it writes from a node that ends, or drop the 'after'",
                )
            )
        elif source is not None and end is not None and source != end:
            parents[end][source] = None
    order = _order(jobs, parents, graph, home, problems)
    links = Links({key: tuple(sorted(names, key=order.index)) if len(names) > 1 else tuple(names)
                   for key, names in parents.items()})  # fmt: skip
    return [jobs[key] for key in order], links


def job_of(
    key: str,
    nodes: Sequence[Node],
    graph: Graph,
    target: Target,
    written: Mapping[str, Specification],
    problems: list[MlopsError],
) -> Job:
    """Return the job of nodes that share a container, with what node and target say it needs."""
    options = [options_of(node, target) for node in nodes]
    both = list(zip(nodes, options, strict=True))
    pools = {one.pool or "default" for one in options}
    label = key.removeprefix("group ") if key.startswith("group ") else nodes[0].name
    partitions = [one.partitions or (node.partitions.count if node.partitions else 1) for node, one in both]
    job = Job(
        name=key,
        label=label,
        nodes=tuple(nodes),
        pool=_pool(sorted(pools)[0], nodes[0], target, problems),
        cpu=max(one.cpu or node.resources.cpu for node, one in both),
        memory=max((one.memory or node.resources.memory for node, one in both), key=_bytes),
        gpu=max(node.resources.gpu if one.gpu is None else one.gpu for node, one in both),
        partitions=max(partitions),
        env=_env(both, label, target, problems),
        when=_one_condition(options, label, target, problems),
        written=next((written[node.full_name] for node in nodes if node.full_name in written), None),
    )
    if key.startswith("group ") and (reason := _why_alone(job, graph, pools, partitions, written)):
        problems.append(GraphProblem(f"group {label!r}: {reason[0]}", hint=reason[1]))
    return job


def _env(
    nodes: Sequence[tuple[Node, NodeOptions]], label: str, target: Target, problems: list[MlopsError]
) -> dict[str, str]:
    """Return the variables of a container that nodes share."""
    env: dict[str, str] = {}
    for node, options in nodes:
        for name, value in options.env.items():
            if env.setdefault(name, value) != value:
                problems.append(
                    SettingsError(
                        place=f"targets.{target.name}.nodes.{node.name}.env.{name}",
                        problem=f"group {label!r} shares one container, and its nodes give the variable two values",
                        hint="give it one value, or take the node out of the group",
                    )
                )
    return env


def crossings(graph: Graph, jobs: Sequence[Job], storable: Storable) -> Iterator[MlopsError]:
    """Yield a problem for each dataset that goes from one container to another and that nothing stores.

    Nothing in memory crosses a container: what another one reads has to be written.
    """
    home = {node.full_name: job for job in jobs for node in job.nodes}
    for edge in graph.edges:
        source, end = home.get(edge.source), home.get(edge.target)
        if source is None or source is end:
            continue
        writer = graph.node(edge.source)
        for dataset in edge.datasets:
            names = writer.output_types.get(dataset, ())
            if names and storable(names, writer.storage.get(dataset, "file")) is None:
                yield GraphProblem(
                    f"dataset {dataset!r} ({names[0]}) goes from {source.title} to another container, and no serializer "
                    "stores it",
                    hint="install or write a plugin that stores it (register_serializers)",
                )


def _why_alone(
    job: Job, graph: Graph, pools: set[str], partitions: Sequence[int], written: Mapping[str, Specification]
) -> tuple[str, str] | None:
    if not job.label.replace("_", "a").isalnum() or not job.label.isascii() or job.label[0].isdigit():
        return f"{job.label!r} is not a name", "use letters, digits and '_', and start with a letter"
    if len(job.nodes) == 1:
        return None
    names = " and ".join(repr(node.name) for node in job.nodes)
    if len(pools) > 1:
        return f"{names} are in the pools {' and '.join(sorted(pools))}", "nodes that share a container share a pool"
    for node, count in zip(job.nodes, partitions, strict=True):
        if node.full_name == graph.finalizer:
            return f"{node.name!r} is the finalizer, which runs after all others", "take it out of the group"
        if count > 1:
            return f"{node.name!r} runs in {count} replicas", "a node with partitions has containers of its own"
        if node.full_name in written:
            return f"{node.name!r} has a job file of its own", "take it out of the group, or drop 'job'"
    return None


def _one_condition(chosen: Sequence[NodeOptions], label: str, target: Target, problems: list[MlopsError]) -> str | None:
    conditions = sorted({options.when for options in chosen if options.when is not None})
    if len(conditions) > 1 or (conditions and any(options.when is None for options in chosen)):
        problems.append(
            SettingsError(
                place=f"targets.{target.name}.nodes",
                problem=f"group {label!r} is one task, and 'when' is not the same for its nodes",
                hint="write the same condition for each node of the group",
            )
        )
    return conditions[0] if conditions else None


def _pool(name: str, node: Node, target: Target, problems: list[MlopsError]) -> Pool:
    if name in target.pools:
        return target.pools[name]
    place = f"targets.{target.name}.pools"
    if name == "default" and not target.pools:
        mend = f'write [{place}.default] name = "MLOPS_POOL", instance_family = "CPU_X64_S"'
    else:
        similar = closest(name, target.pools)
        mend = f"did you mean {similar!r}?" if similar else f"the pools are: {', '.join(target.pools) or 'none'}"
    problem = SettingsError(
        place=place, problem=f"there is no pool {name!r}, which node {node.name!r} runs in", hint=mend
    )
    if not any(
        isinstance(one, SettingsError) and one.place == place and f"{name!r}, which" in one.message for one in problems
    ):
        problems.append(problem)
    return Pool(name="MISSING")


def _bytes(memory: str) -> int:
    try:
        return memory_bytes(memory)
    except ValueError:
        return 0


def _order(
    jobs: Mapping[str, Job],
    parents: Mapping[str, Mapping[str, None]],
    graph: Graph,
    home: Mapping[str, str],
    problems: list[MlopsError],
) -> list[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter({key: tuple(parents[key]) for key in jobs})
    try:
        order = list(sorter.static_order())
    except CycleError as cause:
        problems.append(_circle(list(cause.args[1]), jobs, graph, home))
        order = list(jobs)
    last = home.get(graph.finalizer or "")
    return [key for key in order if key != last] + ([last] if last else [])


def _circle(circle: Sequence[str], jobs: Mapping[str, Job], graph: Graph, home: Mapping[str, str]) -> GraphProblem:
    """A path that leaves a group and comes back: its nodes can share no container."""
    steps = []
    for source, end in pairwise(circle):
        edge = next(one for one in graph.edges if (home.get(one.source), home.get(one.target)) == (source, end))
        steps.append(f"{graph.node(edge.source).name} → {graph.node(edge.target).name}")
    groups = [jobs[key].label for key in dict.fromkeys(circle) if len(jobs[key].nodes) > 1]
    return GraphProblem(
        f"group {' and '.join(map(repr, groups))} cannot share one container: a path leaves it and comes back: "
        f"{', '.join(steps)}",
        hint="add the nodes between to the group, or take one of its nodes out",
    )
