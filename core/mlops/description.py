"""Description: a function, marked or not, read from its signature and its declaration into the node that it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from msgspec import Struct

from mlops.declaration import Declaration, declaration_of, node_name
from mlops.errors import NodeDefinitionError
from mlops.nodes import RESERVED, SERVICES, STORAGES, Node, Origin
from mlops.parameters import Parameter, parameter_of

_DESCRIPTION = 1000
"""How much of the first line of a docstring is kept, in characters."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def describe(function: Callable[..., object], origin: Origin, *, name: str | None = None) -> Node:
    """Return the node that ``function`` is, read from its signature and from what ``@node`` was told.

    Raises:
        NodeDefinitionError: the signature or an option says something impossible; the message names the node.
    """
    declaration = declaration_of(function)
    name = name or node_name(function)
    if not callable(function):
        raise NodeDefinitionError(node=name, problem=f"{origin.source} is {type(function).__name__}, not a function")
    _check_call(function, node=name)
    _check_name(name, node=name, what="the node's name")
    from mlops.annotations import type_names_of_return, type_of_argument

    signature = _signature(function, name)
    asked = tuple(argument.name for argument in signature)
    takes_mapping = "inputs" in asked

    aliases = declaration.inputs if isinstance(declaration.inputs, Mapping) else {}
    inputs: dict[str, str] = {}
    parameters: list[Parameter] = []
    types: dict[str, str] = {}
    for argument in signature:
        if argument.name in RESERVED:
            continue
        if argument.required or argument.name in aliases:
            inputs[argument.name] = aliases.get(argument.name, argument.name)
            if kind := type_of_argument(argument.annotation, argument.hint, function):
                types[inputs[argument.name]] = kind
        else:
            parameters.append(_parameter(argument, node=name))
    inputs.update(_declared_inputs(declaration, inputs, asked, node=name))
    parameters.extend(_declared_parameters(declaration, parameters, takes_mapping, node=name))
    outputs = declaration.outputs or ()
    _check_datasets(tuple(inputs.values()), outputs, node=name)
    _check_limits(declaration, node=name)

    return Node(
        name=name,
        origin=origin,
        inputs=inputs,
        input_types=types,
        outputs=outputs,
        output_types=type_names_of_return(function, outputs),
        parameters=tuple(parameters),
        services=tuple(service for service in SERVICES if service in asked),
        arguments=asked,
        open_inputs=takes_mapping and declaration.inputs is None and declaration.params is None,
        after=declaration.after,
        resources=declaration.resources,
        timeout=declaration.timeout,
        retries=declaration.retries,
        description=declaration.description or _first_line(function),
        group=declaration.group,
        partitions=declaration.partitions,
        serving=declaration.serving,
        storage=_storage(declaration, outputs, node=name),
        deterministic=declaration.deterministic,
    )


def _check_call(function: Callable[..., object], *, node: str) -> None:
    """Refuse what a call does not run: it would give an object that nobody awaits or reads, and do nothing."""
    import inspect

    if isinstance(function, type):
        raise NodeDefinitionError(
            node=node,
            problem=f"it is the class {function.__qualname__}, and a node is a function",
            hint="name a function that makes the object and uses it",
        )
    plain = inspect.isroutine(function) or isinstance(function, partial)
    called = function if plain else type(function).__call__
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        raise NodeDefinitionError(
            node=node,
            problem="it is an async function, and mlops calls a node without awaiting it",
            hint="write it with def, and call asyncio.run(...) in it",
        )
    if inspect.isgeneratorfunction(called):
        raise NodeDefinitionError(
            node=node,
            problem="it is a generator function (it has a yield), and a call of it runs none of its lines",
            hint="collect the values and return them: return list(...), a DataFrame, or the path of a file",
        )


def _declared_inputs(
    declaration: Declaration, own: Mapping[str, str], asked: Sequence[str], *, node: str
) -> dict[str, str]:
    """Return what ``inputs=`` adds to the arguments that the function has: what it reads from the mapping ``inputs``."""
    declared = declaration.inputs
    if declared is None:
        return {}
    if isinstance(declared, Mapping):
        added = {alias: dataset for alias, dataset in declared.items() if alias not in asked}
    else:
        added = {dataset: dataset for dataset in declared if dataset not in own}
    if added and "inputs" not in asked:
        first = next(iter(added))
        if isinstance(declared, Mapping):
            problem = f"inputs= names the argument {first!r}, which the function does not have"
            hint = f"its arguments are: {', '.join(asked) or 'none'}"
        else:
            problem = f"inputs= lists {first!r}, but the function has no argument of that name"
            hint = f"add the argument {first!r}, or take the mapping 'inputs'"
        raise NodeDefinitionError(node=node, problem=problem, hint=hint)
    return added


