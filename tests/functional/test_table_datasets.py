"""Datasets that stay in Snowflake: written and read through the session, committed and reused like files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import snowflake.connector
from mlops_embedded import EmbeddedSnowflake

from mlops import Workspace
from mlops.datasets.tables import EXTENSION, table_name

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def environment(make_environment):
    return make_environment(["kit-tables"])


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with an embedded Snowflake of its own, which runs find because it is up."""
    folder = tmp_path_factory.mktemp("tables")
    with EmbeddedSnowflake(folder / "data" / "embedded") as server:
        yield folder, server


def run(environment, project, *words: str) -> dict:
    folder, _ = project
    ended = environment.mlops("run", "tables", *words, "--json", cwd=folder, MLOPS_DISABLE_PLUGINS="mlops-churn")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return json.loads(ended.stdout)


def note_of(answer: dict, dataset: str) -> dict:
    return json.loads(Path(answer["folder"], dataset + EXTENSION).read_text())


def test_a_table_dataset_is_committed_read_and_reused_and_only_its_note_is_on_the_disk(environment, project):
    first = run(environment, project)
    again = run(environment, project, "--resume", first["run"])

    report = json.loads(Path(first["folder"], "report.json").read_text())
    note = note_of(first, "totals")
    assert report == {"0": 166833.0, "1": 166167.0, "2": 166500.0}
    assert (note["rows"], [name for name, _ in note["columns"]]) == (3, ["SHOP", "AMOUNT"])
    assert not list(Path(first["folder"]).glob("*.parquet"))
    assert {row["state"] for row in again["nodes"]} == {"reused"}
    with snowflake.connector.connect(**project[1].connection) as connection:
        assert connection.cursor().execute(f"SELECT SUM(AMOUNT) FROM {note['table']}").fetchone() == (499500.0,)


def test_a_look_at_a_table_shows_its_first_rows_and_without_a_session_where_they_are(environment, project, tmp_path):
    run(environment, project)
    words = ("datasets", "show", "totals", "-n", "2", "--json")

    look = json.loads(environment.mlops(*words, cwd=project[0], MLOPS_DISABLE_PLUGINS="mlops-churn").stdout)
    without = environment.mlops(
        *words, cwd=project[0]
    )  # every plugin is switched off, that of the embedded Snowflake too

    assert [len(row) for row in look["head"]] == [2, 2]
    assert [column["name"] for column in look["schema"]] == ["SHOP", "AMOUNT"]
    assert (without.returncode, json.loads(without.stdout)["head"]) == (0, [])
    assert "warning: its rows are not shown: target 'local' has no connection" in without.stderr


def test_a_notebook_loads_a_table_of_a_run_with_a_session_that_ends_with_its_workspace(environment, project):
    run(environment, project)

    with Workspace(project[0]) as workspace:
        totals = workspace.load("totals", as_type="pandas")
        rows = workspace.load("totals").count()

    assert (totals["AMOUNT"].sum(), rows) == (499500.0, 3)


def test_other_rows_run_what_reads_them_again_and_a_run_has_tables_of_its_own(environment, project):
    first = run(environment, project)
    second = run(environment, project, "--resume", first["run"], "-p", "count=10")
    other = run(environment, project)

    assert {row["state"] for row in second["nodes"]} == {"succeeded"}
    assert note_of(second, "orders")["rows"] == 10
    assert note_of(other, "orders")["table"] != note_of(second, "orders")["table"]
    assert note_of(other, "orders")["content"] != note_of(second, "orders")["content"]


def test_a_table_that_is_gone_is_told_with_its_name_and_the_mend(environment, project):
    first = run(environment, project)
    table = note_of(first, "totals")["table"]
    with snowflake.connector.connect(**project[1].connection) as connection:
        connection.cursor().execute(f"DROP TABLE {table}")

    words = ("run-node", "report", "--inputs", json.dumps({"totals": {"run": first["run"]}}), "--json")
    ended = environment.mlops(*words, "--services", "embedded", cwd=project[0], MLOPS_DISABLE_PLUGINS="mlops-churn")

    error = json.loads(ended.stdout)["nodes"][0]["error"]
    assert ended.returncode == 10
    assert table in error["message"]
    assert "mlops run --from" in error["hint"]


def test_without_a_session_tables_are_files_and_the_nodes_that_need_no_snowpark_run(environment, tmp_path):
    words = ("run", "tables", "--to", "make_orders", "--services", "none", "--json")
    ended = environment.mlops(*words, cwd=tmp_path)

    answer = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert Path(answer["folder"], "orders.parquet").exists()


def test_the_name_of_a_table_is_made_of_its_pipeline_dataset_and_run():
    assert table_name(Path("churn/20261125-a.1/features.table.json")) == "CHURN__FEATURES__20261125_A_1"
    long = table_name(Path("p" * 200, "r" * 200, "d.table.json"))
    assert len(long) <= 255
    assert long != table_name(Path("p" * 200, "r" * 199 + "s", "d.table.json"))


def test_a_run_that_is_pruned_takes_its_tables_with_it(environment, project):
    old, _ = (run(environment, project, "--to", "make_orders") for _ in range(2))
    words = ("runs", "prune", "tables", "--keep", "1", "--yes", "--json")

    ended = environment.mlops(*words, cwd=project[0], MLOPS_DISABLE_PLUGINS="mlops-churn")

    assert ended.returncode == 0, ended.stderr + ended.stdout
    [gone] = [one for one in json.loads(ended.stdout)["runs"] if one["run"] == old["run"]]
    assert (gone["removed"], len(gone["tables"]), Path(old["folder"]).exists()) == (True, 1, False)
    with snowflake.connector.connect(**project[1].connection) as connection:
        left = {row[1] for row in connection.cursor().execute("SHOW TABLES")}
    assert not left & {table["name"].rpartition(".")[2] for table in gone["tables"]}
    assert len(left) >= 1
