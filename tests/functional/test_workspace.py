"""A workspace is a project as a notebook uses it: it runs pipelines, opens runs and loads what they have written."""

from __future__ import annotations

import traceback

import pytest

from mlops import Outcome, RunFailedError, Workspace
from mlops.errors import ParameterError, ProjectError, RunError, UnknownNameError

MODULE = '''
from mlops import Context, Pipeline, node


@node(outputs=["numbers"])
def count_up(*, size: int = 3) -> list[int]:
    return list(range(size))


@node(outputs=["table", "total"])
def add_up(numbers, context: Context, *, scale: float = 1.0):
    """Sum up."""
    import pandas as pd

    print("adding", len(numbers))
    context.log_metric("total", sum(numbers) * scale)
    return {"table": pd.DataFrame({"number": numbers}), "total": sum(numbers) * scale}


@node(outputs=["never"])
def fail(total):
    raise ValueError("it broke")


sums = Pipeline("sums", nodes=["count_up", "add_up"])
broken = Pipeline("broken", nodes=["count_up", "add_up", "fail"])
'''


@pytest.fixture
def workspace(mlops_project):
    mlops_project.install("team-sums", MODULE, nodes=["count_up", "add_up", "fail"], pipelines=["sums", "broken"])
    with Workspace(mlops_project.folder, services="none") as opened:
        yield opened


def test_a_pipeline_runs_and_its_outcome_holds_datasets_metrics_parameters_and_logs(workspace):
    lines: list[str] = []

    outcome = workspace.run("sums", {"size": 4, "add_up.scale": 2.0}, progress=lines.append)

    assert (outcome.state, outcome.metrics, outcome["total"]) == ("succeeded", {"total": 12.0}, 12.0)
    assert outcome.parameters == {"count_up": {"size": 4}, "add_up": {"scale": 2.0}}
    assert outcome.log("add_up") == "adding 4"
    assert outcome.path("table").is_file()
    assert [line.rpartition("] ")[2].split()[:2] for line in lines] == [
        ["▶", "count_up"],
        ["✓", "count_up"],
        ["▶", "add_up"],
        ["✓", "add_up"],
    ]


def test_a_run_is_opened_later_by_a_part_of_its_id_and_a_table_is_read_as_another_library_has_it(workspace):
    first = workspace.run("sums")
    workspace.run("sums", {"size": 9})

    again = workspace.open(first.id[-6:])

    assert (again.id, again.metrics, again.started, again.seconds) == (
        first.id,
        first.metrics,
        first.started,
        pytest.approx(first.seconds, abs=0.5),
    )
    assert type(again.load("table")).__module__.startswith("pandas.")
    assert again.load("table", "polars")["number"].to_list() == [0, 1, 2]
    assert workspace.open().metrics == {"total": 36.0}


def test_a_dataset_without_a_run_is_of_the_newest_one_that_has_it(workspace):
    workspace.run("sums", {"size": 4})
    workspace.run("sums", {"size": 5}, only="count_up")

    assert workspace.load("numbers") == [0, 1, 2, 3, 4]
    assert workspace.load("total") == 6.0
    assert workspace.load("numbers", workspace.runs()[1].id) == [0, 1, 2, 3]


def test_a_part_of_a_pipeline_runs_on_what_was_committed_and_a_run_is_resumed(workspace):
    first = workspace.run("sums", {"size": 4}, end="count_up")

    resumed = workspace.run("sums", {"size": 4}, resume="latest")
    alone = workspace.run("sums", {"scale": 3.0}, start=["add_up"])

    assert (resumed.id, resumed.states) == (first.id, {"count_up": "reused", "add_up": "succeeded"})
    assert (alone.states, alone["total"]) == ({"add_up": "succeeded"}, 18.0)


def test_runs_are_rows_of_a_table_of_metrics_and_parameters(workspace):
    import pandas as pd

    for size in (2, 3):
        workspace.run("sums", {"size": size})

    table = pd.DataFrame(run.row() for run in workspace.runs("sums"))

    assert table["metrics.total"].tolist() == [3.0, 1.0]
    assert table["parameters.count_up.size"].tolist() == [3, 2]
    assert workspace.runs("broken") == []


