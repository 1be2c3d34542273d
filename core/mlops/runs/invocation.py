"""Invocation: the arguments that a node's function names, and the files that it may write itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mlops.context import Context, Metric
from mlops.parameters import as_objects
from mlops.runs.arguments import Inputs, Outputs
from mlops.runs.services import Services

if TYPE_CHECKING:
    from mlops.runs.order import Order


def arguments_of(
    order: Order,
    function: Callable[..., object],
    load: Callable[[str, str | None], object],
    outputs: Outputs,
    services: Services,
    metrics: list[Metric],
) -> dict[str, object]:
    """Return the function's arguments: only those that it names."""
    node = order.node
    hints = {} if all(parameter.exact for parameter in node.parameters) else _hints(function)
    parameters = as_objects(order.parameters, node.parameters, hints)
    arguments: dict[str, object] = {}
    for name in node.arguments:
        if name in node.services:
            arguments[name] = services.get(name)
        elif name == "inputs":
            datasets = {
                **node.inputs,
                **{dataset: dataset for dataset in order.inputs if dataset not in node.datasets},
            }
            arguments[name] = Inputs(parameters, datasets, lambda dataset: load(dataset, None))
        elif name == "outputs":
            arguments[name] = outputs
        elif name == "context":
            import logging  # only for a node that asks for its logger: see captured

            arguments[name] = Context(
                run_id=order.run.run_id,
                pipeline=order.run.pipeline,
                node=node.name,
                attempt=order.attempt,
                replica_index=order.replica_index,
                replica_count=order.replica_count,
                parameters=parameters,
                logger=logging.getLogger(f"mlops.node.{node.name}"),
                metrics=metrics,
            )
        elif name in node.inputs:
            dataset = node.inputs[name]
            arguments[name] = load(dataset, _FLAVOURS.get(node.input_types.get(dataset, "").partition(".")[0]))
        elif name in parameters:
            arguments[name] = parameters[name]
    return arguments


def _hints(function: Callable[..., object]) -> dict[str, object]:
    from mlops.annotations import resolved

    annotations = getattr(getattr(function, "__wrapped__", function), "__annotations__", {})
    return {name: hint for name, text in annotations.items() if (hint := resolved(text, function)) is not None}


def specifications(order: Order) -> dict[str, object]:
    """Return what reading ``outputs[name]`` gives, by name of the output: its name, and a path where it may be written."""
    default = {name: {"name": name, "path": os.path.join(order.folder, name)} for name in order.node.outputs}
    return {**default, **order.specifications}


def remove_leftovers(order: Order) -> None:
    """Remove what a killed attempt has written to the path that mlops offers for an output."""
    if "outputs" in order.node.arguments:
        for name in order.node.outputs:
            path = os.path.join(order.folder, name)
            if os.path.isfile(path):
                os.unlink(path)


def adopted(order: Order, outputs: Outputs) -> dict[str, object]:
    """Return the files that a function has written itself to the path of an output's specification."""
    from pathlib import Path

    files: dict[str, object] = {}
    if "outputs" not in order.node.arguments:
        return files
    for name, specification in specifications(order).items():
        path = specification.get("path") if isinstance(specification, Mapping) else specification
        if isinstance(path, str) and name not in outputs.values_set and os.path.exists(path):
            files[name] = Path(path)
    return files


_FLAVOURS = {"pandas": "pandas", "polars": "polars", "pyarrow": "arrow"}
"""What a reader's type hint asks a table to be, by the package of the type."""
