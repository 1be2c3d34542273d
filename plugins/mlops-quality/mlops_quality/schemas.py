"""Schemas by dataset: objects of installed distributions, named in the entry point group ``mlops_quality.schemas``.

The name of an entry point is that of a dataset, of every pipeline, or ``pipeline.dataset`` for one. The distribution
whose node writes the dataset has the first word; another one's schema serves where that has none.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import importlib_metadata

from mlops import MlopsError

GROUP = "mlops_quality.schemas"


class Schema(NamedTuple):
    """A schema of pandera, and where it is from."""

    distribution: str
    place: str
    schema: Any  # Any: a DataFrameSchema, a DataFrameModel, or their like for another kind of table


class SchemaError(MlopsError):
    """A schema that an entry point promises cannot be used."""


def schema_for(pipeline: str, distribution: str, dataset: str) -> Schema | None:
    """Return the schema of a dataset that a node of ``distribution`` writes in a pipeline; None where there is none.

    Raises:
        SchemaError: the schema cannot be imported, is no schema, or several distributions have one and the writer none.
    """
    for name in (f"{pipeline}.{dataset}", dataset):
        offered = _entry_points().get(name, ())
        own = [one for one in offered if one[0] == distribution]
        if len(own or offered) > 1:
            owners = ", ".join(sorted(owner for owner, _ in offered))
            raise SchemaError(
                f"schemas of {name!r} are offered by {owners}",
                hint="keep one of them, or name the pipeline: pipeline.dataset",
            )
        for owner, value in own or offered:
            return Schema(owner, value, _loaded(owner, value))
    return None


def unusable(distributions: set[str]) -> list[tuple[str, str]]:
    """Return the schemas of these distributions that cannot be used, each with the reason."""
    found = []
    for name, offered in sorted(_entry_points().items()):
        for owner, value in offered:
            if owner in distributions:
                try:
                    _loaded(owner, value)
                except SchemaError as cause:
                    found.append((f"the schema of {name!r}", cause.message))
    return found


@cache
def _entry_points() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the distribution and the place of every schema, by the name of its entry point."""
    found: dict[str, dict[tuple[str, str], None]] = {}
    for distribution in importlib_metadata.distributions():
        for entry in distribution.entry_points:
            if entry.group == GROUP:
                owner = distribution.name.lower().replace("_", "-")
                found.setdefault(entry.name, {})[owner, entry.value] = None
    return {name: tuple(places) for name, places in found.items()}


@cache
def _loaded(distribution: str, value: str) -> Any:  # Any: see Schema
    entry = importlib_metadata.EntryPoint(name="schema", value=value, group=GROUP)
    try:
        schema = entry.load()
    except Exception as cause:  # a module of another distribution may raise anything
        raise SchemaError(
            f"the schema {value} of {distribution} cannot be loaded: {type(cause).__name__}: {cause}",
            hint=f"mend {distribution}, or take the entry point out of [{GROUP}]",
        ) from cause
    if callable(schema) and not hasattr(schema, "validate"):
        schema = schema()
    if not hasattr(schema, "validate"):
        raise SchemaError(
            f"{value} of {distribution} is {type(schema).__name__}, and no schema of pandera",
            hint="name a DataFrameSchema, a DataFrameModel, or a function that returns one",
        )
    return schema
