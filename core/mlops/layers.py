"""A layer: parameter values from one place, such as a pipeline or the command line, and what several settle to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from mlops.errors import MlopsError, ParameterError, SeveralError, closest
from mlops.nodes import Node
from mlops.parameters import Parameter, checked


class Layer(Struct, frozen=True):
    """Parameter values from one place, such as a pipeline or the command line.

    Keys are ``parameter`` (every node that has it) or ``node.parameter``. ``texts`` says that the values are words
    still to be read, as on a command line.
    """

    source: str
    values: Mapping[str, object]
    texts: bool = False


def settle(nodes: Sequence[Node], layers: Sequence[Layer]) -> dict[str, dict[str, object]]:
    """Return the parameter values of every node by its full name; later layers win, ``node.parameter`` wins in a layer.

    Raises:
        ParameterError, SeveralError: a parameter that no node has (with the closest name), or a value that does not fit.
    """
    values = {node.full_name: {parameter.name: parameter.default for parameter in node.parameters} for node in nodes}
    problems: list[MlopsError] = []
    for layer in layers:
        for node, chosen in _chosen(nodes, layer, problems).items():
            values[node].update(chosen)
    _raise(problems)
    return values


def given(nodes: Sequence[Node], layer: Layer) -> dict[str, dict[str, object]]:
    """Return the values that one layer gives, and no defaults, by full name of the node.

    Raises:
        ParameterError, SeveralError: as ``settle`` does.
    """
    problems: list[MlopsError] = []
    values = _chosen(nodes, layer, problems)
    _raise(problems)
    return values


def of_pipeline(layer: Layer, nodes: Sequence[Node], installed: Iterable[Node]) -> Layer:
    """Return a layer that several pipelines share without what is meant for nodes of others: ``nodes`` are those of one.

    What no installed node has stays, and is a slip that ``settle`` tells.
    """
    elsewhere = list(installed)
    kept = {
        key: value
        for key, value in layer.values.items()
        if _takers(nodes, key) or not any(_declares(node, key) for node in elsewhere)
    }
    return Layer(layer.source, kept, layer.texts)


def _declares(node: Node, key: str) -> bool:
    name, dot, parameter_name = key.rpartition(".")
    if dot and name not in (node.name, node.full_name):
        return False
    return any(parameter.name == parameter_name for parameter in node.parameters) or bool(dot and node.open_inputs)


def _chosen(nodes: Sequence[Node], layer: Layer, problems: list[MlopsError]) -> dict[str, dict[str, object]]:
    values: dict[str, dict[str, object]] = {}
    for key, value in sorted(layer.values.items(), key=lambda item: item[0].count(".")):
        takers = _takers(nodes, key)
        if not takers:
            problems.append(_unknown(nodes, key, layer))
        for node, parameter in takers:
            try:
                values.setdefault(node.full_name, {})[parameter.name] = checked(parameter, value, text=layer.texts)
            except ParameterError as cause:
                shown = ParameterError(
                    parameter=key,
                    problem=f"{cause.message.partition(': ')[2]} for node {node.name!r} ({layer.source})",
                    hint=cause.hint,
                )
                problems.append(shown)
    return values


def _raise(problems: list[MlopsError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralError(f"{len(problems)} parameters are not right", problems)


def _takers(nodes: Sequence[Node], key: str) -> list[tuple[Node, Parameter]]:
    name, dot, parameter_name = key.rpartition(".")
    takers = []
    for node in nodes:
        if dot and name not in (node.name, node.full_name):
            continue
        for parameter in node.parameters:
            if parameter.name == parameter_name:
                takers.append((node, parameter))
        if node.open_inputs and not any(parameter.name == parameter_name for parameter in node.parameters):
            takers.append((node, Parameter(name=parameter_name, default=None)))
    if not dot and any(not node.open_inputs for node, _ in takers):
        takers = [(node, parameter) for node, parameter in takers if not node.open_inputs]
    return takers


def _unknown(nodes: Sequence[Node], key: str, layer: Layer) -> ParameterError:
    known = {parameter.name for node in nodes for parameter in node.parameters}
    known |= {f"{node.name}.{parameter.name}" for node in nodes for parameter in node.parameters}
    match = closest(key, known)
    listed = ", ".join(sorted(name for name in known if "." not in name)) or "none"
    return ParameterError(
        parameter=key,
        problem=f"no node of this run has it ({layer.source})",
        hint=f"did you mean {match!r}?" if match else f"the parameters are: {listed}",
    )
