"""JSON Schemas of what people write: the project's configuration, and a job file. Editors complete and check with them.

Both are made from the same declarations that mlops itself checks with, so that they cannot say something else.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mlops.compile.specification import Specification
from mlops.configuration.pipeline_tables import PipelineTable
from mlops.configuration.settings import KEYS
from mlops.configuration.targets import Target
from mlops.type_expressions import type_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def job_schema() -> dict[str, Any]:  # Any: JSON
    """Return the schema of a job file: a service specification."""
    schema: dict[str, Any] = msgspec.json.schema(Specification)  # Any: JSON
    return _tidy({"$schema": DIALECT, "title": "A service specification of Snowpark Container Services", **schema})


def configuration_schema() -> dict[str, Any]:  # Any: JSON
    """Return the schema of mlops.toml, which is that of the table ``[tool.mlops]`` of pyproject.toml."""
    (pipeline, target), definitions = msgspec.json.schema_components(
        (PipelineTable, Target), ref_template="#/$defs/{name}"
    )
    properties: dict[str, Any] = {}  # Any: JSON
    for key in KEYS:
        section, _, name = key.name.rpartition(".")
        within = properties
        if section:
            table = properties.setdefault(section, {"type": "object", "additionalProperties": False, "properties": {}})
            within = table["properties"]
        within[name] = {
            **msgspec.json.schema(type_of(key.type)),
            "description": f"{key.help} ({key.variable})",
            **({} if key.default is None else {"default": key.default}),
        }
    del definitions["Target"]["properties"]["name"]  # a target is named by its table
    properties["pipelines"] = {"type": "object", "additionalProperties": pipeline}
    properties["targets"] = {"type": "object", "additionalProperties": target}
    return _tidy(
        {
            "$schema": DIALECT,
            "title": "The configuration of a project of mlops",
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
            "$defs": definitions,
        }
    )


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    """Editors take no null where TOML and YAML have none to write, and show a description's first lines alone."""
    if isinstance(schema.get("anyOf"), list):
        given = [one for one in schema["anyOf"] if one != {"type": "null"}]
        if len(given) == 1:
            schema = {**{key: value for key, value in schema.items() if key != "anyOf"}, **given[0]}
        else:
            schema = {**schema, "anyOf": given}
    tidy: dict[str, Any] = {}  # Any: JSON
    for key, value in schema.items():
        if key == "default" and value in (None, (), {}, []):
            continue
        if key == "description" and isinstance(value, str):
            value = " ".join(value.partition("\n\n")[0].split())
        tidy[key] = _tidied(value)
    return tidy


def _tidied(value: Any) -> Any:  # Any: JSON
    if isinstance(value, dict):
        return _tidy(value)
    return [_tidied(one) for one in value] if isinstance(value, (list, tuple)) else value
