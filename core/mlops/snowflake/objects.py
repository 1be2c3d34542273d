"""Our values as objects of snowflake-core, and back: ``sdk_*`` to write, ``held_*`` for what was read."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from snowflake.core.compute_pool import ComputePool as SdkPool
from snowflake.core.image_repository import ImageRepository as SdkRepository
from snowflake.core.service import Service as SdkService
from snowflake.core.service import ServiceSpecInlineText
from snowflake.core.stage import Stage as SdkStage
from snowflake.core.stage import StageEncryption
from snowflake.core.task import Cron as SdkCron
from snowflake.core.task import OverlapPolicy
from snowflake.core.task import Task as SdkTask

from mlops.compile.objects import ComputePool, ImageRepository, Service, Stage, Task
from mlops.deploy.account import Held
from mlops.deploy.differences import condition_of
from mlops.pipeline import Cron, Interval, Schedule
from mlops.snowflake.identifiers import quoted, stored


def sdk_task(task: Task, comment: str) -> SdkTask:
    """Return a task as the SDK writes it; what is unset is Snowflake's default."""
    return SdkTask(
        quoted(task.name),
        task.definition,
        warehouse=_quoted(task.warehouse),
        schedule=_sdk_schedule(task.schedule),
        condition=condition_of(task),
        predecessors=[quoted(name) for name in task.predecessors] or None,
        finalize=_quoted(task.finalize),
        config=dict(task.config) or None,
        session_parameters=dict(task.session_parameters) or None,
        user_task_timeout_ms=_milliseconds(task.user_task_timeout),
        overlap_policy=OverlapPolicy(task.overlap_policy) if task.overlap_policy else None,
        task_auto_retry_attempts=task.task_auto_retry_attempts,
        suspend_task_after_num_failures=task.suspend_task_after_num_failures,
        target_completion_interval=task.target_completion_interval,
        error_integration=_quoted(task.error_integration),
        success_integration=_quoted(task.success_integration),
        comment=comment,
    )


def held_task(task: SdkTask) -> Held[Task]:
    """Return a task that was read. The nodes that it runs are in its comment."""
    limit = task.user_task_timeout_ms
    root = not task.predecessors and not task.finalize
    policy = task.overlap_policy
    value = Task(
        stored(task.name),
        str(task.definition),
        predecessors=tuple(stored(name) for name in task.predecessors or ()),
        finalize=_stored(task.finalize),
        schedule=_schedule(task.schedule),
        condition=task.condition,
        config=dict(task.config or {}),
        warehouse=_stored(task.warehouse),
        user_task_timeout=None if limit is None else timedelta(milliseconds=limit),
        overlap_policy=str(policy.value) if policy and root else None,
        task_auto_retry_attempts=task.task_auto_retry_attempts,
        suspend_task_after_num_failures=task.suspend_task_after_num_failures,
        target_completion_interval=task.target_completion_interval,
        error_integration=_stored(task.error_integration),
        success_integration=_stored(task.success_integration),
        session_parameters=dict(task.session_parameters or {}),
    )
    return Held(value, task.comment, _stored(task.owner), task.state == "started")


def sdk_pool(pool: ComputePool, comment: str) -> SdkPool:
    """Return a compute pool as the SDK writes it."""
    return SdkPool(
        name=quoted(pool.name),
        min_nodes=pool.min_nodes,
        max_nodes=pool.max_nodes,
        instance_family=pool.instance_family,
        auto_resume=pool.auto_resume,
        auto_suspend_secs=pool.auto_suspend_secs,
        comment=comment,
    )


def held_pool(pool: SdkPool) -> Held[ComputePool]:
    """Return a compute pool that was read."""
    value = ComputePool(
        stored(pool.name),
        pool.instance_family,
        pool.min_nodes,
        pool.max_nodes,
        True if pool.auto_resume is None else pool.auto_resume,
        3600 if pool.auto_suspend_secs is None else pool.auto_suspend_secs,
    )
    return Held(value, pool.comment, _stored(pool.owner))


def sdk_stage(stage: Stage, comment: str) -> SdkStage:
    """Return a stage as the SDK writes it: encrypted by Snowflake, which mounting it as a volume needs."""
    return SdkStage(name=quoted(stage.name), encryption=StageEncryption(type="SNOWFLAKE_SSE"), comment=comment)


def held_stage(stage: SdkStage) -> Held[Stage]:
    """Return a stage that was read."""
    return Held(Stage(stored(stage.name)), stage.comment, _stored(stage.owner))


def sdk_repository(repository: ImageRepository, comment: str) -> SdkRepository:
    """Return an image repository as the SDK writes it; the API has no comment for it."""
    del comment
    return SdkRepository(name=quoted(repository.name))


def held_repository(repository: SdkRepository) -> Held[ImageRepository]:
    """Return an image repository that was read."""
    return Held(ImageRepository(stored(repository.name)), None, _stored(repository.owner))


def sdk_service(service: Service, comment: str) -> SdkService:
    """Return a service as the SDK writes it."""
    return SdkService(
        name=quoted(service.name),
        compute_pool=quoted(service.compute_pool),
        spec=ServiceSpecInlineText(spec_text=service.specification),
        min_instances=service.min_instances,
        max_instances=service.max_instances,
        query_warehouse=_quoted(service.query_warehouse),
        external_access_integrations=[quoted(name) for name in service.external_access_integrations] or None,
        comment=comment,
    )


def held_service(service: SdkService) -> Held[Service]:
    """Return a service that was read. A listing does not show its specification."""
    value = Service(
        stored(service.name),
        "",
        stored(service.compute_pool),
        getattr(service.spec, "spec_text", None) or "",
        1 if service.min_instances is None else service.min_instances,
        1 if service.max_instances is None else service.max_instances,
        _stored(service.query_warehouse),
        tuple(stored(name) for name in service.external_access_integrations or ()),
    )
    return Held(value, service.comment, _stored(service.owner))


def _sdk_schedule(schedule: Schedule | None) -> SdkCron | timedelta | None:
    if isinstance(schedule, Cron):
        return SdkCron(schedule.expression, schedule.timezone)
    return schedule.every if isinstance(schedule, Interval) else None


def _schedule(schedule: Any) -> Schedule | None:  # Any: the SDK's Cron or a timedelta
    """Return a schedule that was read; None for one that we could not have written."""
    with suppress(ValueError):
        if isinstance(schedule, timedelta):
            return Interval(schedule)
        if schedule is not None:
            return Cron(schedule.expr, schedule.timezone)
    return None


def _milliseconds(value: timedelta | None) -> int | None:
    return None if value is None else int(value.total_seconds() * 1000)


def _quoted(name: str | None) -> str | None:
    return None if name is None else quoted(name)


def _stored(name: str | None) -> str | None:
    return stored(name) if name else None
