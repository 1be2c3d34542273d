"""From a graph and a target to everything Snowflake is to hold for the pipeline: pure, and checked as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import mlops
from mlops.compile.config import encode
from mlops.compile.containers import job_specification
from mlops.compile.demands import check_resources, check_warehouse
from mlops.compile.jobs import Job, crossings, job_of, jobs_of
from mlops.compile.names import image_path, is_identifier, own_repository, stored
from mlops.compile.objects import ComputePool, Deployment, ImageRepository, Stage
from mlops.compile.rules import misfits_of
from mlops.compile.services import services_of
from mlops.compile.shared import shared_by
from mlops.compile.specification import Specification
from mlops.compile.tasks import task_graph
from mlops.compile.variables import check_variables, credentials_among
from mlops.errors import DatasetError, GraphProblem, MlopsError, PipelineError, SettingsError
from mlops.graph import Graph
from mlops.resolution import Storable
from mlops.targets import Pool, Target


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
    place = f"targets.{target.name}"
    if target.database is None and target.schema is None and not target.pools:
        raise SettingsError(
            place=place,
            problem="it does not say where in Snowflake the pipeline goes",
            hint='choose another --target, or write one: [tool.mlops.targets.dev] database = "ML", schema = "DEV", '
            'warehouse = "ML_WH", pools.default = {name = "MLOPS_POOL"}',
        )
    database = stored(target.database, place=f"{place}.database", problems=problems, what="the name of a database")
    schema = stored(target.schema, place=f"{place}.schema", problems=problems, what="the name of a schema")
    stage = stored(target.stage, place=f"{place}.stage", problems=problems, what="the name of a stage")
    repository = stored(
        target.image_repository,
        place=f"{place}.image_repository",
        problems=problems,
        what="the name of an image repository",
    )
    warehouse = None
    if target.warehouse is not None:
        warehouse = stored(
            target.warehouse, place=f"{place}.warehouse", problems=problems, what="the name of a warehouse"
        )
    path = image_path(image or target.image, database=database, schema=schema, repository=repository)
    if path is None and (
        "/" in (image or target.image or "") or not problems
    ):  # a name is in a repository of these names
        problems.append(
            SettingsError(
                place=f"{place}.image",
                problem=f"{image or target.image!r} is not an image",
                hint="write /database/schema/repository/name:tag, or name:tag of the target's own repository",
            )
        )
    path = path or "missing"
    problems.extend(
        DatasetError(
            dataset=dataset,
            problem=f"pipeline {graph.pipeline.name!r} reads it, and no node of it writes it",
            hint="deploy the whole pipeline, with the node that writes it",
        )
        for dataset in graph.external
    )
    written = written or {}
    shared = shared_by(
        graph, target, image=path, stage=f"{database}.{schema}.{stage}", warehouse=warehouse, problems=problems
    )
    jobs, links = jobs_of(graph, target, written, problems)
    serving = {
        node.full_name: job_of(node.full_name, (node,), graph, target, written, problems)
        for node in graph.nodes
        if node.serving is not None
    }
    for job in (*jobs, *serving.values()):
        check_resources(job, target, problems)
        check_warehouse(job, target, problems)
        for node in job.nodes:
            check_variables(job.env, f"{place}.nodes.{node.name}.env", problems)
        if job.written is not None:
            problems.extend(
                GraphProblem(f"job file of {job.title}: {misfit.place}: {misfit.problem}", hint=misfit.hint)
                for misfit in misfits_of(job_specification(job, shared))
            )
    if storable is not None:
        problems.extend(crossings(graph, jobs, storable))
    problems.extend(credentials_among(parameters))
    config: Mapping[str, Any] = {}  # Any: see Scalar
    in_tasks = {node.full_name for job in jobs for node in job.nodes}
    try:
        config = encode(graph, {name: values for name, values in parameters.items() if name in in_tasks})
    except MlopsError as problem:
        problems.append(problem)
    tasks = task_graph(graph, jobs, links, target, shared, config, database, problems)
    services, functions = services_of(graph, target, shared, parameters, serving, problems)
    pools = _pools((*jobs, *serving.values()), target, problems)
    if problems:
        raise PipelineError(pipeline=graph.pipeline.name, problems=problems)
    own = own_repository(path, database=database, schema=schema)
    return Deployment(
        project=project,
        pipeline=graph.pipeline.name,
        target=target.name,
        database=database,
        schema=schema,
        tasks=tasks,
        compute_pools=pools,
        image_repositories=() if own is None else (ImageRepository(own),),
        stages=(Stage(stage),),
        services=services,
        functions=functions,
        versions={
            "mlops-framework": mlops.__version__,
            **dict(sorted({node.origin.distribution: node.origin.version for node in graph.nodes}.items())),
        },
        started=target.tasks.started,
    )


def _pools(jobs: Iterable[Job], target: Target, problems: list[MlopsError]) -> tuple[ComputePool, ...]:
    """Return the pools that are used, each once; two that mean one pool must say the same of it."""
    used: dict[str, Pool] = {}
    for job in jobs:
        name = job.pool.name.upper()
        place = f"targets.{target.name}.pools"
        if used.setdefault(name, job.pool) != job.pool:
            problems.append(
                SettingsError(
                    place=place, problem=f"two of them mean {name}, with different values", hint="let both say the same"
                )
            )
    for name, pool in used.items():
        place = f"targets.{target.name}.pools ({name})"
        if not is_identifier(pool.name) or not is_identifier(pool.instance_family):
            problems.append(
                SettingsError(
                    place=place,
                    problem=f"{pool.name!r} of {pool.instance_family!r} is not a name and an instance family",
                    hint="use names without quotes, for example MLOPS_POOL and CPU_X64_S",
                )
            )
        if not 1 <= pool.min_nodes <= pool.max_nodes:
            problems.append(
                SettingsError(
                    place=place,
                    problem=f"it has {pool.min_nodes} to {pool.max_nodes} nodes",
                    hint="min_nodes is at least 1, and max_nodes no less",
                )
            )
        if pool.auto_suspend_secs < 0:
            problems.append(
                SettingsError(
                    place=place,
                    problem=f"auto_suspend_secs is {pool.auto_suspend_secs}",
                    hint="it is 0 (never) or more",
                )
            )
    return tuple(
        ComputePool(
            name=name,
            instance_family=pool.instance_family.upper(),
            min_nodes=pool.min_nodes,
            max_nodes=pool.max_nodes,
            auto_resume=pool.auto_resume,
            auto_suspend_secs=pool.auto_suspend_secs,
            managed=pool.managed,
        )
        for name, pool in sorted(used.items())
    )
