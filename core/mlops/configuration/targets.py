"""A target: one place where pipelines run or are deployed, and all that is chosen for it.

Read from ``[tool.mlops.targets.NAME]``. A target may extend another one, so that dev and prod share everything but what
they name. A target holds names and numbers alone: credentials stay in Snowflake's own ``connections.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

ServicesChoice = Literal["auto", "embedded", "none"]
OverlapPolicy = Literal["NO_OVERLAP", "ALLOW_CHILD_OVERLAP", "ALLOW_ALL_OVERLAP"]
MetricGroup = Literal["system", "system_limits", "status", "network", "storage"]


def ruled(pattern: str, rule: str) -> Meta:
    """Return a limit on a text, with the words that an error and an editor say it in."""
    return Meta(pattern=pattern, description=rule, extra={"rule": rule})


Name = Annotated[
    str,
    ruled(r"^[A-Za-z_][A-Za-z0-9_$]{0,254}$", "a name without quotes: letters, digits, '_' and '$', no digit first"),
]
Memory = Annotated[str, ruled(r"^[0-9]+(\.[0-9]+)?(M|Mi|G|Gi)$", "a number with M, Mi, G or Gi, for example 2Gi")]
Word = Annotated[str, ruled(r"^[A-Za-z_][A-Za-z0-9_]*$", "letters, digits and '_', no digit first")]
Days = Annotated[int, Meta(ge=1, le=604800)]
Count = Annotated[int, Meta(ge=1)]


class Pool(Struct, frozen=True, forbid_unknown_fields=True):
    """A compute pool of a target. With ``managed`` false it belongs to others: it is used, never created or changed.

    Source: Snowflake documentation, "CREATE COMPUTE POOL".
    """

    name: Name
    instance_family: Name = "CPU_X64_S"
    min_nodes: Count = 1
    max_nodes: Count = 1
    auto_resume: bool = True
    auto_suspend_secs: Annotated[int, Meta(ge=0)] = 300
    managed: bool = True

    def __post_init__(self) -> None:
        if self.min_nodes > self.max_nodes:
            raise ValueError(f"min_nodes is {self.min_nodes}, which is more than max_nodes, {self.max_nodes}")


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """Resources under a name, for nodes that choose it: cores, memory, whole GPUs, and a key of the target's pools."""

    cpu: Annotated[float, Meta(gt=0)] | None = None
    memory: Memory | None = None
    gpu: Annotated[int, Meta(ge=0)] | None = None
    pool: str | None = None


class TaskOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """How the tasks of a target are scheduled. Seconds where no other unit is named.

    ``warehouse`` runs the tasks' statements; without one they are serverless. ``graph_timeout`` bounds a whole run; without
    it the bound is what the longest chain of nodes may take. ``start_timeout`` is what a container may need to start: each
    task's own bound is that of its nodes and this. ``when`` is a condition without which a run is skipped.

    Source: Snowflake documentation, "CREATE TASK".
    """

    warehouse: Name | None = None
    started: bool = True
    overlap_policy: OverlapPolicy = "NO_OVERLAP"
    auto_retry_attempts: Annotated[int, Meta(ge=0, le=30)] = 0
    suspend_after_failures: Annotated[int, Meta(ge=0)] | None = None
    graph_timeout: Days | None = None
    node_timeout: Days = 3600
    start_timeout: Annotated[int, Meta(ge=0, le=86400)] = 600
    when: str | None = None
    error_integration: Name | None = None
    success_integration: Name | None = None
    target_completion_interval: Annotated[int, Meta(ge=10, le=86400)] | None = None


class Secret(Struct, frozen=True, forbid_unknown_fields=True):
    """A reference to a secret of Snowflake, given to containers as a variable or a folder; never its value."""

    secret: str
    variable: Word | None = None
    key: Literal["username", "password", "secret_string", "access_token"] | None = None
    folder: str | None = None


class NodeOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What a target chooses for one node in place of what its author said. ``pool`` is a key of the target's pools.

    ``profile`` is a key of the target's profiles, which says what is not said here. ``when`` is a condition without which
    its task is skipped. ``job`` is a file with a service specification written by
    hand, from the project's folder.
    """

    profile: str | None = None
    cpu: Annotated[float, Meta(gt=0)] | None = None
    memory: Memory | None = None
    gpu: Annotated[int, Meta(ge=0)] | None = None
    pool: str | None = None
    timeout: Days | None = None
    group: str | None = None
    partitions: Count | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    when: str | None = None
    job: str | None = None


class Notification(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told when a run fails: a notification integration, and recipients where it sends mail."""

    integration: Name
    email: tuple[str, ...] = ()
    subject: str = ""


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a pipeline runs and is deployed.

    ``connection`` names a section of Snowflake's connections.toml; without one the target is what ``SNOWFLAKE_*`` log in to,
    else the embedded Snowflake, where its plugin is installed; with ``services`` embedded it is that alone. ``image`` is
    ``/database/schema/repository/name:tag`` or a name and tag inside ``image_repository``. ``pools`` are by a name of the
    project's own; ``default`` serves every node that chooses none. ``width`` is how many calls a deployment makes at once.
    """

    name: str = "local"
    extends: str | None = None
    connection: str | None = None
    services: ServicesChoice | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)  # Any: checked against each node's types
    database: Name | None = None
    schema: Name | None = None
    warehouse: Name | None = None
    role: Name | None = None
    image: str | None = None
    image_repository: Name = "MLOPS_IMAGES"
    stage: Name = "MLOPS_DATA"
    pools: Mapping[str, Pool] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    nodes: Mapping[str, NodeOptions] = field(default_factory=dict)
    tasks: TaskOptions = TaskOptions()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    external_access_integrations: Annotated[tuple[Name, ...], Meta(max_length=10)] = ()
    log_level: Literal["INFO", "ERROR", "NONE"] = "INFO"
    metric_groups: tuple[MetricGroup, ...] = ()
    on_failure: Notification | None = None
    width: Annotated[int, Meta(ge=1, le=256)] = 32


LOCAL = Target()
"""The target that every project has: this machine."""
