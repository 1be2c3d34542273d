"""The specification of a job or service: one container of the project's image, and the stage with its datasets.

What is in it is what a run on a laptop has too, so that the same code serves both; no value in it is a credential.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

import mlops
from mlops.compile.config import encode
from mlops.compile.jobs import Job
from mlops.compile.quantities import as_cpu
from mlops.compile.shared import Shared
from mlops.compile.specification import (
    Amounts,
    Container,
    ContainerResources,
    Endpoint,
    EventTableConfig,
    LogExporters,
    MetricConfig,
    PlatformMonitor,
    Probe,
    Spec,
    Specification,
    StageConfig,
    Volume,
    VolumeMount,
)
from mlops.compile.variables import OWN_VARIABLES
from mlops.graph import Graph
from mlops.nodes import Node

MAIN = "main"
DATA = "data"
DATA_FOLDER = "/mlops/data"
USER = 10001
"""The user that the image's containers run as (see Dockerfile): a stage is mounted for it, else only root may write there."""


def job_specification(job: Job, shared: Shared) -> Specification:
    """Return what the container of a job runs; what was written by hand for it wins over what follows from its nodes."""
    arguments = [word for node in job.nodes for word in ("--task", node.full_name)]
    specification = _specification(
        _container(
            job.nodes, arguments, {**shared.env, **job.env}, shared, cpu=job.cpu, memory=job.memory, gpu=job.gpu
        ),
        shared,
    )
    return specification if job.written is None else _completed(job.written, specification)


def service_specification(
    node: Node, shared: Shared, graph: Graph, parameters: Mapping[str, object], job: Job
) -> Specification:
    """Return what the container of a serving node runs. A service is in no task graph: its parameters are a variable."""
    assert node.serving is not None  # only serving nodes are given
    serving = node.serving
    text = json.dumps(encode(graph, {node.full_name: parameters}), ensure_ascii=False)
    container = _container(
        (node,),
        ["--task", node.full_name],
        {**shared.env, **job.env, "MLOPS_PARAMETERS": text},
        shared,
        cpu=job.cpu,
        memory=job.memory,
        gpu=job.gpu,
    )
    if serving.readiness_path is not None and serving.endpoints:
        container = replace(
            container, readiness_probe=Probe(port=serving.endpoints[0].port, path=serving.readiness_path)
        )
    specification = _specification(container, shared)
    endpoints = tuple(
        Endpoint(
            name=one.name.replace("_", "-"),
            port=one.port,
            public=one.public or None,
            protocol="TCP" if one.protocol == "TCP" else None,
        )
        for one in serving.endpoints
    )
    specification = replace(specification, spec=replace(specification.spec, endpoints=endpoints))
    return specification if job.written is None else _completed(job.written, specification)


def _container(
    nodes: Sequence[Node],
    arguments: Sequence[str],
    env: Mapping[str, str],
    shared: Shared,
    *,
    cpu: float,
    memory: str,
    gpu: int,
) -> Container:
    versions = {
        "mlops-framework": mlops.__version__,
        **{node.origin.distribution: node.origin.version for node in nodes},
    }
    variables = {
        **env,
        "MLOPS_PIPELINE": shared.pipeline,
        "MLOPS_DATA": DATA_FOLDER,
        "MLOPS_AUTH": "inherited",
        "MLOPS_VERSIONS": json.dumps(versions, sort_keys=True),
        "MLOPS_LOG_FORMAT": "json",
    }
    if shared.warehouse is not None:
        variables.setdefault("SNOWFLAKE_WAREHOUSE", shared.warehouse)
    amounts = Amounts(memory=memory, cpu=as_cpu(cpu), gpu=gpu or None)
    return Container(
        name=MAIN,
        image=shared.image,
        args=tuple(arguments),
        env=dict(sorted(variables.items())),
        volume_mounts=(VolumeMount(DATA, DATA_FOLDER),),
        resources=ContainerResources(requests=amounts, limits=amounts),
        secrets=shared.secrets,
    )


def _specification(container: Container, shared: Shared) -> Specification:
    level: Any = shared.log_level  # Any: the settings hold it as text of the same words
    groups: Any = shared.metric_groups  # Any: as above
    return Specification(
        Spec(
            containers=(container,),
            volumes=(Volume(DATA, "stage", uid=USER, gid=USER, stage_config=StageConfig(f"@{shared.stage}")),),
            log_exporters=LogExporters(EventTableConfig(level)),
            platform_monitor=PlatformMonitor(MetricConfig(groups)) if groups else None,
        )
    )


def _completed(written: Specification, own: Specification) -> Specification:
    """Return a specification written by hand with what it leaves open: arguments, variables, the stage with the datasets.

    The container that runs the node is the one named ``main``, else the first. ``--node NAME`` as arguments, which name
    the node alone, become ours.
    """
    main = next((one for one in written.spec.containers if one.name == MAIN), written.spec.containers[0])
    (ours,) = own.spec.containers
    names_only = len(main.args) == 2 and main.args[0] == "--node"
    mounted = any(mount.mount_path == DATA_FOLDER for mount in main.volume_mounts)
    completed = replace(
        main,
        args=ours.args if not main.args or names_only else main.args,
        env=dict(
            sorted(
                {**ours.env, **main.env, **{name: ours.env[name] for name in OWN_VARIABLES if name in ours.env}}.items()
            )
        ),
        volume_mounts=main.volume_mounts if mounted else (*main.volume_mounts, *ours.volume_mounts),
        resources=main.resources or ours.resources,
        secrets=main.secrets or ours.secrets,
    )
    spec = written.spec
    return replace(
        written,
        spec=replace(
            spec,
            containers=tuple(completed if one is main else one for one in spec.containers),
            volumes=spec.volumes
            if mounted
            else (*(one for one in spec.volumes if one.name != DATA), *own.spec.volumes),
            endpoints=spec.endpoints or own.spec.endpoints,
            log_exporters=spec.log_exporters or own.spec.log_exporters,
            platform_monitor=spec.platform_monitor or own.spec.platform_monitor,
        ),
    )
