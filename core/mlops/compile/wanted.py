"""The deployment a project wants: a pipeline of its registry on its chosen target, with everything its settings say."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mlops.compile.deployment import deployment_of
from mlops.compile.job_file import placeholders_of, read_job_file
from mlops.compile.jobs import options_of
from mlops.compile.objects import Deployment
from mlops.compile.specification import Specification
from mlops.configuration.project_file import place_of
from mlops.credentials import looks_like_a_credential
from mlops.errors import MlopsError, SettingsError, SeveralError, closest
from mlops.layers import Layer, of_pipeline, settle
from mlops.pipeline import Stream

if TYPE_CHECKING:
    from mlops.configuration.settings import Settings
    from mlops.configuration.targets import Target
    from mlops.graph import Graph
    from mlops.nodes import Node
    from mlops.resolution import Storable


def wanted_deployment(
    graph: Graph,
    settings: Settings,
    *,
    installed: Collection[Node],
    storable: Storable,
    environ: Mapping[str, str],
    image: str | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Deployment:
    """Return what Snowflake is to hold for a pipeline on the chosen target; ``image`` is used in place of the target's.

    ``installed`` are all nodes there are: what a target says of those of other pipelines is no slip. ``environ`` gives placeholders of job files a meaning.
    ``tell`` is given what is worth knowing and no error.

    Raises:
        UnknownNameError: there is no target of the chosen name.
        PipelineError, SettingsError, ParameterError, SeveralError: everything that is wrong.
    """
    target = settings.chosen_target
    _check_node_names(target, {name for node in installed for name in (node.name, node.full_name)}, settings.file)
    if settings.allow_pickle:
        target = replace(target, env={**target.env, "MLOPS_ALLOW_PICKLE": "true"})
    layers = [
        Layer(f"pipeline {graph.pipeline.name!r}", graph.pipeline.parameters),
        of_pipeline(Layer(f"target {target.name!r}", target.parameters), graph.nodes, installed),
    ]
    if isinstance(graph.pipeline.schedule, Stream):
        tell(
            f"pipeline {graph.pipeline.name!r} starts when stream {graph.pipeline.schedule.name} holds rows: one of its nodes "
            "has to consume them in a statement that writes (INSERT, MERGE …), or it starts again every 30 seconds"
        )
    parameters = settle(graph.nodes, layers)
    for node, values in parameters.items():
        for name in (name for name, value in values.items() if value is None or value == ""):
            if looks_like_a_credential(name):
                tell(
                    f"parameter {name!r} of node {node!r} is named like a credential: it stays empty in a task graph, which "
                    f"others may read; a secret of Snowflake stays one ([[targets.{target.name}.secrets]])"
                )
    return deployment_of(
        graph,
        target,
        project=settings.project,
        parameters=parameters,
        image=image,
        written=_job_files(graph, target, settings.root, placeholders_of(target, environ), tell),
        storable=storable,
    )


def _job_files(
    graph: Graph, target: Target, root: str, placeholders: Mapping[str, str], tell: Callable[[str], None]
) -> dict[str, Specification]:
    """Return the specifications that were written by hand for nodes of the graph."""
    written: dict[str, Specification] = {}
    problems: list[MlopsError] = []
    for node in graph.nodes:
        file = options_of(node, target).job
        if file is None:
            continue
        try:
            with open(os.path.join(root, file), encoding="utf-8") as opened:
                found = read_job_file(opened.read(), file=file, placeholders=placeholders)
        except (OSError, UnicodeDecodeError) as cause:
            place = f"targets.{target.name}.nodes.{node.name}.job"
            problems.append(
                SettingsError(
                    place=place,
                    problem=f"{file!r} cannot be read: {cause}",
                    hint="write its path from the project's folder",
                )
            )
        except SeveralError as cause:
            problems.extend(cause.problems)
        except MlopsError as cause:
            problems.append(cause)
        else:
            written[node.full_name] = found.specification
            for warning in found.warnings:
                tell(warning)
    _raise(problems, "job files have {} problems")
    return written


def _check_node_names(target: Target, known: Collection[str], file: str | None) -> None:
    """A name that no installed node has is a slip; one of another pipeline is not."""
    problems: list[MlopsError] = []
    for name in target.nodes:
        if name not in known:
            similar = closest(name, known)
            problems.append(
                SettingsError(
                    place=place_of(file, f"targets.{target.name}.nodes.{name}"),
                    problem="no installed node has this name",
                    hint=f"did you mean {similar!r}?" if similar else "mlops nodes list shows their names",
                )
            )
    _raise(problems, "{} settings are not right")


def _raise(problems: Sequence[MlopsError], summary: str) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralError(summary.format(len(problems)), problems)
