"""Datasets with schemas of pandera, written by nodes that mlops runs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from mlops_quality import schemas

from mlops import MlopsError
from mlops.testing import check

NODES = """
from mlops import Pipeline, node

@node(outputs=["people", "total"])
def make(*, ages: list[int] = [1, 2], kind: str = "pandas"):
    import pandas as pd
    people = pd.DataFrame({"name": [f"n{age}" for age in ages], "age": ages})
    if kind == "arrow":
        import pyarrow
        people = pyarrow.Table.from_pandas(people)
    elif kind == "renamed":
        people = people.rename(columns={"age": "years"})
    elif kind == "list":
        people = people.to_dict("records")
    return {"people": people, "total": len(ages)}

@node(outputs=["count"])
def use(people) -> int:
    return len(people)

guarded = Pipeline("guarded", nodes=["make", "use"])
not_a_schema = 42

def people():
    import pandera.pandas as pa
    return pa.DataFrameSchema({"name": pa.Column(str, unique=True), "age": pa.Column(int, pa.Check.in_range(0, 120))})

def older():
    import pandera.pandas as pa

    class People(pa.DataFrameModel):
        age: int = pa.Field(ge=100)

    return People
"""


@pytest.fixture
def project(mlops_project):
    """A project with a plugin whose dataset people has a schema; a function gives it other schemas."""

    def install(**names):
        mlops_project.install("guarded-nodes", NODES, nodes=["make", "use"], pipelines=["guarded"])
        points = (
            mlops_project.folder.with_name("mlops_project-site") / "guarded_nodes-1.0.dist-info" / "entry_points.txt"
        )
        lines = [f"{name.replace('__', '.')} = guarded_nodes:{value}" for name, value in names.items()]
        points.write_text(points.read_text() + "\n".join(["[mlops_quality.schemas]", *lines]) + "\n")
        return mlops_project

    schemas._entry_points.cache_clear()
    schemas._loaded.cache_clear()
    yield install
    schemas._entry_points.cache_clear()
    schemas._loaded.cache_clear()


@pytest.mark.parametrize("executor", ["inline", "process"])
def test_a_violation_fails_the_node_and_names_dataset_column_check_and_rows(project, executor):
    outcome = project(people="people").run("guarded", parameters={"ages": [3, -1, 40, 999]}, executor=executor)

    error = outcome.errors["make"]
    assert outcome.states == {"make": "failed", "use": "skipped"}
    assert error.type == "VetoError"
    assert (
        "refused by mlops-quality: dataset 'people': column 'age': 2 of 4 rows fail in_range(0, 120): 1 (-1), 3 (999)"
        in (error.message)
    )
    assert "[guarded_nodes:people of guarded-nodes]" in error.message
    assert list(outcome.datasets) == []


def test_every_column_that_is_wrong_is_told_at_once(project):
    outcome = project(people="people").run("guarded", parameters={"ages": [7, 7, -1, -2, -3, -4, -5, -6]})

    message = outcome.errors["make"].message
    assert "column 'name': 2 of 8 rows fail field_uniqueness: 0 ('n7'), 1 ('n7')" in message
    assert (
        "column 'age': 6 of 8 rows fail in_range(0, 120): 2 (-1), 3 (-2), 4 (-3), 5 (-4), 6 (-5) and 1 more" in message
    )


def test_a_missing_column_is_told(project):
    outcome = project(people="people").run("guarded", parameters={"kind": "renamed"})

    assert "column 'age': column_in_dataframe" in outcome.errors["make"].message


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_a_table_that_fits_is_committed(project, kind):
    assert project(people="people").run("guarded", parameters={"kind": kind})["count"] == 2


def test_something_that_is_no_table_does_not_pass(project):
    outcome = project(people="people").run("guarded", parameters={"kind": "list"})

    assert "is list, which is no table" in outcome.errors["make"].message


def test_a_schema_of_one_pipeline_goes_before_that_of_every_pipeline(project):
    outcome = project(people="people", guarded__people="older").run("guarded")

    assert "greater_than_or_equal_to(100)" in outcome.errors["make"].message


@pytest.mark.parametrize(("name", "told"), [("not_a_schema", "is int, and no schema"), ("gone", "cannot be loaded")])
def test_a_schema_that_cannot_be_used_does_not_let_the_table_pass(project, name, told):
    error = project(people=name).run("guarded").errors["make"]

    assert told in error.message
    assert error.hint


def test_a_pipeline_is_not_deployed_while_a_schema_of_its_plugins_cannot_be_used(project):
    with pytest.raises(
        MlopsError, match="the schema of 'people': the schema guarded_nodes:gone of guarded-nodes cannot be"
    ):
        project(people="gone").deploy("guarded")


def test_a_pipeline_whose_schemas_can_be_used_is_deployed(project):
    assert project(people="people").deploy("guarded").applied.calls > 0


def test_a_dataset_without_a_schema_passes_and_pandera_is_not_imported():
    script = (
        "import sys; from types import SimpleNamespace as N; from mlops_quality.guard import check_dataset\n"
        "print(check_dataset(N(pipeline='p'), N(origin=N(distribution='d')), 'anything', 1), 'pandera' in sys.modules)"
    )

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ended.stdout.split() == ["[]", "False"]


def test_the_plugin_keeps_the_contract():
    assert check("mlops-quality", run=False).findings == ()
