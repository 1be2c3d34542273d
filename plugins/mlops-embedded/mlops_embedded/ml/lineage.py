"""SYSTEM$DGQL: what a model version was made from, and what a run or a dataset version became.

Snowflake does not document the language of the question. The one form that snowflake-snowpark-python's `lineage.trace`
writes is read, and answered with what it reads; lineage of tables, views and services is not kept, and is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_embedded.catalog import ObjectName, normalize, parse_name, quote
from mlops_embedded.errors import SnowflakeError, unknown_here
from mlops_embedded.ml.experiments import find_run
from mlops_embedded.ml.models import find_model, models
from mlops_embedded.sql.functions import Arguments, scalar_function
from mlops_embedded.sql.session import Session

_TEXT = r'"((?:[^"\\]|\\.)*)"'
_QUESTION = re.compile(
    rf"\{{V\(domain: (\w+), (?:name|id):{_TEXT}(?:, (?:parentName|parentId):{_TEXT})?\) \{{(.*)\}}\}}", re.DOTALL
)
_USER_DOMAINS = {"MODULE": "MODEL", "DATASET": "DATASET", "EXPERIMENT": "EXPERIMENT"}


@dataclass(frozen=True, slots=True)
class _Node:
    """A version of something: of a model, of a dataset, or (a run) of an experiment."""

    domain: str
    parent: ObjectName
    version: str


@scalar_function("SYSTEM$DGQL")
def lineage(session: Session, arguments: Arguments) -> dict[str, Any]:
    question = _QUESTION.fullmatch(arguments.require(0).strip())
    if question is None:
        raise unknown_here(f"the lineage question {arguments.require(0)!r}")
    domain, version, parent, directions = question.groups()
    if domain not in _USER_DOMAINS or parent is None:
        raise unknown_here(f"lineage of {domain}; it keeps that of model versions, dataset versions and runs")
    asked = _Node(domain, session.resolve(parse_name(_unescaped(parent))), _stored(domain, _unescaped(version)))
    edges = [(source, model) for source, model in _edges(session) if asked in (source, model)]
    answer = {
        direction: [
            {"S": _shown(session, source), "T": _shown(session, model), "properties": {}}
            for source, model in edges
            if asked == (source if direction == "downstream" else model)
        ]
        for direction in ("downstream", "upstream")
        if f"{direction}: E(" in directions
    }
    return {"data": {"V": answer}}


def _edges(session: Session) -> list[tuple[_Node, _Node]]:
    """Return (what it was made from, the model version) for every version of every model."""
    return [
        (
            _Node(source.type, session.resolve(parse_name(source.entity)), _stored(source.type, source.version or "")),
            _Node("MODULE", model.name, version.name),
        )
        for model in models(session)
        for version in model.versions
        for source in version.sources
        if source.type in _USER_DOMAINS
    ]


def _stored(domain: str, version: str) -> str:
    """Return a version's name as it is stored: those of datasets are no identifiers."""
    return version if domain == "DATASET" else normalize(version)


def _unescaped(text: str) -> str:
    return text.replace('\\"', '"')


def _shown(session: Session, node: _Node) -> dict[str, Any]:
    created_on = _created_on(session, node)
    name = node.version if node.domain == "DATASET" else quote(node.version)
    return {
        "domain": node.domain, "refinedDomain": node.domain, "userDomain": _USER_DOMAINS[node.domain],
        "db": quote(node.parent.database or ""), "schema": quote(node.parent.schema or ""), "name": name, "id": name,
        "properties": {"parentName": quote(node.parent.name), "parentId": str(node.parent)},
        "status": "DELETED" if created_on is None else "ACTIVE",
        "createdOn": 0 if created_on is None else int(created_on.timestamp() * 1000),
    }  # fmt: skip


def _created_on(session: Session, node: _Node) -> datetime | None:
    """Return when a node was made, None if it is gone."""
    try:
        match node.domain:
            case "MODULE":
                return datetime.fromisoformat(find_model(session, node.parent).version(node.version).created_on)
            case "EXPERIMENT":
                return datetime.fromisoformat(find_run(session, node.parent, node.version).created_on)
    except SnowflakeError:
        return None
    dataset = session.catalog.find("dataset", node.parent)
    return dataset.created_on if dataset is not None and node.version in dataset.body["versions"] else None
