"""What a run needs for its services is looked for before anything runs."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from mlops.errors import RunError
from mlops.nodes import Node, Origin
from mlops.runs.connection import check_packages

ORIGIN = Origin("team", "1", "team:node")


@pytest.fixture
def without_snowpark(monkeypatch):
    """The namespace of Snowflake's packages, as the connector alone leaves it."""
    namespace = ModuleType("snowflake")
    namespace.__path__ = []
    for name in [name for name in sys.modules if name.startswith("snowflake.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "snowflake", namespace)


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (Node("train", ORIGIN, services=("model_registry",)), "asks for model_registry, and snowflake.ml is not"),
        (Node("train", ORIGIN, services=("session",)), "asks for session, and snowflake.snowpark is not"),
        (
            Node("train", ORIGIN, outputs=("rows",), storage={"rows": "table"}),
            "asks for a table of Snowflake, and snowflake.snowpark is not",
        ),
    ],
)
def test_a_missing_package_is_told_with_the_node_that_needs_it(node, told, without_snowpark):
    with pytest.raises(RunError, match=told) as caught:
        check_packages([node])

    assert "--services none" in str(caught.value.hint)


def test_nodes_without_services_need_no_package(without_snowpark):
    check_packages([Node("prepare", ORIGIN, outputs=("rows",), storage={"rows": "file"})])


def test_what_is_installed_is_found():
    check_packages([Node("train", ORIGIN, services=("feature_store", "model_registry", "session"))])
