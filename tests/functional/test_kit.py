"""The fixtures of the kit, as the tests of a plugin use them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mlops import Context, node
from mlops.errors import ParameterError, UnknownNameError
from mlops.testing import Golden

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


@node(outputs=["total", "table"])
def add_up(numbers: list[int], context: Context, *, scale: float = 1.0):
    """Sum up."""
    import pandas as pd

    print("adding", len(numbers))
    context.log_metric("total", sum(numbers) * scale)
    return {"total": sum(numbers) * scale, "table": pd.DataFrame({"number": numbers})}


@node(outputs=["never"])
def fail():
    """Fails."""
    raise ValueError("it broke")


@node(outputs=["answer"])
def ask(session, *, question: str = "SELECT 40 + 2"):
    """Asks Snowflake."""
    return session.sql(question).collect()[0][0]


def test_a_function_runs_as_a_node_without_being_installed(mlops_project):
    outcome = mlops_project.run_node(add_up, {"numbers": [1, 2, 3]}, parameters={"scale": 2})

    table: pd.DataFrame = outcome["table"]
    assert outcome.succeeded
    assert (outcome["total"], outcome.metrics) == (12.0, {"total": 12.0})
    assert list(table.number) == [1, 2, 3]
    assert outcome.log("add_up") == "adding 3"


@node(outputs=["never"])
def leave():
    """Ends the process that it is in, or means to."""
    sys.exit("enough")


def test_a_node_that_calls_exit_has_failed_and_the_process_goes_on(mlops_project):
    outcome = mlops_project.run_node(leave)

    assert (outcome.states, outcome.errors["leave"].message) == ({"leave": "failed"}, "enough")


@node(outputs=["doubled"])
def double(table: pl.DataFrame) -> pl.DataFrame:
    """Wants polars."""
    return table.select(table["number"] * 2)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_table_is_given_in_the_library_that_the_node_asks_for(mlops_project, library):
    import pandas as pd

    whole = mlops_project.run_node(add_up, {"numbers": [1, 2]})
    table = whole.load("table", library)

    outcome = mlops_project.run_node(double, {"table": table})

    assert outcome.succeeded, outcome
    assert outcome["doubled"]["number"].to_list() == [2, 4]
    pd.testing.assert_frame_equal(outcome.load("doubled", "pandas"), pd.DataFrame({"number": [2, 4]}))


@node(outputs=["kept"], storage="table")
def keep(table: pd.DataFrame) -> pd.DataFrame:
    """Keep a table in Snowflake."""
    return table.rename(columns=str.upper)


def test_a_table_that_stays_in_snowflake_is_read_from_there(embedded_project):
    import pandas as pd

    outcome = embedded_project.run_node(keep, {"table": pd.DataFrame({"number": [1, 2]})})

    assert outcome.load("kept", "pandas")["NUMBER"].tolist() == [1, 2]
    assert outcome["kept"].count() == 2


def test_what_a_node_raises_is_in_the_outcome(mlops_project):
    outcome = mlops_project.run_node(fail)

    assert outcome.states == {"fail": "failed"}
    assert (outcome.errors["fail"].type, outcome.errors["fail"].message) == ("ValueError", "it broke")
    assert "it broke" in repr(outcome)


def test_a_missing_input_and_a_wrong_parameter_are_told_before_the_node_runs(mlops_project):
    with pytest.raises(UnknownNameError, match="'numbers'"):
        mlops_project.run_node(add_up)
    with pytest.raises(ParameterError, match="'many' is not float"):
        mlops_project.run_node(add_up, {"numbers": []}, parameters={"scale": "many"})


def test_an_installed_pipeline_runs_with_the_settings_of_the_project(mlops_project):
    mlops_project.configure(
        '[pipelines.begin]\nnodes = ["generate_data"]\n[pipelines.begin.parameters]\nsource = "synthetic"'
    )

    outcome = mlops_project.run("begin", parameters={"customer_count": 40})

    assert outcome.states == {"generate_data": "succeeded"}
    assert len(outcome["customers"]) == 40
    assert set(outcome.datasets) >= {"customers", "data_origin"}
    with pytest.raises(UnknownNameError, match="customer"):
        outcome["customer"]


def test_no_setting_of_the_machine_reaches_the_project(mlops_project, monkeypatch):
    assert mlops_project.project.settings.origins["data"] == "default"
    assert mlops_project.run_node(fail).run.run.auth_mode == "none"


def test_a_node_of_an_embedded_project_gets_a_session_of_the_embedded_snowflake(embedded_project):
    outcome = embedded_project.run_node(ask)

    assert outcome.errors == {}
    assert outcome["answer"] == 42


TWO_NODES = """
from mlops import Pipeline, hookimpl, node

