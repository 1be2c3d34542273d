"""A service specification: what a job or a service of Snowpark Container Services runs, every field of it.

The types say what is possible, and the JSON Schema for editors is made from them; ``rules.py`` says what must fit
together. Fields left out are None or empty, and are left out again when the specification is written.

Source: Snowflake documentation, "Service specification reference".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field, to_builtins

from mlops.compile.quantities import CPU_RULE, MEMORY_RULE
from mlops.configuration.targets import ruled

PART_RULE = (
    "lower-case letters, digits and '-', starts with a letter, ends with a letter or digit, at most 63 characters"
)
PartName = Annotated[str, ruled(r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", PART_RULE)]
Memory = Annotated[str, ruled(r"^[0-9]+(\.[0-9]+)?(M|Mi|G|Gi)$", MEMORY_RULE)]
CpuText = Annotated[str, ruled(r"^([0-9]+m|[0-9]+(\.[0-9]+)?)$", CPU_RULE)]
CpuNumber = Annotated[float, Meta(ge=0)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[int, Meta(ge=1)]
Folder = Annotated[str, ruled(r"^/", "an absolute path")]
Filled = Annotated[str, Meta(min_length=1)]
ServiceRoleName = Annotated[str, ruled(r"^[A-Za-z_][A-Za-z0-9_]*$", "letters, digits and '_'")]
EnvironmentName = Annotated[str, ruled(r"^[A-Za-z_][A-Za-z0-9_]*$", "text, its name letters, digits and '_'")]
MetricGroup = Literal["system", "system_limits", "status", "network", "storage"]


class Part(Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """A table of a specification."""


class SessionTokenConfig(Part, frozen=True):
    """Where the session's token is put, and whether a connections.toml that uses it is generated."""

    path: Folder | None = None
    permission: Annotated[str, ruled("^0[0-7]{3}$", 'four octal digits in quotes, "0600"')] | None = None
    mount_connection_config: bool | None = None


class Probe(Part, frozen=True):
    """What is asked of a container until it answers (readiness), or again and again (liveness)."""

    port: Port
    path: Annotated[str, ruled("^/", "a path that starts with '/'")]
    period_seconds: Seconds | None = None
    failure_threshold: Seconds | None = None


class VolumeMount(Part, frozen=True):
    """Where a container sees a volume."""

    name: PartName
    mount_path: Folder


class Amounts(Part, frozen=True):
    """Memory, processors (in cores) and whole GPUs."""

    memory: Memory | None = None
    cpu: CpuNumber | CpuText | None = None
    gpu: Annotated[int, Meta(ge=0)] | None = field(default=None, name="nvidia.com/gpu")


class ContainerResources(Part, frozen=True):
    """What a container gets at least, and at most."""

    requests: Amounts | None = None
    limits: Amounts | None = None


class SnowflakeSecret(Part, frozen=True):
    """A secret by the name of its object, or by a reference of a Native App."""

    object_name: Filled | None = None
    object_reference: Filled | None = None


class SecretMount(Part, frozen=True):
    """A secret as files in a folder, or as one variable."""

    snowflake_secret: Filled | SnowflakeSecret
    directory_path: Folder | None = None
    env_var_name: EnvironmentName | None = None
    secret_key_ref: Literal["username", "password", "secret_string", "access_token"] | None = None


class Container(Part, frozen=True):
    """One container. ``command`` replaces the image's ENTRYPOINT, ``args`` its CMD."""

    name: PartName
    image: Annotated[str, ruled(r"^[^\s$]+$", "/database/schema/repository/image:tag")]
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[EnvironmentName, str] = field(default_factory=dict)
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    volume_mounts: tuple[VolumeMount, ...] = ()
    resources: ContainerResources | None = None
    mount_session_token: bool | None = None
    session_token_config: SessionTokenConfig | None = None
    secrets: tuple[SecretMount, ...] = ()


class CorsSettings(Part, frozen=True):
    """Which pages of other origins may call an endpoint."""

    allow_origin: tuple[str, ...] = field(default=(), name="Access-Control-Allow-Origin")
    allow_methods: tuple[str, ...] = field(default=(), name="Access-Control-Allow-Methods")
    allow_headers: tuple[str, ...] = field(default=(), name="Access-Control-Allow-Headers")
    expose_headers: tuple[str, ...] = field(default=(), name="Access-Control-Expose-Headers")


