"""Starting a run by hand, with parameters of its own, and finding it again among all others."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping

from mlops.compile.config import encode
from mlops.compile.objects import Scalar
from mlops.compile.variables import credentials_among
from mlops.errors import MlopsError, ParameterError, SeveralError
from mlops.graph import Graph
from mlops.layers import Layer, given
from mlops.operate.deployed import DeployedPipeline
from mlops.operate.operations import Operations

MARK = "trigger"
"""A key of CONFIG that no parameter has, for want of a dot: by its value a run is found that was started with it."""

SECONDS_TO_START = 30.0


def config_of(graph: Graph, pipeline: DeployedPipeline, parameters: Mapping[str, str]) -> dict[str, Scalar]:
    """Return the CONFIG for one run that has these parameters, given as text by ``name`` or ``node.name``.

    Raises:
        ParameterError, SeveralError: no node has it, the value does not fit or is a credential, or what is deployed does not know it.
    """
    values = given(graph.nodes, Layer("--param", parameters, texts=True))
    config = encode(graph, values)
    deployed = pipeline.root.config
    open_nodes = {node.full_name for node in graph.nodes if node.open_inputs}
    problems: list[MlopsError] = credentials_among(values)
    problems.extend(
        ParameterError(
            parameter=key,
            problem="what is deployed does not have it",
            hint=f"mlops deploy {pipeline.name}",
        )
        for key in config
        if key not in deployed
        and not any(key.rpartition(".")[0] in (node, pipeline.short(node)) for node in open_nodes)
    )
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralError(f"{len(problems)} parameters are not right", problems)
    return config


def trigger(
    operations: Operations,
    pipeline: DeployedPipeline,
    config: Mapping[str, Scalar],
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Start a run with these values over those of the root's CONFIG, and return its id.

    None if Snowflake does not tell of it within half a minute: it has started, and ``runs list`` will show it.

    Raises:
        AccountError: Snowflake refuses.
    """
    mark = uuid.uuid4().hex[:16]
    began = clock()
    operations.execute(pipeline.root.name, {**config, MARK: mark})
    while clock() - began < SECONDS_TO_START:
        for row in operations.task_runs(root_id=pipeline.root.id, since=began - 300):
            if row.run is not None and _mark_of(row.config) == mark:
                return row.run
        sleep(0.25)
    return None


def _mark_of(config: str | None) -> object:
    try:
        values = json.loads(config) if config else {}
    except ValueError:
        return None
    return values.get(MARK) if isinstance(values, dict) else None
