"""A continuation: what a run that is resumed keeps of the parameters that it was given before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlops.credentials import HIDDEN
from mlops.errors import ParameterError
from mlops.nodes import Node
from mlops.runs.outcome import RunInfo

Values = Mapping[str, Mapping[str, object]]
"""Parameters by the full name of their node."""


def kept(run: RunInfo, nodes: Iterable[Node], chosen: Values) -> dict[str, dict[str, object]]:
    """Return what a run was given, and is not ``chosen`` otherwise now, as far as its nodes still have such parameters.

    Raises:
        ParameterError: one holds a credential, which is in no record, and is not given again.
    """
    known = {node.full_name: node for node in nodes}
    found: dict[str, dict[str, object]] = {}
    for full_name, values in run.given.items():
        node = known.get(full_name)
        if node is None:
            continue
        names = {parameter.name for parameter in node.parameters}
        for name, value in values.items():
            if name in chosen.get(full_name, {}) or not (node.open_inputs or name in names):
                continue
            if _is_hidden(value):
                raise ParameterError(
                    parameter=f"{node.name}.{name}",
                    problem=f"run {run.run_id} was given it, and no record holds a credential",
                    hint=f"give it again: --param {node.name}.{name}=…",
                )
            found.setdefault(full_name, {})[name] = value
    return found


def merged(under: Values, over: Values) -> dict[str, dict[str, object]]:
    """Return the values of both; where both have one, that of ``over``."""
    return {node: {**under.get(node, {}), **over.get(node, {})} for node in dict.fromkeys((*under, *over))}


def _is_hidden(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_is_hidden(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return any(_is_hidden(one) for one in value)
    return value == HIDDEN
