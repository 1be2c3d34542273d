"""The files of a deployment: a job specification for each container, and the task graph that runs them.

They are read, compared and committed, never edited: the first line names the command that writes them. A body is kept
apart from its specification, which is a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mlops.compile.objects import Deployment, Task
from mlops.compile.statement import parts_of
from mlops.compile.timetable import schedule_text
from mlops.compile.yaml_text import to_yaml

MARK = "# Written by: "
GRAPH_FILE = "task-graph"


def first_line(command: str) -> str:
    """Return the first line of a file that ``command`` writes."""
    return f"{MARK}{command} (do not edit)\n"


def yaml_files(deployment: Deployment, command: str) -> dict[str, str]:
    """Return the text of every file of a deployment by its path, which begins with the name of the pipeline."""
    folder, head = deployment.pipeline, first_line(command)
    files: dict[str, str] = {}
    jobs: dict[str, str] = {}
    for task in deployment.tasks:
        specification = parts_of(task.definition)[1]
        if specification is not None:
            jobs[task.name] = f"job-{_stem(task, deployment)}.yaml"
            files[f"{folder}/{jobs[task.name]}"] = head + specification
    for service in deployment.services:
        name = f"service-{_dashed(service.node.rpartition(':')[2])}.yaml"
        jobs[service.name] = name
        files[f"{folder}/{name}"] = head + service.specification
    files[f"{folder}/{GRAPH_FILE}.yaml"] = head + to_yaml(_graph(deployment, jobs))
    return files


def _stem(task: Task, deployment: Deployment) -> str:
    """A root is named after its pipeline: its file goes by what it runs."""
    if task is not deployment.root:
        return _dashed(task.name.partition("$")[2])
    return _dashed(task.nodes[0].rpartition(":")[2]) if len(task.nodes) == 1 else f"{_dashed(deployment.pipeline)}-root"


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")


def _graph(deployment: Deployment, jobs: Mapping[str, str]) -> dict[str, Any]:  # Any: plain data
    return _filled(
        {
            "pipeline": deployment.pipeline,
            "project": deployment.project,
            "target": deployment.target,
            "database": deployment.database,
            "schema": deployment.schema,
            "started": deployment.started,
            "versions": dict(deployment.versions),
            "compute_pools": [
                {
                    "name": pool.name,
                    "instance_family": pool.instance_family,
                    "min_nodes": pool.min_nodes,
                    "max_nodes": pool.max_nodes,
                    "auto_resume": pool.auto_resume,
                    "auto_suspend_secs": pool.auto_suspend_secs,
                    "managed": pool.managed,
                }
                for pool in deployment.compute_pools
            ],
            "image_repositories": [one.name for one in deployment.image_repositories],
            "stages": [one.name for one in deployment.stages],
            "tasks": [_task(task, jobs) for task in deployment.tasks],
            "services": [
                _filled(
                    {
                        "name": service.name,
                        "node": service.node,
                        "compute_pool": service.compute_pool,
                        "min_instances": service.min_instances,
                        "max_instances": service.max_instances,
                        "query_warehouse": service.query_warehouse,
                        "external_access_integrations": list(service.external_access_integrations),
                        "specification": jobs[service.name],
                    }
                )
                for service in deployment.services
            ],
            "functions": [
                _filled(
                    {
                        "name": function.name,
                        "service": function.service,
                        "endpoint": function.endpoint,
                        "path": function.path,
                        "arguments": dict(function.arguments),
                        "returns": function.returns,
                    }
                )
                for function in deployment.functions
            ],
        }
    )


def _task(task: Task, jobs: Mapping[str, str]) -> dict[str, Any]:  # Any: plain data
    head, specification = parts_of(task.definition)
    return _filled(
        {
            "name": task.name,
            "nodes": list(task.nodes),
            "after": list(task.predecessors),
            "finalize": task.finalize,
            "schedule": schedule_text(task.schedule),
            "when": task.condition,
            "warehouse": task.warehouse,
            "user_task_timeout_ms": _milliseconds(task.user_task_timeout),
            "overlap_policy": task.overlap_policy,
            "task_auto_retry_attempts": task.task_auto_retry_attempts,
            "suspend_task_after_num_failures": task.suspend_task_after_num_failures,
            "target_completion_interval": target_interval_text(task.target_completion_interval),
            "error_integration": task.error_integration,
            "success_integration": task.success_integration,
            "session_parameters": dict(task.session_parameters),
            "config": dict(task.config),
            "definition": head if specification is None else f"{head}\n",
            "specification": None if specification is None else jobs[task.name],
        }
    )


def target_interval_text(interval: timedelta | None) -> str | None:
    """Return what stands in TARGET_COMPLETION_INTERVAL."""
    return None if interval is None else f"{int(interval.total_seconds())} SECONDS"


def _milliseconds(time: timedelta | None) -> int | None:
    return None if time is None else int(time.total_seconds() * 1000)


def _filled(data: dict[str, Any]) -> dict[str, Any]:  # Any: plain data
    """What is not set is not written."""
    return {key: value for key, value in data.items() if value is not None and value != [] and value != {}}