def _check_datasets(inputs: Sequence[str], outputs: Sequence[str], *, node: str) -> None:
    for dataset in (*inputs, *outputs):
        _check_name(dataset, node=node, what=f"dataset {dataset!r}")
    if len(set(outputs)) != len(outputs):
        raise NodeDefinitionError(node=node, problem=f"outputs= lists a dataset twice: {', '.join(outputs)}")
    if both := sorted(set(outputs) & set(inputs)):
        raise NodeDefinitionError(
            node=node,
            problem=f"it reads and writes {', '.join(map(repr, both))}",
            hint="a dataset is written once in a run: give the output another name",
        )


def _storage(declaration: Declaration, outputs: Sequence[str], *, node: str) -> dict[str, str]:
    """Return the outputs that are not kept as files, each with where it is kept."""
    asked = declaration.storage
    chosen = dict.fromkeys(outputs, asked) if isinstance(asked, str) else dict(asked)
    for dataset, storage in chosen.items():
        if dataset not in outputs:
            raise NodeDefinitionError(
                node=node,
                problem=f"storage= names {dataset!r}, which the node does not write",
                hint=f"it writes: {', '.join(outputs) or 'nothing'}",
            )
        if storage not in STORAGES:
            raise NodeDefinitionError(
                node=node, problem=f"storage of {dataset!r} is {storage!r}", hint=f"it is one of: {', '.join(STORAGES)}"
            )
    return {dataset: storage for dataset, storage in chosen.items() if storage != "file"}


class _Argument(Struct, frozen=True):
    name: str
    required: bool
    default: object
    annotation: str
    hint: object


def _signature(function: Callable[..., object], name: str) -> tuple[_Argument, ...]:
    import inspect

    from mlops.annotations import resolved

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as cause:
        raise NodeDefinitionError(node=name, problem=f"its signature cannot be read: {cause}") from cause
    arguments = []
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise NodeDefinitionError(
                node=name,
                problem=f"the argument {stars}{parameter.name} has no name that a dataset could have",
                hint="name each dataset and parameter, or take the mapping 'inputs'",
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise NodeDefinitionError(
                node=name,
                problem=f"the argument {parameter.name!r} is positional-only, and mlops passes arguments by name",
                hint="remove the '/' from the signature",
            )
        annotation = parameter.annotation
        text = "" if annotation is parameter.empty else _annotation_text(annotation)
        arguments.append(
            _Argument(
                name=parameter.name,
                required=parameter.default is parameter.empty,
                default=None if parameter.default is parameter.empty else parameter.default,
                annotation=text,
                hint=None if annotation is parameter.empty else resolved(annotation, function),
            )
        )
    return tuple(arguments)


def _annotation_text(annotation: object) -> str:
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type):
        module = annotation.__module__
        return annotation.__qualname__ if module == "builtins" else f"{module}.{annotation.__qualname__}"
    return str(annotation).replace("typing.", "")


def _parameter(argument: _Argument, *, node: str) -> Parameter:
    return parameter_of(
        argument.name, default=argument.default, hint=argument.hint, text=argument.annotation, node=node
    )


def _declared_parameters(
    declaration: Declaration, own: Sequence[Parameter], takes_mapping: bool, *, node: str
) -> list[Parameter]:
    if declaration.params is None:
        return []
    if not takes_mapping:
        raise NodeDefinitionError(
            node=node,
            problem="params= is for functions that take the mapping 'inputs'",
            hint="give each parameter as an argument with a default",
        )
    names = {parameter.name for parameter in own}
    return [
        parameter_of(key, default=value, hint=None, text="", node=node)
        for key, value in declaration.params.items()
        if key not in names
    ]


def _check_name(name: str, *, node: str, what: str) -> None:
    if not isinstance(name, str) or not _NAME.match(name) or len(name) > 128:
        raise NodeDefinitionError(
            node=str(node),
            problem=f"{what} is not a name",
            hint="use letters, digits and '_', start with a letter, at most 128 characters",
        )


def _check_limits(declaration: Declaration, *, node: str) -> None:
    if declaration.timeout is not None and declaration.timeout <= timedelta():
        raise NodeDefinitionError(node=node, problem=f"timeout must be more than 0, not {declaration.timeout}")
    if not 0 <= declaration.retries.count <= 100:
        raise NodeDefinitionError(node=node, problem=f"retries must be 0 to 100, not {declaration.retries.count}")


def _first_line(function: Callable[..., object]) -> str:
    if isinstance(function, partial):
        return _first_line(function.func)
    text = (getattr(function, "__doc__", None) or "").strip()
    return text.partition("\n")[0].strip()[:_DESCRIPTION]


def source_of(function: Callable[..., object]) -> str:
    """Return ``module:qualname`` of a function, as an entry point would name it."""
    qualname = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '?')}:{qualname}"
