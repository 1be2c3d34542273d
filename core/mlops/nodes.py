"""A node: one Python function of an installed package, and all that can be known of it without calling it.

``node`` marks a function and returns that same function. ``describe`` reads a function, marked or not, and returns a
``Node``: names and values only, so that it can be kept in a file and read back without importing the plugin.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import CodeType
from typing import Literal, TypeVar, overload

from msgspec import Struct, field

from mlops.errors import NodeDefinitionError
from mlops.parameters import Parameter, parameter_of

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])

SERVICES = ("feature_store", "model_registry", "session")
"""Arguments of these names receive Snowflake's own objects, or None in a run without services."""

STORAGES = ("file", "table")
MAPPINGS = ("inputs", "outputs")
RESERVED = (*SERVICES, *MAPPINGS, "context")
FOUR_ARGUMENTS = ("feature_store", "model_registry", "inputs", "outputs")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(M|Mi|G|Gi)\Z")
_DECLARATION = "__mlops_node__"


class Resources(Struct, frozen=True):
    """What the container of a node asks for and may use at most.

    ``cpu`` is in cores (0.5 is half a core), ``memory`` a number with M, Mi, G or Gi, ``gpu`` whole devices.

    Source: Snowflake documentation, "Service specification reference", containers.resources.
    """

    cpu: float = 1.0
    memory: str = "2Gi"
    gpu: int = 0

    def __post_init__(self) -> None:
        if not self.cpu > 0:
            raise ValueError(f"cpu must be more than 0 cores, not {self.cpu!r}")
        if not _MEMORY.match(self.memory):
            raise ValueError(f"memory must be a number with M, Mi, G or Gi, for example '2Gi', not {self.memory!r}")
        if self.gpu < 0 or int(self.gpu) != self.gpu:
            raise ValueError(f"gpu must be a whole number of devices, not {self.gpu!r}")


class Retries(Struct, frozen=True):
    """How often a failed node is tried again, and how long to wait before: ``delay``, then ``backoff`` times as long."""

    count: int = 0
    delay: timedelta = timedelta(seconds=1)
    backoff: float = 2.0

    def wait_before(self, attempt: int) -> timedelta:
        """Return how long to wait before attempt number ``attempt``; the first attempt is number 1 and never waits."""
        return timedelta() if attempt <= 1 else self.delay * self.backoff ** (attempt - 2)


class Endpoint(Struct, frozen=True):
    """A port that a service listens on. ``public`` lets it be reached from outside of Snowflake.

    Source: Snowflake documentation, "Service specification reference", endpoints.
    """

    name: str
    port: int
    public: bool = False
    protocol: Literal["HTTP", "TCP"] = "HTTP"


class Serving(Struct, frozen=True):
    """How a node that keeps running is served: its function starts a server and returns when that ends.

    ``readiness_path`` is asked on the first endpoint until it answers. ``function`` names a SQL function that calls
    ``function_path`` of the first endpoint, with ``function_arguments`` as SQL names and types.
    """

    endpoints: tuple[Endpoint, ...] = (Endpoint("http", 8080),)
    min_instances: int = 1
    max_instances: int = 1
    readiness_path: str | None = None
    function: str | None = None
    function_path: str = "/"
    function_arguments: Mapping[str, str] = field(default_factory=dict)
    function_returns: str = "VARIANT"


class Partitions(Struct, frozen=True):
    """How a node is split: ``count`` replicas, each with the rows of its own part of every dataset that has ``key``.

    A row belongs to the replica that the hash of its ``key`` names, so that all rows of one key meet in one replica.
    Without a key each replica reads everything, and picks its part by ``context.replica_index``.
    """

    count: int
    key: str | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"partitions must be at least 1, not {self.count!r}")


class Origin(Struct, frozen=True):
    """Where a node comes from: the distribution that ships it, its version, and the function as ``module:qualname``.

    ``digest`` changes whenever a file of the distribution does, also in an editable install of one version.
    ``through`` is the plugin (``module`` or ``module:object``) whose ``register_nodes`` offers the function; empty when
    an entry point names the function itself.
    """

    distribution: str
    version: str
    source: str
    digest: str = ""
    through: str = ""