def test_runs_are_compared(workspace):
    for scale in (1.0, 2.0):
        workspace.run("sums", {"scale": scale})

    (total,) = workspace.compare().metrics

    assert (total.values, total.change) == ((3.0, 6.0), 3.0)


def test_a_run_that_fails_raises_with_its_outcome_unless_it_is_not_to_be_checked(workspace):
    with pytest.raises(RunFailedError, match="fail: ValueError: it broke") as caught:
        workspace.run("broken")

    unchecked = workspace.run("broken", check=False)

    assert caught.value.outcome.states["fail"] == unchecked.states["fail"] == "failed"
    assert "it broke" in unchecked.errors["fail"].traceback


@pytest.mark.parametrize(
    ("call", "kind", "told"),
    [
        (lambda space: space.run("smus"), UnknownNameError, "did you mean 'sums'?"),
        (lambda space: space.run("sums", {"sise": 1}), ParameterError, "did you mean 'size'?"),
        (lambda space: space.run("sums", {"size": "many"}), ParameterError, "it takes int"),
        (lambda space: space.open(), UnknownNameError, "nothing has run here yet"),
        (lambda space: space.load("total"), UnknownNameError, "nothing has run here yet"),
        (lambda space: space.compare(), RunError, "mlops run"),
    ],
)
def test_an_error_shows_its_mend_where_python_prints_it(workspace, call, kind, told):
    with pytest.raises(kind) as caught:
        call(workspace)

    assert told in str(caught.value.hint)
    assert caught.value.__notes__ == [f"hint: {caught.value.hint}"]
    assert told in "".join(traceback.format_exception(caught.value))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ProjectError, match="there is no folder"):
        Workspace(tmp_path / "nowhere")


def test_a_dataset_that_no_run_has_is_told_with_the_closest_name(workspace):
    workspace.run("sums")

    with pytest.raises(UnknownNameError) as caught:
        workspace.load("totl")

    assert caught.value.closest == "total"


def test_settings_that_change_meanwhile_hold_for_the_next_run(workspace, mlops_project):
    mlops_project.configure('[pipelines.short]\nnodes = ["count_up"]\nparameters = {size = 2}')

    outcome = workspace.run("short")

    assert outcome["numbers"] == [0, 1]
    assert {"broken", "short", "sums"} <= set(workspace.pipelines)


def test_a_notebook_shows_an_outcome_as_a_table_and_a_graph_as_a_page(workspace, tmp_path):
    outcome = workspace.run("broken", check=False)
    drawing = workspace.graph("broken", outcome.id)

    shown = outcome._repr_html_()
    page = drawing.save(tmp_path / "graph.html").read_text()

    assert isinstance(outcome, Outcome)
    assert "<td>add_up</td><td>succeeded</td>" in shown
    assert "ValueError: it broke" in shown
    assert "total 3" in shown
    assert page.startswith("<!doctype html>")
    assert "add_up" in str(drawing)
    assert drawing._repr_html_().startswith('<iframe srcdoc="&lt;!doctype html&gt;')


def test_a_node_that_was_changed_meanwhile_runs_as_it_is_now(workspace, mlops_project):
    before = workspace.run("sums")["total"]
    changed = MODULE.replace("sum(numbers) * scale}", "-sum(numbers)}")

    mlops_project.install("team-sums", changed, nodes=["count_up", "add_up", "fail"], pipelines=["sums", "broken"])

    assert (before, workspace.run("sums")["total"]) == (3.0, -3)


GRID = """
from dataclasses import dataclass

from mlops import Pipeline, node


@dataclass
class Grid:
    depth: int = 3


@node(outputs=["found"])
def search(*, grid: Grid = Grid()) -> int:
    return grid.depth


searched = Pipeline("searched", nodes=["search"])
"""


def test_a_value_that_a_type_of_the_plugin_does_not_take_is_told_with_its_node_before_anything_runs(mlops_project):
    mlops_project.install("team-grid", GRID, nodes=["search"], pipelines=["searched"])
    workspace = Workspace(mlops_project.folder, services="none")

    with pytest.raises(ParameterError, match=r"parameter 'search.grid'.*Expected `int`"):
        workspace.run("searched", {"grid": {"depth": "deep"}})

    assert workspace.run("searched", {"grid": {"depth": 5}})["found"] == 5
    assert len(workspace.runs()) == 1
