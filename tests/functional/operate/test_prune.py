"""Pruning runs in Snowflake: a real run's folder and table, and copies of them that the history of tasks does not know."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
import yaml
from mlops_embedded.life import EmbeddedSnowflake

from mlops.errors import AccountError
from tests.command_line import CommandLine

from .conftest import IMAGE, job

SETTINGS = """
project = "shop"
target = "embedded"

[targets.embedded]
database = "EMBEDDED"
schema = "PUBLIC"
warehouse = "COMPUTE_WH"

[targets.embedded.pools.default]
name = "SHOP_POOL"

[pipelines.sales]
nodes = ["make_orders"]
parameters = { count = 4 }
"""
DAY = 86400.0


class Keeper(CommandLine):
    """A project whose pipeline has run once, and the stage and schema that hold what came of it."""

    def __init__(self, folder: Path, server: EmbeddedSnowflake, connection: Any, run: str) -> None:
        super().__init__(folder)
        self.server, self.connection, self.real = server, connection, run

    def prune(self, *words: str) -> Any:
        return self.json("runs", "prune", *words, "--target", "embedded")

    def copied(self, run: str, days: float) -> str:
        """Make a run of so many days ago of what the real one has written: its files, and its table."""
        [source] = self.server.state.glob(f"stages/*/*/*/sales/{self.real}")
        target = source.parent / run
        shutil.copytree(source, target, dirs_exist_ok=True)
        for file in target.rglob("*"):
            os.utime(file, (time.time() - days * DAY,) * 2)
        [comment] = [row["comment"] for row in self.rows("SHOW TABLES") if row["name"] == self.table(self.real)]
        self.rows(f"CREATE TABLE {self.table(run)} CLONE {self.table(self.real)}")
        self.rows(f"COMMENT ON TABLE {self.table(run)} IS '{comment.replace(self.real, run)}'")
        return run

    @staticmethod
    def table(run: str) -> str:
        return f"SALES__ORDERS__{run.upper().replace('-', '_')}"

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.connection.cursor(snowflake.connector.DictCursor) as cursor:
            return list(cursor.execute(sql).fetchall())

    @property
    def folders(self) -> set[str]:
        """The runs that have a file on the stage."""
        return {row["name"].split("/")[2] for row in self.rows("LIST @MLOPS_DATA/sales/")}

    @property
    def tables(self) -> set[str]:
        return {row["name"] for row in self.rows("SHOW TABLES")}


@pytest.fixture(scope="module")
def keeper(make_environment: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    environment = make_environment(["kit-tables"])
    folder = tmp_path_factory.mktemp("kept")
    (folder / "mlops.toml").write_text(SETTINGS)
    [site] = (environment.folder / "lib").glob("python*/site-packages")
    with pytest.MonkeyPatch.context() as patch, EmbeddedSnowflake(folder / "data" / "embedded") as server:
        patch.syspath_prepend(str(site))
        patch.setenv("MLOPS_CACHE_DIR", str(environment.cache))
        patch.setenv("MLOPS_PLUGINS", "kit-tables,mlops-embedded")
        entry = yaml.safe_load((server.state / "images.yaml").read_text())["*/mlops"]
        entry["entrypoint"][0] = str(environment.python)
        (server.state / "images.yaml").write_text(
            yaml.safe_dump({"*/mlops": entry, IMAGE: {"entrypoint": ["sh", "-c"]}})
        )
        line = CommandLine(folder)
        assert line.run("deploy", "sales", "--yes").code == 0
        ran = line.json("trigger", "sales", "--wait")
        assert ran["state"] == "succeeded", ran
        with snowflake.connector.connect(
            **server.connection,
        ) as connection:
            yield Keeper(folder, server, connection, ran["run"])


def test_old_runs_lose_folder_and_table_and_the_real_one_and_its_neighbours_keep_theirs(keeper: Keeper) -> None:
    old, longer = keeper.copied("old-run", 40), keeper.copied("old-run-2", 3)
    keeper.rows("CREATE TABLE IF NOT EXISTS ORDERS (A INT)")

    shown = keeper.prune("--older-than", "30d", "--dry-run")
    answer = keeper.prune("--older-than", "30d", "--yes")

    [gone] = [one for one in shown["runs"] if one["goes"]]
    assert (gone["run"], gone["state"], gone["tables"]) == (
        old, "succeeded", [{"name": keeper.table(old), "rows": 4, "bytes": 0}],
    )  # fmt: skip
    assert (answer["removed"], answer["bytes"] > 500) == (1, True)
    assert keeper.folders == {keeper.real, longer}
    assert {keeper.table(keeper.real), keeper.table(longer), "ORDERS"} <= keeper.tables
    assert keeper.table(old) not in keeper.tables
    keeper.prune("sales", "--keep", "1", "--yes")
    assert keeper.folders == {keeper.real}


def test_tables_are_dropped_by_calls_of_the_api(keeper: Keeper) -> None:
    keeper.copied("by-api", 40)
    before = len(keeper.server.admin.calls()["calls"])

    keeper.prune("--keep", "1", "--yes")

    calls = keeper.server.admin.calls()["calls"][before:]
    dropped = [call["path"] for call in calls if call["method"] == "DELETE" and "/tables/" in call["path"]]
    assert [path for path in dropped if path.endswith("/SALES__ORDERS__BY_API")] != []
    assert [call["sql"] for call in calls if "DROP TABLE" in (call["sql"] or "").upper()] == []


REFUSED = {"do": "status", "status": 403, "path": "/api/v2/", "method": "DELETE"}


@pytest.mark.parametrize(
    "fault", [{"do": "error", "sql": "REMOVE"}, REFUSED, {"do": "error", "sql": "REMOVE", "nth": 2}]
)
def test_a_prune_that_breaks_off_says_so_and_the_next_one_ends_it(keeper: Keeper, fault: dict[str, Any]) -> None:
    runs = [keeper.copied(f"broken-{index}", 40 + index) for index in range(2)]

    with keeper.server.admin.fault(**fault), pytest.raises(AccountError):
        keeper.prune("--keep", "1", "--yes")
    assert keeper.real in keeper.folders

    keeper.prune("--keep", "1", "--yes")
    assert keeper.folders == {keeper.real}
    assert not {keeper.table(run) for run in runs} & keeper.tables


def test_a_run_that_goes_on_stays_with_all_it_has(keeper: Keeper) -> None:
    keeper.copied("long-ago", 40)
    keeper.rows("ALTER TASK SALES SUSPEND")
    keeper.rows(f"ALTER TASK SALES MODIFY AS {job('sleep 30').replace('POOL POOL', 'POOL SHOP_POOL')}")
    going_on = keeper.json("trigger", "sales")["run"]
    keeper.copied(going_on, 50)
    try:
        answer = keeper.prune("--older-than", "0m", "--yes")
    finally:
        keeper.rows("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('SALES')")

    assert {one["run"]: one["stays"] for one in answer["runs"] if not one["goes"]} == {
        going_on: "it is running", keeper.real: "it is the latest that succeeded",
    }  # fmt: skip
    assert {keeper.real, going_on} == keeper.folders
    keeper.rows(f"REMOVE @MLOPS_DATA/sales/{going_on}/")
    keeper.rows(f"DROP TABLE {keeper.table(going_on)}")


def test_a_destroy_with_its_data_drops_the_tables_of_runs_and_no_others(keeper: Keeper) -> None:
    keeper.copied("last-of-all", 40)
    keeper.rows("CREATE TABLE IF NOT EXISTS ORDERS (A INT)")

    kept = keeper.json("destroy", "--dry-run")
    shown = keeper.json("destroy", "--data", "--dry-run")
    gone = [one["name"] for one in shown["objects"] if one["kind"] == "table"]

    assert [one for one in kept["objects"] if one["kind"] == "table"] == []
    assert sorted(gone) == sorted([keeper.table("last-of-all"), keeper.table(keeper.real)])
    assert keeper.tables >= {*gone, "ORDERS"}
    keeper.prune("--keep", "1", "--yes")
