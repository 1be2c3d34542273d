"""The CONFIG of a graph's root task: the parameters of all its nodes, flat, so that one run can be given others.

A key is ``node.parameter``; the node goes by its full name where the pipeline has several of the short one. A truth value
or a number is kept as it is, and so is a text whose parameter takes nothing but text; everything else (None, lists,
dicts, dates, a text that could be another type) is JSON as text, because Snowflake's REST resource takes no nested CONFIG.

Source: Snowflake documentation, "CREATE TASK", CONFIG.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from mlops.compile.objects import Scalar
from mlops.credentials import hide_credentials
from mlops.errors import MlopsError, ParameterError, SeveralError, closest
from mlops.graph import Graph
from mlops.nodes import Node
from mlops.parameters import Parameter, checked


def keys_of(nodes: Sequence[Node]) -> dict[str, str]:
    """Return, by full name, what a node's parameters begin with: the short name where no other node has it."""
    counts = Counter(node.name for node in nodes)
    return {node.full_name: node.name if counts[node.name] == 1 else node.full_name for node in nodes}


def encode(graph: Graph, parameters: Mapping[str, Mapping[str, object]]) -> dict[str, Scalar]:
    """Return the CONFIG that holds these values, which are given by full name of a node and name of a parameter.

    Raises:
        ParameterError: a value that JSON cannot hold, such as an infinite number.
    """
    config: dict[str, Scalar] = {}
    keys = keys_of(graph.nodes)
    for node in sorted(graph.nodes, key=lambda node: keys[node.full_name]):
        key, types = keys[node.full_name], {parameter.name: parameter.type for parameter in node.parameters}
        for name, value in sorted(parameters.get(node.full_name, {}).items()):
            config[f"{key}.{name}"] = _encoded(f"{key}.{name}", value, types.get(name, ""))
    return config


def decode(node: Node, key: str, config: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters of a node, as JSON holds them, each checked; those that CONFIG does not name have their default.

    ``key`` is the one that ``keys_of`` gives the node.

    Raises:
        ParameterError, SeveralError: a value that does not fit its type, or a name that the node has no parameter of.
    """
    known = {parameter.name: parameter for parameter in node.parameters}
    values: dict[str, object] = {parameter.name: parameter.default for parameter in node.parameters}
    problems: list[MlopsError] = []
    for full, value in config.items():
        if not full.startswith(f"{key}."):
            continue
        name = full[len(key) + 1 :]
        parameter = known.get(name)
        if parameter is None and not node.open_inputs:
            similar = closest(name, known)
            problems.append(
                ParameterError(
                    parameter=full,
                    problem=f"node {node.name!r} has no parameter {name!r}",
                    hint=f"did you mean {key}.{similar}?" if similar else f"it has: {', '.join(known) or 'none'}",
                )
            )
            continue
        try:
            values[name] = _decoded(full, value, parameter or Parameter(name, None))
        except ParameterError as cause:
            problems.append(cause)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralError(f"{len(problems)} parameters in the graph's CONFIG are not right", problems)
    return values


def _encoded(key: str, value: object, kind: str) -> Scalar:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError) as cause:
        raise ParameterError(
            parameter=key,
            problem=f"{_shown(key, value)} cannot be kept in the CONFIG of a task: {cause}",
            hint="a parameter of a deployed pipeline is a finite number, text, truth value, or a list or dict of such",
        ) from cause
    return value if isinstance(value, (bool, int, float)) or (isinstance(value, str) and kind == "str") else text


def _decoded(key: str, value: object, parameter: Parameter) -> object:
    if isinstance(value, str) and parameter.type != "str":
        try:
            value = json.loads(value)
        except ValueError:
            raise ParameterError(
                parameter=key,
                problem=f"{_shown(key, value)} is not JSON, and {parameter.type or 'a value of any type'} is kept as JSON",
                hint=f"write it as JSON in text, for example {_encoded(key, parameter.default, parameter.type)!r}",
            ) from None
    try:
        return checked(parameter, value)
    except ParameterError as cause:
        raise ParameterError(parameter=key, problem=cause.message.partition(": ")[2], hint=cause.hint) from cause


def _shown(key: str, value: object) -> str:
    """Return a value as an error may have it."""
    (shown,) = hide_credentials({key: value}).values()
    return repr(shown)
