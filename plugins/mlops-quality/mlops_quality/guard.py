"""The guard: looks up the schema of a dataset, and lets pandera, imported only where there is one, say what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops import hookimpl

if TYPE_CHECKING:
    from mlops import Node


@hookimpl
def check_dataset(run: Any, node: Node, dataset: str, value: object) -> list[str]:
    """Object to a dataset that does not fit its schema: one text for each column and check, with the rows."""
    from mlops_quality.schemas import schema_for

    found = schema_for(run.pipeline, node.origin.distribution, dataset)
    if found is None:
        return []
    from mlops_quality.violations import violations

    return violations(found, value)


@hookimpl
def check_deployment(deployment: Any) -> list[str]:
    """Object to a deployment while a schema cannot be used: every container that meets it would fail at run time."""
    from mlops_quality.schemas import unusable

    return [f"{place}: {problem}" for place, problem in unusable(set(deployment.versions))]