@node(outputs=["one"])
def first() -> int:
    return 1

@node(outputs=["two"])
def second(one: int) -> int:
    return one + 1

both = Pipeline("both", nodes=["first", "second"])

@hookimpl
def check_dataset(dataset, value):
    return f"{value} is too much" if value == 2 else None
"""


@pytest.mark.parametrize("executor", ["inline", "process"])
def test_a_distribution_made_for_a_test_is_found_and_run_like_any_other(mlops_project, executor):
    mlops_project.install("kit-made-here", TWO_NODES, nodes=["first", "second"], pipelines=["both"])

    outcome = mlops_project.run("both", executor=executor)

    assert outcome["two"] == 2


def test_hooks_of_a_distribution_made_for_a_test_are_called_and_end_with_it(mlops_project, tmp_path):
    mlops_project.install("kit-made-here", TWO_NODES, nodes=["first", "second"], pipelines=["both"], hooks=True)

    outcome = mlops_project.run("both")
    mlops_project.close()

    assert outcome.states == {"first": "succeeded", "second": "failed"}
    assert "dataset 'two': 2 is too much" in outcome.errors["second"].message
    with pytest.raises(UnknownNameError):
        mlops_project.run("both")


ORDERED = """
from mlops import Cron, Pipeline, Resources, node

@node(outputs=["one"])
def first(*, start: int = 1) -> int:
    return start

@node(outputs=["two"], resources=Resources(memory="{memory}"))
def second(one: int) -> int:
    return one + 1

both = Pipeline("both", nodes=["first", "second"], schedule=Cron("0 2 * * *", "UTC"))
"""


@pytest.fixture
def ordered(mlops_project):
    def install(memory: str = "1Gi"):
        mlops_project.install(
            "kit-ordered", ORDERED.replace("{memory}", memory), nodes=["first", "second"], pipelines=["both"]
        )
        mlops_project.configure('project = "kit"')
        return mlops_project

    return install


def test_a_pipeline_is_deployed_to_an_account_in_memory_and_again_without_a_write(ordered):
    project = ordered()

    first = project.deploy("both")
    again = project.deploy("both", account=first.account)

    assert set(first.tasks) == {"BOTH", "BOTH$SECOND"}
    assert first.tasks["BOTH$SECOND"].predecessors == ("BOTH",)
    assert first.applied.calls > 0
    assert again.plan.is_empty
    assert again.applied.calls == 0


def test_what_is_compiled_is_compared_with_the_golden_files_beside_the_test(ordered, golden):
    deployment = ordered().deployment("both")

    golden.check({"tasks.txt": "".join(f"{task.name} {task.nodes} {task.predecessors}\n" for task in deployment.tasks)})


def test_a_golden_file_that_differs_is_told_with_the_difference_and_rewritten_when_asked(ordered, tmp_path):
    folder = tmp_path / "golden"
    Golden(folder, rewrite=True).check(ordered("1Gi").job_files("both"))
    Golden(folder, rewrite=False).check(ordered("1Gi").job_files("both"))
    changed = {name: text.replace("1Gi", "2Gi") for name, text in ordered("1Gi").job_files("both").items()}

    with pytest.raises(AssertionError, match=r"(?s)\+ +memory: '2Gi'.*pytest --mlops-rewrite"):
        Golden(folder, rewrite=False).check(changed)
    Golden(folder, rewrite=True).check({"only.yaml": "one"})

    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["only.yaml"]
