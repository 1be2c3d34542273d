"""Observers that emit an event when a run or a node starts, completes or fails. Quiet until OpenLineage is configured."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops import hookimpl

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import JobEvent, RunEvent

    from mlops import Node


@hookimpl
def before_pipeline_run(run: Any) -> None:
    """Emit START for the run."""
    if client := _client():
        from mlops_openlineage import events

        _emit(client, events.pipeline_started(run))


@hookimpl
def after_pipeline_run(run: Any, outcome: Any) -> None:
    """Emit COMPLETE for the run."""
    if client := _client():
        from mlops_openlineage import events

        _emit(client, events.pipeline_ended(run, outcome))


@hookimpl
def on_pipeline_error(run: Any, outcome: Any) -> None:
    """Emit FAIL for the run, or ABORT where it was stopped."""
    if client := _client():
        from mlops_openlineage import events

        _emit(client, events.pipeline_ended(run, outcome))


@hookimpl
def before_node_run(run: Any, node: Node, attempt: int) -> None:
    """Emit START for the attempt of a node, with the datasets it reads."""
    if client := _client():
        from mlops_openlineage import events

        _emit(client, events.node_started(run, node, attempt))


@hookimpl
def after_node_run(run: Any, node: Node, outcome: Any) -> None:
    """Emit COMPLETE for the attempt, with what it wrote: schema, rows, bytes and hash of each dataset."""
    if client := _client():
        from mlops_openlineage import events

        _emit(client, events.node_ended(run, node, outcome))


@hookimpl
def on_node_error(run: Any, node: Node, outcome: Any) -> None:
    """Emit FAIL for the attempt, with the error."""
    if client := _client():
        from mlops_openlineage import events

        _emit(client, events.node_ended(run, node, outcome))


@hookimpl
def after_deploy(deployment: Any, plan: Any) -> None:
    """Emit a job event for the pipeline and each of its nodes: they are there now, though none has run yet."""
    del plan
    if client := _client():
        from mlops_openlineage import events

        for event in events.deployed(deployment):
            _emit(client, event)


def _emit(client: OpenLineageClient, event: RunEvent | JobEvent) -> None:
    client.emit(event)


def _client() -> OpenLineageClient | None:
    return _client_of(os.getpid()) if configured() else None


def configured() -> bool:
    """Tell whether OpenLineage has been told where events go, in one of the ways that its client documents."""
    if any(name.startswith("OPENLINEAGE_") for name in os.environ):
        return os.environ.get("OPENLINEAGE_DISABLED", "").lower() != "true"
    return any(place.is_file() for place in (Path("openlineage.yml"), Path.home() / ".openlineage" / "openlineage.yml"))


@cache
def _client_of(process: int) -> OpenLineageClient:
    """Return the client of this process; a forked one has its own connections."""
    del process
    from openlineage.client import OpenLineageClient

    return OpenLineageClient()
