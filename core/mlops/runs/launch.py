"""Launching: from a project and the words of ``mlops run`` to a run that goes, with everything checked before it starts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from msgspec import Struct, field
from msgspec.structs import replace

import mlops
from mlops.datasets.manifest import DatasetRecord
from mlops.datasets.store import FileStore
from mlops.errors import ParameterError, RunError
from mlops.graph import Graph
from mlops.layers import Layer, given, of_pipeline, settle
from mlops.parameters import as_objects
from mlops.plugins.hooks import Hooks
from mlops.plugins.knowledge import OBSERVED_BY_RUNS, called_by_nodes
from mlops.plugins.serializers import serializers_of
from mlops.project import Project
from mlops.runs.announcement import has_records
from mlops.runs.connection import Connection, ConnectionChoice, check_packages, choose_connection
from mlops.runs.continuation import kept, merged
from mlops.runs.executors import InlineExecutor, ProcessExecutor, processors
from mlops.runs.lock import RunLock
from mlops.runs.outcome import RunInfo, RunOutcome, State, new_run_id
from mlops.runs.partitioning import partitioned
from mlops.runs.preparation import LocalPreparation
from mlops.runs.records import RunRecords
from mlops.runs.runner import Observer, Runner
from mlops.runs.stopping import stopped_by_signals


class Request(Struct, frozen=True):
    """What ``mlops run`` was asked for. ``resume`` is the run to continue, ``latest`` for the newest one.

    ``parameters`` are words, read by the type of each; ``values`` are parameters given as what they are.
    """

    pipeline: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)
    start: Sequence[str] = ()
    end: Sequence[str] = ()
    only: Sequence[str] = ()
    resume: str | None = None
    echo: bool = False
    connection: str | None = None


class Launch(Struct, frozen=True):
    """A run that is ready to go: everything about it is checked, and nothing of it has been written."""

    project: Project
    graph: Graph
    run: RunInfo
    external: Mapping[str, tuple[str, DatasetRecord]]
    resumed: bool
    connection: ConnectionChoice
    echo: bool = False

    def go(self, observers: Callable[[Launch], Sequence[Observer]] = lambda launch: ()) -> RunOutcome:
        """Run it to its end, by itself, by a failure, by Ctrl-C or by SIGTERM, and return what it came to.

        Raises:
            RunError: another process is running it.
        """
        settings, known = self.project.settings, self.project.discovery.known
        with ExitStack() as stack:
            stack.enter_context(RunLock(settings.data, self.run.run_id))
            records = stack.enter_context(RunRecords(settings.data))
            serializers = serializers_of(known, allow_pickle=settings.allow_pickle)
            store = FileStore(self.run.folder, serializers)
            hooks = Hooks(known, OBSERVED_BY_RUNS, seconds=settings.plugins.hook_seconds)
            executor: InlineExecutor | ProcessExecutor = self._executor(self.connection.open(stack))
            stack.callback(executor.close)
            runner = Runner(
                self.graph,
                self.run,
                executor=executor,
                store=store,
                records=records,
                observers=observers(self),
                external=self.external,
                committed=store.manifests() if self.resumed else None,
            )
            hooks.observe("before_pipeline_run", run=self.run)
            with stopped_by_signals(runner.stop, interrupt=executor.interruptible):
                outcome = runner.go()
            event = "after_pipeline_run" if outcome.state is State.SUCCEEDED else "on_pipeline_error"
            hooks.observe(event, run=self.run, outcome=outcome)
            return _with_hook_errors(outcome, hooks)

    def _executor(self, connection: Connection | None) -> InlineExecutor | ProcessExecutor:
        settings = self.project.settings
        preparation = LocalPreparation(
            folder=self.run.folder,
            allow_pickle=settings.allow_pickle,
            known=called_by_nodes(self.project.discovery.known),
            echo=self.echo,
            connection=connection,
            hook_seconds=settings.plugins.hook_seconds,
        )
        if settings.executor == "inline":
            return InlineExecutor(preparation, grace=settings.grace)
        origins = tuple(node.origin for node in self.graph.nodes)
        width = settings.max_workers or processors()
        return ProcessExecutor(preparation, width=width, grace=settings.grace, origins=origins)


def prepare(project: Project, request: Request) -> Launch:
    """Return the run that a request means, with names, graph, parameters and inputs checked.

    Raises:
        MlopsError: whatever is wrong with the pipeline, the parameters, or the run to continue.
    """
    settings = project.settings
    whole = project.graph(request.pipeline)
    target = settings.chosen_target
    graph = whole.part(start=request.start, end=request.end, only=request.only)
    graph = replace(graph, nodes=tuple(partitioned(node, target) for node in graph.nodes))
    words = given(whole.nodes, Layer("--param", request.parameters, texts=True))
    chosen = merged(words, given(whole.nodes, Layer("the caller", request.values)))
    resumed = _run_to_resume(project, request, graph) if request.resume else None
    if resumed is not None:
        chosen = merged(kept(resumed, whole.nodes, chosen), chosen)
    layers = [
        Layer(f"pipeline {graph.pipeline.name!r}", graph.pipeline.parameters),
        of_pipeline(Layer(f"target {target.name!r}", target.parameters), whole.nodes, project.registry.nodes),
        Layer(
            "the run that is continued" if resumed is not None else "--param",
            {f"{node}.{name}": value for node, values in chosen.items() for name, value in values.items()},
        ),
    ]
    parameters = _settled(layers, whole, graph)
    connection = choose_connection(settings, graph.nodes, project.discovery.known, name=request.connection)
    if connection.auth_mode != "none":
        check_packages(graph.nodes)
    started = time.time()
    run_id = new_run_id(started) if resumed is None else resumed.run_id
    versions = {node.origin.distribution: node.origin.version for node in graph.nodes}
    run = RunInfo(
        run_id=run_id,
        pipeline=graph.pipeline.name,
        folder=os.path.join(settings.data, graph.pipeline.name, run_id),
        started=started,
        parameters=parameters,
        versions={**versions, "mlops-framework": mlops.__version__},
        target=target.name,
        auth_mode=connection.auth_mode,
        executor=settings.executor,
        given=chosen,
    )
    return Launch(
        project=project,
        graph=graph,
        run=run,
        external=_external(project, graph, run, resumed=resumed is not None),
        resumed=resumed is not None,
        connection=connection,
        echo=request.echo,
    )


def _settled(layers: Sequence[Layer], whole: Graph, graph: Graph) -> dict[str, dict[str, object]]:
    """Return the parameters of the nodes that run, by full name.

    They are settled for the whole pipeline: a parameter of a node that is left out is still one of the pipeline.
    """
    members = {node.full_name for node in graph.nodes}
    parameters = {name: values for name, values in settle(whole.nodes, layers).items() if name in members}
    _check_inexact(graph, parameters)
    return parameters


def _check_inexact(graph: Graph, parameters: Mapping[str, Mapping[str, object]]) -> None:
    """Check values against types that only the plugin knows; imports the plugins of such nodes, and no others."""
    from mlops.annotations import resolved
    from mlops.plugins.loading import load_function

    for node in graph.nodes:
        if all(parameter.exact for parameter in node.parameters):
            continue
        function = load_function(node)
        annotations = getattr(getattr(function, "__wrapped__", function), "__annotations__", {})
        hints = {
            parameter.name: resolved(annotations[parameter.name], function)
            for parameter in node.parameters
            if not parameter.exact and parameter.name in annotations
        }
        try:
            as_objects(parameters.get(node.full_name, {}), node.parameters, hints)
        except ParameterError as cause:
            name, problem = f"{node.name}.{cause.parameter}", cause.message.partition(": ")[2]
            raise ParameterError(parameter=name, problem=problem, hint=cause.hint) from None


def _run_to_resume(project: Project, request: Request, graph: Graph) -> RunInfo:
    data, pipeline = project.settings.data, graph.pipeline.name
    if not has_records(data):
        raise RunError(f"pipeline {pipeline!r} has not run here yet", hint=f"start with: mlops run {pipeline}")
    with RunRecords(data) as records:
        return records.run(records.find(request.resume or "latest", pipeline=pipeline)).run


def _external(project: Project, graph: Graph, run: RunInfo, *, resumed: bool) -> dict[str, tuple[str, DatasetRecord]]:
    """Return, for each dataset from outside the graph, the folder of the newest run that committed it, and its record.

    Raises:
        RunError: no run has committed one of them.
    """
    if not graph.external:
        return {}
    data = project.settings.data
    folders = [run.folder] if resumed else []
    if has_records(data):
        with RunRecords(data) as records:
            folders += [one.run.folder for one in records.runs(pipeline=run.pipeline, limit=1000)]
    serializers = serializers_of(project.discovery.known, allow_pickle=project.settings.allow_pickle)
    found: dict[str, tuple[str, DatasetRecord]] = {}
    for folder in dict.fromkeys(folders):
        missing = [dataset for dataset in graph.external if dataset not in found]
        if not missing:
            break
        records_by_name = {
            record.name: record
            for manifest in FileStore(folder, serializers).manifests().values()
            for record in manifest.outputs
        }
        found.update({name: (folder, records_by_name[name]) for name in missing if name in records_by_name})
    if missing := [dataset for dataset in graph.external if dataset not in found]:
        raise RunError(
            f"no earlier run of {graph.pipeline.name!r} has committed {', '.join(map(repr, missing))}",
            hint="run the whole pipeline once, or start further up with --from",
        )
    return found


def _with_hook_errors(outcome: RunOutcome, hooks: Hooks) -> RunOutcome:
    warnings = tuple(str(error) for error in hooks.taken_errors())
    return replace(outcome, warnings=(*outcome.warnings, *warnings)) if warnings else outcome
