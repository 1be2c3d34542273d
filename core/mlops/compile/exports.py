"""A deployment as statements: plain SQL, or DEFINE statements of a DCM project, for teams that bring objects to Snowflake so.

Source: Snowflake documentation, "CREATE TASK", "CREATE SERVICE", "CREATE COMPUTE POOL"; "Supported entities in DCM
Projects".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from mlops.compile.files import target_interval_text
from mlops.compile.objects import ComputePool, Deployment, Scalar, Service, ServiceFunction, Task
from mlops.compile.statement import literal
from mlops.compile.timetable import schedule_text

_JINJA = re.compile(r"\{[{%#]|[}%#]\}")


def sql_text(deployment: Deployment, command: str) -> str:
    """Return statements that make Snowflake hold the deployment; run again, they change what differs.

    What a deployment no longer holds is not dropped by them: ``mlops deploy --prune`` does that.
    """
    root = _full(deployment, deployment.root.name)
    statements = [
        *(_pool(pool) for pool in deployment.compute_pools if pool.managed),
        *(
            f"CREATE IMAGE REPOSITORY IF NOT EXISTS {_full(deployment, one.name)}"
            for one in deployment.image_repositories
        ),
        *(
            f"CREATE STAGE IF NOT EXISTS {_full(deployment, one.name)}\n  ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')"
            for one in deployment.stages
        ),
        *(_service(service, deployment) for service in deployment.services),
        *(_function(function, deployment) for function in deployment.functions),
        f"ALTER TASK IF EXISTS {root} SUSPEND",
        *(f"{_creating(task)} {_task(task, deployment)}" for task in deployment.tasks),
    ]
    if deployment.started:
        statements.append(f"SELECT SYSTEM$TASK_DEPENDENTS_ENABLE({literal(root)})")
    else:
        statements += [f"ALTER TASK {_full(deployment, task.name)} RESUME" for task in deployment.tasks[1:]]
    return _head(command) + "".join(f"{statement};\n\n" for statement in statements).rstrip("\n") + "\n"


def dcm_text(deployment: Deployment, command: str) -> str:
    """Return DEFINE statements for a DCM project; what DCM does not know is named in comments, and has to be there."""
    lacking = [
        *(f"compute pool {pool.name}" for pool in deployment.compute_pools),
        *(f"image repository {_full(deployment, one.name)}" for one in deployment.image_repositories),
        *(f"service {_full(deployment, service.name)}" for service in deployment.services),
        *(f"function {_full(deployment, function.name)}" for function in deployment.functions),
    ]
    statements = [
        *(
            f"DEFINE STAGE {_full(deployment, one.name)}\n  ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')"
            for one in deployment.stages
        ),
        *(
            "DEFINE TASK "
            + _task(
                task, deployment, state="SUSPENDED" if task is deployment.root and not deployment.started else "STARTED"
            )
            for task in deployment.tasks
        ),
    ]
    notes = "".join(f"-- DCM does not define it, and it has to be there: {one}\n" for one in lacking)
    return _head(command) + notes + "\n" + "\n\n".join(f"{_raw(statement)};" for statement in statements) + "\n"


def _head(command: str) -> str:
    return f"-- Written by: {command} (do not edit)\n"


def _full(deployment: Deployment, name: str) -> str:
    return f"{deployment.database}.{deployment.schema}.{name}"


def _creating(task: Task) -> str:
    """CREATE OR ALTER keeps grants and history, and takes no TARGET_COMPLETION_INTERVAL."""
    return "CREATE OR ALTER TASK" if task.target_completion_interval is None else "CREATE OR REPLACE TASK"


def _task(task: Task, deployment: Deployment, *, state: str | None = None) -> str:
    body = task.definition
    if body.startswith(("DECLARE", "BEGIN")):  # its semicolons end no statement of the file
        body = f"EXECUTE IMMEDIATE $$\n{body}\n$$"
    clauses = [_full(deployment, task.name), *_clauses(task, deployment), *([state] if state else [])]
    return "\n  ".join(clauses) + f"\nAS\n{body}"


def _clauses(task: Task, deployment: Deployment) -> Iterator[str]:
    schedule, interval = schedule_text(task.schedule), target_interval_text(task.target_completion_interval)
    if task.warehouse is not None:
        yield f"WAREHOUSE = {task.warehouse}"
    if schedule is not None:
        yield f"SCHEDULE = {literal(schedule)}"
    if task.config:
        yield f"CONFIG = {literal(json.dumps(dict(task.config), ensure_ascii=False))}"
    if task.overlap_policy is not None:
        yield f"OVERLAP_POLICY = {task.overlap_policy}"
    if task.user_task_timeout is not None:
        yield f"USER_TASK_TIMEOUT_MS = {int(task.user_task_timeout.total_seconds() * 1000)}"
    for name, value in task.session_parameters.items():
        yield f"{name} = {_value(value)}"
    if task.suspend_task_after_num_failures is not None:
        yield f"SUSPEND_TASK_AFTER_NUM_FAILURES = {task.suspend_task_after_num_failures}"
    if task.error_integration is not None:
        yield f"ERROR_INTEGRATION = {task.error_integration}"
    if task.success_integration is not None:
        yield f"SUCCESS_INTEGRATION = {task.success_integration}"
    if task.finalize is not None:
        yield f"FINALIZE = {_full(deployment, task.finalize)}"
    if task.task_auto_retry_attempts is not None:
        yield f"TASK_AUTO_RETRY_ATTEMPTS = {task.task_auto_retry_attempts}"
    if interval is not None:
        yield f"TARGET_COMPLETION_INTERVAL = {literal(interval)}"
    if task.predecessors:
        yield f"AFTER {', '.join(_full(deployment, name) for name in task.predecessors)}"
    if task.condition is not None:
        yield f"WHEN {task.condition}"


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return literal(value) if isinstance(value, str) else str(value)


def _pool(pool: ComputePool) -> str:
    return (
        f"CREATE COMPUTE POOL IF NOT EXISTS {pool.name}\n  MIN_NODES = {pool.min_nodes}\n  MAX_NODES = {pool.max_nodes}\n"
        f"  INSTANCE_FAMILY = {pool.instance_family}\n  AUTO_RESUME = {_value(pool.auto_resume)}\n"
        f"  AUTO_SUSPEND_SECS = {pool.auto_suspend_secs}"
    )


def _service(service: Service, deployment: Deployment) -> str:
    lines = [
        f"CREATE SERVICE IF NOT EXISTS {_full(deployment, service.name)}",
        f"  IN COMPUTE POOL {service.compute_pool}",
        f"  FROM SPECIFICATION $$\n{service.specification}$$",
    ]
    if service.external_access_integrations:
        lines.append(f"  EXTERNAL_ACCESS_INTEGRATIONS = ({', '.join(service.external_access_integrations)})")
    if service.query_warehouse is not None:
        lines.append(f"  QUERY_WAREHOUSE = {service.query_warehouse}")
    return "\n".join(
        [*lines, f"  MIN_INSTANCES = {service.min_instances}", f"  MAX_INSTANCES = {service.max_instances}"]
    )


def _function(function: ServiceFunction, deployment: Deployment) -> str:
    arguments = ", ".join(f"{name} {kind}" for name, kind in function.arguments.items())
    return (
        f"CREATE OR REPLACE FUNCTION {_full(deployment, function.name)}({arguments})\n  RETURNS {function.returns}\n"
        f"  SERVICE = {_full(deployment, function.service)}\n  ENDPOINT = {literal(function.endpoint)}\n"
        f"  AS {literal(function.path)}"
    )


def _raw(statement: str) -> str:
    """DCM reads its files as templates: what looks like one is said to be none."""
    return f"{{% raw %}}{statement}{{% endraw %}}" if _JINJA.search(statement) else statement
