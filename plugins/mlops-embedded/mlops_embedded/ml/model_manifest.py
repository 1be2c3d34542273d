"""MANIFEST.yml of Snowflake's model packaging format: which methods a model version has, and how they are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mlops_embedded.errors import SnowflakeError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Argument:
    """A column that goes into a method, or comes out of it; a parameter also has its default as SQL."""

    name: str
    type: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """One method: `handler` is the folder, module and function, as in `functions.predict.infer`."""

    name: str
    handler: str
    is_table: bool
    inputs: tuple[Argument, ...]
    parameters: tuple[Argument, ...]
    outputs: tuple[Argument, ...]

    @property
    def arguments(self) -> tuple[Argument, ...]:
        return self.inputs + self.parameters

    @property
    def return_type(self) -> str:
        """The type as SHOW FUNCTIONS IN MODEL tells it: OBJECT, a plain type, or TABLE (...)."""
        if not self.is_table:
            return self.outputs[0].type
        return "TABLE (" + ", ".join(f"{output.name} {output.type}" for output in self.outputs) + ")"


@dataclass(frozen=True, slots=True)
class LineageSource:
    """What a model was made from: `type` is EXPERIMENT or DATASET, with a version (a run), or QUERY."""

    type: str
    entity: str
    version: str | None = None


def read_methods(folder: Path) -> tuple[Method, ...]:
    """Return the methods of a packaged model.

    Raises:
        SnowflakeError 398507: there is no MANIFEST.yml, or it is none.
    """
    return tuple(_read(folder, lambda manifest: [_method(method) for method in manifest["methods"]]))


def read_lineage_sources(folder: Path) -> tuple[LineageSource, ...]:
    """Return what the model was made from, as the client wrote it down; errors are those of `read_methods`."""
    return tuple(_read(folder, lambda manifest: [LineageSource(**s) for s in manifest.get("lineage_sources", [])]))


def _read(folder: Path, part: Callable[[dict[str, Any]], list[T]]) -> list[T]:
    try:
        return part(yaml.safe_load((folder / "MANIFEST.yml").read_text(encoding="utf-8")))
    except (FileNotFoundError, yaml.YAMLError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise SnowflakeError(
            f"Unable to read file MANIFEST.yml of the model: {type(error).__name__}: {error}",
            code="398507",
            sqlstate="22000",
        ) from error


def _method(method: dict[str, Any]) -> Method:
    return Method(
        name=method["name"],
        handler=method["handler"],
        is_table=method["type"] == "TABLE_FUNCTION",
        inputs=_arguments(method["inputs"]),
        parameters=_arguments(method.get("params", [])),
        outputs=_arguments(method["outputs"]),
    )


def _arguments(fields: list[dict[str, Any]]) -> tuple[Argument, ...]:
    return tuple(Argument(field.get("name", ""), field["type"], field.get("default")) for field in fields)