class Node(Struct, frozen=True):
    """One step of a pipeline: the datasets that go in and come out, its parameters, and what it needs to run.

    ``storage`` names, by output, where it is kept when that is not a file: ``table``. Nodes of one ``group`` may share a
    container. ``serving`` makes it a long-running service.

    ``inputs`` maps each argument to the dataset it receives. ``input_types`` and
    ``output_types`` hold, where the type is annotated, its qualified name, and for outputs those of its bases, too. ``open_inputs`` is true for a function that only takes
    the ``inputs`` mapping and declares no content: it accepts any parameter.
    """

    name: str
    origin: Origin
    inputs: Mapping[str, str] = field(default_factory=dict)
    input_types: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    output_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    services: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    open_inputs: bool = False
    after: tuple[str, ...] = ()
    resources: Resources = Resources()
    timeout: timedelta | None = None
    retries: Retries = Retries()
    description: str = ""
    group: str | None = None
    partitions: Partitions | None = None
    serving: Serving | None = None
    storage: Mapping[str, str] = field(default_factory=dict)
    deterministic: bool = False

    @property
    def full_name(self) -> str:
        """``distribution:name``, the name that no other distribution can take."""
        return f"{self.origin.distribution}:{self.name}"

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets this node reads, each once, in the order of its arguments."""
        return tuple(dict.fromkeys(self.inputs.values()))


class Declaration(Struct, frozen=True):
    """What the author said in ``@node(...)``, kept on the function until it is described."""

    name: str | None = None
    inputs: Sequence[str] | Mapping[str, str] | None = None
    outputs: tuple[str, ...] | None = None
    params: Mapping[str, object] | None = None
    after: tuple[str, ...] = ()
    resources: Resources = Resources()
    timeout: timedelta | None = None
    retries: Retries = Retries()
    description: str | None = None
    group: str | None = None
    partitions: Partitions | None = None
    serving: Serving | None = None
    storage: str | Mapping[str, str] = "file"
    deterministic: bool = False


@overload
def node(function: FunctionT, /) -> FunctionT: ...


@overload
def node(
    *,
    name: str | None = None,
    inputs: Sequence[str] | Mapping[str, str] | None = None,
    outputs: Sequence[str] | None = None,
    params: Mapping[str, object] | None = None,
    after: Sequence[str] = (),
    resources: Resources | None = None,
    timeout: timedelta | float | None = None,
    retries: Retries | int = 0,
    description: str | None = None,
    group: str | None = None,
    partitions: Partitions | int | None = None,
    serving: Serving | None = None,
    storage: Literal["file", "table"] | Mapping[str, str] = "file",
    deterministic: bool = False,
) -> Callable[[FunctionT], FunctionT]: ...


def node(
    function: FunctionT | None = None,
    /,
    *,
    name: str | None = None,
    inputs: Sequence[str] | Mapping[str, str] | None = None,
    outputs: Sequence[str] | None = None,
    params: Mapping[str, object] | None = None,
    after: Sequence[str] = (),
    resources: Resources | None = None,
    timeout: timedelta | float | None = None,
    retries: Retries | int = 0,
    description: str | None = None,
    group: str | None = None,
    partitions: Partitions | int | None = None,
    serving: Serving | None = None,
    storage: Literal["file", "table"] | Mapping[str, str] = "file",
    deterministic: bool = False,
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """Mark a function as a node and return the function itself, so that a test calls it like any other.

    Arguments named ``feature_store``, ``model_registry``, ``session``, ``inputs``, ``outputs`` and ``context`` are
    given by mlops. Any other argument is a dataset if it has no default, and a parameter if it has one.

    name: another name than the function's.
    inputs: datasets of a function that takes the ``inputs`` mapping; or argument → dataset where the names differ.
    outputs: the datasets it writes. One is the return value; several are a dict, or go into the ``outputs`` mapping.
    params: parameters of a function that takes the ``inputs`` mapping, with their defaults.
    after: nodes that must have ended before, though no dataset comes from them.
    timeout: seconds or a timedelta after which an attempt is ended.
    retries: how many more attempts, or a ``Retries`` that also says how long to wait between them.
    group: nodes of one group may share a container in Snowflake, which saves its start.
    partitions: how many replicas share the work, or a ``Partitions`` that also says by which column.
    serving: makes the node a long-running service of Snowflake.
    storage: ``table`` keeps outputs as Snowflake tables, given and taken as Snowpark DataFrames; or output → storage.
    deterministic: equal inputs and parameters give equal outputs; ``mlops plugins check`` holds the node to it.
    """

    def mark(marked: FunctionT) -> FunctionT:
        label = str(name or getattr(marked, "__name__", repr(marked)))
        if isinstance(outputs, str) or isinstance(inputs, str) or isinstance(after, str):
            raise NodeDefinitionError(
                node=label,
                problem="inputs, outputs and after are lists of names",
                hint='write outputs=["customers"], also for a single name',
            )
        declaration = Declaration(
            name=name,
            inputs=inputs if inputs is None or isinstance(inputs, Mapping) else tuple(inputs),
            outputs=None if outputs is None else tuple(outputs),
            params=params,
            after=tuple(after),
            resources=resources or Resources(),
            timeout=timedelta(seconds=timeout) if isinstance(timeout, (int, float)) else timeout,
            retries=Retries(count=retries) if isinstance(retries, int) else retries,
            description=description,
            group=group,
            partitions=Partitions(partitions) if isinstance(partitions, int) else partitions,
            serving=serving,
            storage=storage,
            deterministic=deterministic,
        )
        setattr(marked, _DECLARATION, declaration)
        return marked

    return mark if function is None else mark(function)


def is_marked(value: object) -> bool:
    """Tell whether ``value`` is a function that ``@node`` has marked."""
    return isinstance(getattr(value, _DECLARATION, None), Declaration)


def node_name(function: Callable[..., object]) -> str:
    """Return the name a function has as a node when nothing else names it."""
    declaration = getattr(function, _DECLARATION, None)
    named = declaration.name if isinstance(declaration, Declaration) else None
    return named or str(getattr(function, "__name__", "") or type(function).__name__)


def describe(function: Callable[..., object], origin: Origin, *, name: str | None = None) -> Node:
    """Return the node that ``function`` is, read from its signature and from what ``@node`` was told.

    Raises:
        NodeDefinitionError: the signature or an option says something impossible; the message names the node.
    """
    declaration: Declaration = getattr(function, _DECLARATION, None) or Declaration()
    name = name or node_name(function)
    if not callable(function):
        raise NodeDefinitionError(node=name, problem=f"{origin.source} is {type(function).__name__}, not a function")
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
    for alias in aliases:
        if alias not in asked:
            if not takes_mapping:
                raise NodeDefinitionError(
                    node=name,
                    problem=f"inputs= names the argument {alias!r}, which the function does not have",
                    hint=f"its arguments are: {', '.join(asked) or 'none'}",
                )
            inputs[alias] = aliases[alias]
    if declaration.inputs is not None and not aliases:
        for dataset in declaration.inputs:
            if dataset in inputs:
                continue
            if not takes_mapping:
                raise NodeDefinitionError(
                    node=name,
                    problem=f"inputs= lists {dataset!r}, but the function has no argument of that name",
                    hint=f"add the argument {dataset!r}, or take the mapping 'inputs'",
                )
            inputs[dataset] = dataset
    parameters.extend(_declared_parameters(declaration, parameters, takes_mapping, node=name))
    outputs = declaration.outputs or ()
    for dataset in (*inputs.values(), *outputs):
        _check_name(dataset, node=name, what=f"dataset {dataset!r}")
    if len(set(outputs)) != len(outputs):
        raise NodeDefinitionError(node=name, problem=f"outputs= lists a dataset twice: {', '.join(outputs)}")
    if both := sorted(set(outputs) & set(inputs.values())):
        raise NodeDefinitionError(
            node=name,
            problem=f"it reads and writes {', '.join(map(repr, both))}",
            hint="a dataset is written once in a run: give the output another name",
        )
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
    text = (getattr(function, "__doc__", None) or "").strip()
    return text.partition("\n")[0].strip()


def source_of(function: Callable[..., object]) -> str:
    """Return ``module:qualname`` of a function, as an entry point would name it."""
    qualname = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '?')}:{qualname}"


def line_of(function: Callable[..., object]) -> tuple[str, int] | None:
    """Return the file and line a function is defined at, or None for what was not written in a file."""
    wrapped = getattr(function, "__wrapped__", function)
    code: CodeType | None = getattr(wrapped, "__code__", None)
    module = sys.modules.get(getattr(wrapped, "__module__", ""))
    if code is None or module is None:
        return None
    return code.co_filename, code.co_firstlineno
