"""The specification of a job or service: one container of the project's image, and the stage with its datasets.

What is in it is what a run on a laptop has too, so that the same code serves both; no value in it is a credential.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

import mlops
from mlops.compile.config import encode
from mlops.compile.jobs import Job
from mlops.compile.names import qualified
from mlops.compile.quantities import as_cpu, memory_bytes
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
    SecretMount,
    Spec,
    Specification,
    StageConfig,
    Volume,
    VolumeMount,
)
from mlops.errors import GraphProblem, MlopsError, SettingsError
from mlops.graph import Graph
from mlops.nodes import Node
from mlops.targets import Secret, Target

MAIN = "main"
DATA = "data"
DATA_FOLDER = "/mlops/data"
OWN_VARIABLES = ("MLOPS_PIPELINE", "MLOPS_DATA", "MLOPS_AUTH", "MLOPS_VERSIONS", "MLOPS_LOG_FORMAT", "MLOPS_PARAMETERS")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CREDENTIAL = re.compile(
    r"(?:^|_)(PASSWORD|PASSWD|PWD|PASSPHRASE|TOKEN|SECRET|CREDENTIALS?|PRIVATE_KEY|API_?KEY|ACCESS_KEY)(?:_|$)",
    re.IGNORECASE,
)


class Surroundings(Struct, frozen=True):
    """What all containers of a deployment share: the image as a path, the stage by its full name, variables, secrets."""

    pipeline: str
    image: str
    stage: str
    warehouse: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretMount, ...] = ()
    log_level: str = "INFO"
    metric_groups: tuple[str, ...] = ()


def surroundings_of(
    graph: Graph, target: Target, *, image: str, stage: str, warehouse: str | None, problems: list[MlopsError]
) -> Surroundings:
    """Return what all containers of a pipeline share on a target."""
    place = f"targets.{target.name}"
    check_variables(target.env, f"{place}.env", problems)
    return Surroundings(
        pipeline=graph.pipeline.name,
        image=image,
        stage=stage,
        warehouse=warehouse,
        env=target.env,
        secrets=tuple(
            _secret(secret, f"{place}.secrets[{index}]", stage.rpartition(".")[0], problems)
            for index, secret in enumerate(target.secrets)
        ),
        log_level=target.log_level,
        metric_groups=target.metric_groups,
    )


def job_specification(job: Job, around: Surroundings) -> Specification:
    """Return what the container of a job runs; what was written by hand for it wins over what follows from its nodes."""
    arguments = [word for node in job.nodes for word in ("--task", node.full_name)]
    specification = _specification(
        _container(
            job.nodes, arguments, {**around.env, **job.env}, around, cpu=job.cpu, memory=job.memory, gpu=job.gpu
        ),
        around,
    )
    return specification if job.written is None else _completed(job.written, specification, job)


def service_specification(
    node: Node, around: Surroundings, graph: Graph, parameters: Mapping[str, object], job: Job
) -> Specification:
    """Return what the container of a serving node runs. A service is in no task graph: its parameters are a variable."""
    assert node.serving is not None  # only serving nodes are given
    serving = node.serving
    text = json.dumps(encode(graph, {node.full_name: parameters}), ensure_ascii=False)
    container = _container(
        (node,),
        ["--task", node.full_name],
        {**around.env, **job.env, "MLOPS_PARAMETERS": text},
        around,
        cpu=job.cpu,
        memory=job.memory,
        gpu=job.gpu,
    )
    if serving.readiness_path is not None and serving.endpoints:
        container = replace(
            container, readiness_probe=Probe(port=serving.endpoints[0].port, path=serving.readiness_path)
        )
    specification = _specification(container, around)
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
    return specification if job.written is None else _completed(job.written, specification, job)


def check_variables(env: Mapping[str, str], place: str, problems: list[MlopsError]) -> None:
    """Put what may not be a variable of a container into ``problems``."""
    for name, value in env.items():
        if not _VARIABLE.match(name):
            reason, hint = f"{name!r} is not the name of a variable", "use letters, digits and '_'"
        elif name.startswith("SNOWFLAKE_") and name != "SNOWFLAKE_WAREHOUSE":
            reason, hint = f"{name} is set by Snowflake itself", "remove it: the container has it already"
        elif name in OWN_VARIABLES:
            reason, hint = f"{name} is set by mlops itself", "remove it, or choose another name"
        elif looks_like_a_credential(name):
            reason, hint = (
                f"{name} looks like a credential, and a specification is readable",
                f'keep it in a secret: [[targets.NAME.secrets]] secret = "db.schema.name", variable = "{name}"',
            )
        elif not isinstance(value, str):
            reason, hint = f"{name} is {value!r}, and variables are text", f'write "{value}"'
        elif "$$" in value:
            reason, hint = f"{name} holds $$, which ends the specification in its statement", "write it another way"
        else:
            continue
        problems.append(SettingsError(place=f"{place}.{name}", problem=reason, hint=hint))


def looks_like_a_credential(name: str) -> bool:
    """Tell whether a variable of this name holds what nobody should read."""
    return bool(_CREDENTIAL.search(name))


def check_resources(job: Job, target: Target, problems: list[MlopsError]) -> None:
    """Put resources that no container can have into ``problems``."""
    try:
        memory_bytes(job.memory)
    except ValueError as cause:
        problems.append(GraphProblem(f"{job.title}: {cause}"))
    if not 0 < job.cpu <= 1024:
        problems.append(GraphProblem(f"{job.title}: cpu is {job.cpu!r}", hint="cpu is a number of cores, more than 0"))
    if not 0 <= job.gpu <= 64:
        problems.append(GraphProblem(f"{job.title}: gpu is {job.gpu!r}", hint="gpu is a number of devices, 0 to 64"))
    if job.gpu > 0 and job.pool.instance_family.upper().startswith(("CPU_", "HIGHMEM_")):
        problems.append(
            GraphProblem(
                f"{job.title} asks for {job.gpu} GPU, and pool {job.pool.name!r} is of {job.pool.instance_family}, "
                "which has none",
                hint=f"write pool = in [targets.{target.name}.nodes.{job.nodes[0].name}], with a pool of a GPU family",
            )
        )
    if not 1 <= job.partitions <= 1000:
        problems.append(
            GraphProblem(f"{job.title}: partitions is {job.partitions!r}", hint="it is a number from 1 to 1000")
        )


def check_warehouse(job: Job, target: Target, problems: list[MlopsError]) -> None:
    """Put nodes into ``problems`` that query Snowflake from a container to which the target gives no warehouse."""
    if target.warehouse is not None:
        return
    for node in job.nodes:
        needs = [name for name in node.services if name in ("feature_store", "session")]
        needs += [f"the table {dataset!r}" for dataset in node.storage]
        if needs:
            problems.append(
                GraphProblem(
                    f"node {node.name!r} asks for {' and '.join(needs)}, which needs a warehouse, and target "
                    f"{target.name!r} names none",
                    hint=f'write warehouse = "..." in [targets.{target.name}]',
                )
            )


def _container(
    nodes: Sequence[Node],
    arguments: Sequence[str],
    env: Mapping[str, str],
    around: Surroundings,
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
        "MLOPS_PIPELINE": around.pipeline,
        "MLOPS_DATA": DATA_FOLDER,
        "MLOPS_AUTH": "inherited",
        "MLOPS_VERSIONS": json.dumps(versions, sort_keys=True),
        "MLOPS_LOG_FORMAT": "json",
    }
    if around.warehouse is not None:
        variables.setdefault("SNOWFLAKE_WAREHOUSE", around.warehouse)
    amounts = Amounts(memory=memory, cpu=as_cpu(cpu), gpu=gpu or None)
    return Container(
        name=MAIN,
        image=around.image,
        args=tuple(arguments),
        env=dict(sorted(variables.items())),
        volume_mounts=(VolumeMount(DATA, DATA_FOLDER),),
        resources=ContainerResources(requests=amounts, limits=amounts),
        secrets=around.secrets,
    )


def _specification(container: Container, around: Surroundings) -> Specification:
    level: Any = around.log_level  # Any: the settings hold it as text of the same words
    groups: Any = around.metric_groups  # Any: as above
    return Specification(
        Spec(
            containers=(container,),
            volumes=(Volume(DATA, "stage", stage_config=StageConfig(f"@{around.stage}")),),
            log_exporters=LogExporters(EventTableConfig(level)),
            platform_monitor=PlatformMonitor(MetricConfig(groups)) if groups else None,
        )
    )


def _completed(written: Specification, own: Specification, job: Job) -> Specification:
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


def _secret(secret: Secret, place: str, schema: str, problems: list[MlopsError]) -> SecretMount:
    name = qualified(secret.secret)
    if name is None:
        problems.append(
            SettingsError(
                place=place, problem=f"{secret.secret!r} is not the name of a secret", hint="write database.schema.name"
            )
        )
        name = ""
    if (secret.variable is None) == (secret.folder is None):
        problems.append(
            SettingsError(
                place=place, problem="a secret is given as a variable or as a folder", hint="write one of the two"
            )
        )
    if secret.variable is not None and secret.key is None:
        problems.append(
            SettingsError(
                place=place,
                problem=f"variable {secret.variable!r} needs the key of the secret",
                hint='write key = "secret_string", "username", "password" or "access_token"',
            )
        )
    if secret.variable is not None and not _VARIABLE.match(secret.variable):
        problems.append(SettingsError(place=place, problem=f"{secret.variable!r} is not the name of a variable"))
    if secret.folder is not None and (not secret.folder.startswith("/") or secret.key is not None):
        problems.append(
            SettingsError(
                place=place, problem="a folder is an absolute path, and has no key", hint='write folder = "/secrets/x"'
            )
        )
    parts = name.split(".")
    return SecretMount(
        snowflake_secret=".".join([*schema.split(".")[: 3 - len(parts)], *parts]),
        directory_path=secret.folder,
        env_var_name=secret.variable,
        secret_key_ref=secret.key,
    )