class Endpoint(Part, frozen=True):
    """A port, or a range of ports, that a service offers."""

    name: PartName
    port: Port | None = None
    port_range: Annotated[str, ruled("^[0-9]+-[0-9]+$", "two ports such as 8000-8010")] | None = None
    public: bool | None = None
    protocol: Literal["HTTP", "TCP"] | None = None
    cors_settings: CorsSettings | None = None


class InitialContents(Part, frozen=True):
    """What a block volume holds at first."""

    from_snapshot: Filled


class BlockConfig(Part, frozen=True):
    """A block volume's start, speed and safety."""

    initial_contents: InitialContents | None = None
    iops: Annotated[int, Meta(ge=1)] | None = None
    throughput: Annotated[int, Meta(ge=1)] | None = None
    encryption: Literal["SNOWFLAKE_SSE", "SNOWFLAKE_FULL"] | None = None
    snapshot_on_delete: bool | None = None
    snapshot_delete_after: Filled | None = None


class StageConfig(Part, frozen=True):
    """Which stage a volume shows, and what its sidecar may use."""

    name: Annotated[str, ruled(r"^@\S+$", "@database.schema.stage/path")]
    metadata_cache: Filled | None = None
    resources: ContainerResources | None = None


class Volume(Part, frozen=True):
    """Storage that containers mount. ``@stage`` as a source is Snowflake's older form of a stage volume."""

    name: PartName
    source: Annotated[str, ruled(r"^(local|stage|memory|block|@\S+)$", "one of: local, stage, memory, block")]
    size: Memory | None = None
    uid: Annotated[int, Meta(ge=0)] | None = None
    gid: Annotated[int, Meta(ge=0)] | None = None
    block_config: BlockConfig | None = None
    stage_config: StageConfig | None = None


class EventTableConfig(Part, frozen=True):
    """Which lines of the containers go to the event table: all, those of standard error, or none."""

    log_level: Literal["INFO", "ERROR", "NONE"]


class LogExporters(Part, frozen=True):
    """Where the containers' logs go."""

    event_table_config: EventTableConfig


class MetricConfig(Part, frozen=True):
    """Which metrics Snowflake records."""

    groups: tuple[MetricGroup, ...]


class PlatformMonitor(Part, frozen=True):
    """What Snowflake measures of the containers."""

    metric_config: MetricConfig


class ResourceManagement(Part, frozen=True):
    """When a long-running service grows, shrinks and rests: ``scaleUp``, ``scaleDown``, ``suspend``."""

    auto_scaling_policies: Mapping[Literal["scaleUp", "scaleDown", "suspend"], Any]  # Any: no page lists their fields


class Spec(Part, frozen=True):
    """Containers, and what they share."""

    containers: Annotated[tuple[Container, ...], Meta(min_length=1, max_length=20)]
    endpoints: Annotated[tuple[Endpoint, ...], Meta(max_length=100)] = ()
    volumes: Annotated[tuple[Volume, ...], Meta(max_length=20)] = ()
    log_exporters: LogExporters | None = None
    platform_monitor: PlatformMonitor | None = None
    resource_management: ResourceManagement | None = None


class SecurityContext(Part, frozen=True):
    """Whether the service may act with its callers' rights."""

    execute_as_caller: bool | None = None
    enable_custom_credentials: bool | None = None


class Capabilities(Part, frozen=True):
    """What a service may do beyond running."""

    security_context: SecurityContext


class ServiceRole(Part, frozen=True):
    """Who may use which endpoints."""

    name: ServiceRoleName
    endpoints: tuple[PartName, ...]


class Specification(Part, frozen=True):
    """A whole specification: the text after FROM SPECIFICATION, and a file in jobs/."""

    spec: Spec
    capabilities: Capabilities | None = None
    service_roles: tuple[ServiceRole, ...] = ()

    def to_data(self) -> dict[str, Any]:  # Any: plain data
        """Return the specification as plain tables, lists and values."""
        data: dict[str, Any] = to_builtins(self)  # Any: as above
        return data
