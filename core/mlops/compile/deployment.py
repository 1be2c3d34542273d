"""From a graph and a target to everything Snowflake is to hold for the pipeline: pure, and checked as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

import mlops
from mlops.compile.config import encode
from mlops.compile.containers import job_specification
from mlops.compile.demands import check_resources, check_warehouse
from mlops.compile.jobs import Job, crossings, job_of, jobs_of
from mlops.compile.names import image_path, own_repository, stored
from mlops.compile.objects import Deployment, ImageRepository, Scalar, Stage
from mlops.compile.pools import pools_of
from mlops.compile.rules import misfits_of
from mlops.compile.services import services_of
from mlops.compile.shared import Shared, shared_by
from mlops.compile.specification import Specification
from mlops.compile.tasks import task_graph
from mlops.compile.variables import check_variables, credentials_among
from mlops.configuration.targets import Target
from mlops.errors import DatasetError, GraphProblem, MlopsError, PipelineError, SettingsError
from mlops.graph import Graph
from mlops.resolution import Storable

WRITE_A_TARGET = (
    'write one: [tool.mlops.targets.dev] database = "ML", schema = "DEV", warehouse = "ML_WH", '
    'pools.default = {name = "MLOPS_POOL"}'
)
"""The end of a hint where nothing says in what database, schema, warehouse and pool a pipeline goes."""


def deployment_of(
    graph: Graph,
    target: Target,
    *,
    project: str,
    parameters: Mapping[str, Mapping[str, object]],
    image: str | None = None,
    written: Mapping[str, Specification] | None = None,
    storable: Storable | None = None,
) -> Deployment:
    """Return what Snowflake is to hold for a pipeline on a target.

    ``parameters`` are by full name of a node. ``image`` is used in place of the target's. ``written`` are specifications
    that were written by hand, by full name of their node. ``storable`` returns None for types that no serializer stores.

    Raises:
        SettingsError: the target is none that anything can be deployed to.
        PipelineError: everything that Snowflake, or a container in it, would refuse.
    """
    problems: list[MlopsError] = []
    place = _place(target, problems)
    path = _image(image or target.image, target, place, problems)
    problems.extend(_external(graph))
    written = written or {}
    shared = shared_by(
        graph,
        target,
        image=path,
        stage=f"{place.schema_path}.{place.stage}",
        warehouse=place.warehouse,
        problems=problems,
    )
    jobs, links = jobs_of(graph, target, written, problems)
    serving = {
        node.full_name: job_of(node.full_name, (node,), graph, target, written, problems)
        for node in graph.nodes
        if node.serving is not None
    }
    for job in (*jobs, *serving.values()):
        _check(job, target, shared, problems)
    if storable is not None:
        problems.extend(crossings(graph, jobs, storable))
    problems.extend(credentials_among(parameters))
    config = _config(graph, jobs, parameters, problems)
    tasks = task_graph(graph, jobs, links, target, shared, config, place.database, problems)
    services, functions = services_of(graph, target, shared, parameters, serving, problems)
    pools = pools_of((*jobs, *serving.values()), target, problems)
    if problems:
        raise PipelineError(pipeline=graph.pipeline.name, problems=problems)
    own = own_repository(path, database=place.database, schema=place.schema)
    return Deployment(
        project=project,
        pipeline=graph.pipeline.name,
        target=target.name,
        database=place.database,
        schema=place.schema,
        tasks=tasks,
        compute_pools=pools,
        image_repositories=() if own is None else (ImageRepository(own),),
        stages=(Stage(place.stage),),
        services=services,
        functions=functions,
        versions={
            "mlops-framework": mlops.__version__,
            **dict(sorted({node.origin.distribution: node.origin.version for node in graph.nodes}.items())),
        },
        started=target.tasks.started,
    )


class _Place(Struct, frozen=True):
    """Where in Snowflake a pipeline goes, as stored names."""

    database: str
    schema: str
    stage: str
    repository: str
    warehouse: str | None

    @property
    def schema_path(self) -> str:
        return f"{self.database}.{self.schema}"


def _place(target: Target, problems: list[MlopsError]) -> _Place:
    place = f"targets.{target.name}"
    if target.database is None and target.schema is None and not target.pools:
        raise SettingsError(
            place=place,
            problem="it does not say where in Snowflake the pipeline goes",
            hint=f"choose another --target, or {WRITE_A_TARGET}",
        )

    def name(value: str | None, key: str, what: str) -> str:
        return stored(value, place=f"{place}.{key}", problems=problems, what=f"the name of {what}")

    return _Place(
        database=name(target.database, "database", "a database"),
        schema=name(target.schema, "schema", "a schema"),
        stage=name(target.stage, "stage", "a stage"),
        repository=name(target.image_repository, "image_repository", "an image repository"),
        warehouse=None if target.warehouse is None else name(target.warehouse, "warehouse", "a warehouse"),
    )


def _image(image: str | None, target: Target, place: _Place, problems: list[MlopsError]) -> str:
    """Return the path of the image that the containers run."""
    path = image_path(image, database=place.database, schema=place.schema, repository=place.repository)
    if path is not None:
        return path
    if "/" in (image or "") or not problems:  # a name is in the repository of the target, whose own name may be wrong
        problems.append(
            SettingsError(
                place=f"targets.{target.name}.image",
                problem=f"{image!r} is not an image",
                hint="write /database/schema/repository/name:tag, or name:tag of the target's own repository",
            )
        )
    return "missing"


def _external(graph: Graph) -> Iterator[MlopsError]:
    for dataset in graph.external:
        yield DatasetError(
            dataset=dataset,
            problem=f"pipeline {graph.pipeline.name!r} reads it, and no node of it writes it",
            hint="deploy the whole pipeline, with the node that writes it",
        )


def _check(job: Job, target: Target, shared: Shared, problems: list[MlopsError]) -> None:
    check_resources(job, target, problems)
    check_warehouse(job, target, problems)
    for node in job.nodes:
        check_variables(job.env, f"targets.{target.name}.nodes.{node.name}.env", problems)
    if job.written is not None:
        problems.extend(
            GraphProblem(f"job file of {job.title}: {misfit.place}: {misfit.problem}", hint=misfit.hint)
            for misfit in misfits_of(job_specification(job, shared))
        )


def _config(
    graph: Graph, jobs: Iterable[Job], parameters: Mapping[str, Mapping[str, object]], problems: list[MlopsError]
) -> Mapping[str, Scalar]:
    """Return the configuration of the task graph: the parameters of the nodes that run in tasks."""
    in_tasks = {node.full_name for job in jobs for node in job.nodes}
    try:
        return encode(graph, {name: values for name, values in parameters.items() if name in in_tasks})
    except MlopsError as problem:
        problems.append(problem)
        return {}
