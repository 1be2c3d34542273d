"""Snowflake's published API (OpenAPI files) as a checker that is stricter than OpenAPI: unknown keys are refused.

Unions are resolved by their discriminator, which JSON Schema does not do by itself. For tests: it needs jsonschema, and the
files, which are Snowflake's (github.com/snowflakedb/snowflake-rest-api-specs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from mlops_embedded.recorder import Exchange


@dataclass(frozen=True)
class Operation:
    """One verb of one path of one file."""

    pattern: re.Pattern[str]
    definition: dict[str, Any]
    file: str


class Contract:
    """The operations of every file in a folder, found by method and path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._operations: dict[str, list[Operation]] = {}
        for file in sorted(folder.glob("*.yaml")):
            for path, verbs in (self._load(file.name).get("paths") or {}).items():
                for verb, definition in verbs.items():
                    pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+?", re.escape(path)))
                    operation = Operation(pattern, definition, file.name)
                    self._operations.setdefault(verb.upper(), []).append(operation)

    def violations(self, exchange: Exchange) -> list[str]:
        """Return what is not as published, in words; a request counts only if it was accepted."""
        where = f"{exchange.method} {exchange.path}"
        operation = self._find(exchange)
        if operation is None:
            if exchange.status in {404, 405}:
                return []
            return [f"{where}: answered with {exchange.status}, but Snowflake has no such operation"]
        found: list[str] = []
        if exchange.status < 300:
            found += self._request(operation, exchange)
        published = operation.definition["responses"].get(str(exchange.status))
        if published is None:
            return [*found, f"{where}: status {exchange.status} is not published"]
        published = self._resolve(published, operation.file)
        schema, file = published[0].get("content", {}).get("application/json", {}).get("schema"), published[1]
        if schema is not None:
            extended = exchange.status >= 400  # our refusals say the SQL state too
            found += self._check(schema, file, exchange.response, f"{where} response", open_=extended)
        return found

    def _request(self, operation: Operation, exchange: Exchange) -> list[str]:
        where = f"{exchange.method} {exchange.path}"
        found: list[str] = []
        known = {}
        for given in operation.definition.get("parameters", []):
            parameter, file = self._resolve(given, operation.file)
            if parameter["in"] == "query":
                known[parameter["name"]] = (parameter["schema"], file)
        for name, value in exchange.query.items():
            if name not in known:
                found.append(f"{where}: query parameter {name} is not published")
            else:
                schema, file = known[name]
                found += self._check(schema, file, _query_value(value, schema), f"{where} query {name}")
        body = operation.definition.get("requestBody")
        if body is not None and (exchange.request is not None or body.get("required")):
            schema = body["content"]["application/json"]["schema"]
            found += self._check(schema, operation.file, exchange.request, f"{where} request")
        return found

    def _find(self, exchange: Exchange) -> Operation | None:
        matching = [o for o in self._operations.get(exchange.method, []) if o.pattern.fullmatch(exchange.path)]
        return max(matching, key=lambda o: len(re.sub(r"\[\^/\]\+\?", "", o.pattern.pattern)), default=None)

    def _check(self, schema: dict[str, Any], file: str, value: Any, where: str, *, open_: bool = False) -> list[str]:
        validator = Draft202012Validator(self._closed(schema, file, value, open_))
        return [f"{where}{error.json_path[1:]}: {error.message}" for error in validator.iter_errors(value)]

    def _closed(self, schema: dict[str, Any], file: str, value: Any, open_: bool) -> dict[str, Any]:
        """Return JSON Schema for this value: references and unions resolved, objects closed."""
        schema, file = self._resolve(schema, file)
        if "discriminator" in schema and isinstance(value, dict):
            schema, file = self._variant(schema, file, value)
        if schema.get("type") == "array":
            items = value if isinstance(value, list) else []
            return {"type": "array", "prefixItems": [self._closed(schema["items"], file, v, open_) for v in items]}
        properties, required = self._merged(schema, file)
        if not properties:
            plain = {k: v for k, v in schema.items() if k in {"type", "enum", "minimum", "maximum", "pattern"}}
            if plain.get("type") == "string" and "enum" in plain:  # true and false without quotes are booleans in YAML
                plain["enum"] = [str(word).lower() if isinstance(word, bool) else word for word in plain["enum"]]
            return {**plain, "type": [plain["type"], "null"]} if schema.get("nullable") else plain
        members = value if isinstance(value, dict) else {}
        return {
            "type": "object",
            "required": required,
            "additionalProperties": open_,
            "properties": {
                key: self._closed(inner, inner_file, members[key], open_)
                for key, (inner, inner_file) in properties.items()
                if key in members
            },
        }

    def _variant(self, schema: dict[str, Any], file: str, value: dict[str, Any]) -> tuple[dict[str, Any], str]:
        discriminator = schema["discriminator"]
        name = discriminator["mapping"].get(value.get(discriminator["propertyName"]))
        if name is None:
            return schema, file
        return self._load(file)["components"]["schemas"][name.rpartition("/")[2]], file

    def _merged(self, schema: dict[str, Any], file: str) -> tuple[dict[str, Any], list[str]]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        for part in schema.get("allOf", []):
            inherited, needed = self._merged(*self._resolve(part, file))
            properties.update(inherited)
            required += needed
        own = schema.get("properties", {})
        properties.update({key: (inner, file) for key, inner in own.items()})
        # a read-only field is required of nobody's request, and all required ones here are the client's
        return properties, [*required, *schema.get("required", [])]

    def _resolve(self, schema: dict[str, Any], file: str) -> tuple[dict[str, Any], str]:
        while "$ref" in schema:
            target, _, pointer = schema["$ref"].partition("#/")
            file = target or file
            schema = self._load(file)
            for part in pointer.split("/"):
                schema = schema[part]
        return schema, file

    @cache  # noqa: B019 (one contract a test run)
    def _load(self, file: str) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.load((self._folder / file).read_text("utf-8"), Loader=yaml.CSafeLoader)
        return loaded


def _query_value(value: str, schema: dict[str, Any]) -> Any:
    """A query parameter has a type only by its schema; the SDK spells booleans True and False."""
    if schema.get("type") == "boolean" and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return int(value) if schema.get("type") == "integer" and value.isdigit() else value
