"""The deployment a project wants: a pipeline of its registry on its chosen target, with everything its settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from mlops.compile.deployment import deployment_of
from mlops.compile.objects import Deployment
from mlops.errors import MlopsError, SettingsError, SeveralError, closest
from mlops.parameters import Layer, settle
from mlops.project_file import place_of

if TYPE_CHECKING:
    from mlops.project import Project
    from mlops.targets import Target


def wanted_deployment(project: Project, pipeline: str, *, image: str | None = None) -> Deployment:
    """Return what Snowflake is to hold for a pipeline of the project; ``image`` is used in place of the target's.

    Raises:
        UnknownNameError: there is no pipeline or no target of this name.
        PipelineError, SettingsError, ParameterError, SeveralError: everything that is wrong.
    """
    graph = project.graph(pipeline)
    settings = project.settings
    target = settings.chosen_target
    _check_node_names(project, target)
    if settings.allow_pickle:
        target = replace(target, env={**target.env, "MLOPS_ALLOW_PICKLE": "true"})
    layers = [
        Layer(f"pipeline {graph.pipeline.name!r}", graph.pipeline.parameters),
        Layer(f"target {target.name!r}", target.parameters),
    ]
    return deployment_of(
        graph,
        target,
        project=settings.project,
        parameters=settle(graph.nodes, layers),
        image=image,
        storable=project.serializers.storable,
    )


def _check_node_names(project: Project, target: Target) -> None:
    """A name that no installed node has is a slip; one of another pipeline is not."""
    known = {name for node in project.registry.nodes for name in (node.name, node.full_name)}
    problems: list[MlopsError] = []
    for name in target.nodes:
        if name not in known:
            similar = closest(name, known)
            problems.append(
                SettingsError(
                    place=place_of(project.settings.file, f"targets.{target.name}.nodes.{name}"),
                    problem="no installed node has this name",
                    hint=f"did you mean {similar!r}?" if similar else "mlops nodes list shows their names",
                )
            )
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralError(f"{len(problems)} settings are not right", problems)
