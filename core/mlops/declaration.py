"""A declaration: what ``@node`` was told about a function, kept on that same function.

``node`` marks a function and returns the function itself, so that marking changes nothing for who calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Literal, TypeVar, overload

from msgspec import Struct

from mlops.errors import NodeDefinitionError
from mlops.nodes import Partitions, Resources, Retries, Serving

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])

_DECLARATION = "__mlops_node__"


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

    Raises:
        NodeDefinitionError: an option is of no type that it can have.
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


def declaration_of(function: Callable[..., object]) -> Declaration:
    """Return what ``@node`` was told about a function; an empty declaration where it was not marked."""
    found = getattr(function, _DECLARATION, None)
    return found if isinstance(found, Declaration) else Declaration()


def node_name(function: Callable[..., object]) -> str:
    """Return the name a function has as a node when nothing else names it."""
    return declaration_of(function).name or str(getattr(function, "__name__", "") or type(function).__name__)
