"""The objects of a deployment, as plain values: what Snowflake is to hold for one pipeline on one target.

Names are stored names (upper case, without quotes), unless a comment says otherwise; objects of a schema are in the
deployment's own database and schema. Fields are named as Snowflake's REST resources name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct, field

from mlops.pipeline import Schedule

Scalar = str | int | float | bool


class ComputePool(Struct, frozen=True):
    """A pool that containers run in. One with ``managed`` false must exist, and is never written."""

    name: str
    instance_family: str
    min_nodes: int
    max_nodes: int
    auto_resume: bool
    auto_suspend_secs: int
    managed: bool = True


class ImageRepository(Struct, frozen=True):
    """Where the image of the pipeline's containers is pushed to."""

    name: str


class Stage(Struct, frozen=True):
    """An internal stage, encrypted by Snowflake (SNOWFLAKE_SSE), that containers mount: datasets are kept there."""

    name: str


class Service(Struct, frozen=True):
    """A long-running service: a node of kind ``service``. ``specification`` is YAML text."""

    name: str
    node: str
    compute_pool: str
    specification: str
    min_instances: int = 1
    max_instances: int = 1
    query_warehouse: str | None = None
    external_access_integrations: tuple[str, ...] = ()


class ServiceFunction(Struct, frozen=True):
    """A SQL function that calls an endpoint of a service."""

    name: str
    service: str
    endpoint: str
    path: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    returns: str = "VARIANT"


class Task(Struct, frozen=True):
    """One task of a graph. ``nodes`` are the full names of the nodes that its container runs, none for a small root.

    ``config`` is the root's alone: flat, ``node.parameter`` → value. ``finalize`` is the root's name in a finalizer.
    ``warehouse`` None means serverless.
    """

    name: str
    definition: str
    nodes: tuple[str, ...] = ()
    predecessors: tuple[str, ...] = ()
    finalize: str | None = None
    schedule: Schedule | None = None
    condition: str | None = None
    config: Mapping[str, Scalar] = field(default_factory=dict)
    warehouse: str | None = None
    user_task_timeout: timedelta | None = None
    overlap_policy: str | None = None
    task_auto_retry_attempts: int | None = None
    suspend_task_after_num_failures: int | None = None
    target_completion_interval: timedelta | None = None
    error_integration: str | None = None
    success_integration: str | None = None
    session_parameters: Mapping[str, Scalar] = field(default_factory=dict)


class Deployment(Struct, frozen=True):
    """Everything Snowflake is to hold for one pipeline on one target. The first of ``tasks`` is the root.

    ``tasks`` are in an order in which each comes after its predecessors, the finalizer last. ``versions`` are those of the
    distributions whose nodes it runs, and of mlops-framework. ``started`` tells whether the root is to be resumed.
    """

    project: str
    pipeline: str
    target: str
    database: str
    schema: str
    tasks: tuple[Task, ...]
    compute_pools: tuple[ComputePool, ...] = ()
    image_repositories: tuple[ImageRepository, ...] = ()
    stages: tuple[Stage, ...] = ()
    services: tuple[Service, ...] = ()
    functions: tuple[ServiceFunction, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    started: bool = True

    @property
    def root(self) -> Task:
        """The task that a run starts with; it is named after the pipeline."""
        return self.tasks[0]

    @property
    def objects(self) -> tuple[ComputePool | ImageRepository | Stage | Service | ServiceFunction | Task, ...]:
        """Every object, in an order in which each comes after those it needs."""
        return (
            *self.compute_pools,
            *self.image_repositories,
            *self.stages,
            *self.services,
            *self.functions,
            *self.tasks,
        )
