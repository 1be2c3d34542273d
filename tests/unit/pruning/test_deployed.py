"""Which runs a stage and a schema hold, and in which order one is removed: on a storage of plain lists."""

from __future__ import annotations

import pytest
from msgspec import Struct, field

from mlops.deploy.ownership import Ownership
from mlops.operate.deployed import DeployedPipeline, DeployedTask
from mlops.operate.operations import LiveTask, TaskRun
from mlops.pruning.choice import StoredRun
from mlops.pruning.deployed import NotedTable, StoredFile, remove, run_of, runs_there
from mlops.runs.outcome import RunInfo, RunOutcome, State

DAY = 86400.0
NOW = 100 * DAY
OLD = NOW - 30 * DAY
CHURN = DeployedPipeline(
    "churn",
    Ownership("shop", "churn"),
    (
        DeployedTask(LiveTask("CHURN", "1", True), ("shop:load",)),
        DeployedTask(LiveTask("C$T", "2", True), ("shop:train",)),
    ),
)
COMMITTED = ("shop.load.manifest.json", "shop.train.manifest.json")


class Shelf(Struct):
    """A storage that notes what it is asked to do, and fails at the call of a number."""

    held: list[StoredFile] = field(default_factory=list)
    noted: list[NotedTable] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def files(self) -> list[StoredFile]:
        return self.held

    def tables(self) -> list[NotedTable]:
        return self.noted

    def remove(self, folder: str, *, pattern: str | None = None) -> None:
        self.calls.append(f"remove {folder}" + (f" {pattern}" if pattern else ""))

    def drop_table(self, name: str) -> None:
        self.calls.append(f"drop {name}")


def files(run: str, *names: str, pipeline: str = "churn", modified: float = OLD) -> list[StoredFile]:
    return [StoredFile(f"{pipeline}/{run}/{name}", 100, modified) for name in names]


def there(shelf: Shelf, **more: object) -> dict[str, StoredRun]:
    given = {"pipelines": [CHURN], "outcomes": [], "rows": [], "own_stage": True, "now": NOW, **more}
    return {run.run_id: run for run in runs_there(shelf, **given)}  # type: ignore[arg-type]  # by their names


def test_a_run_that_the_history_has_forgotten_succeeded_if_each_node_has_committed():
    shelf = Shelf(
        [*files("r1", *COMMITTED, "train.parquet"), *files("r2", COMMITTED[0]), *files("r3", "train.parquet")]
    )

    found = there(shelf)

    assert {name: run.state for name, run in found.items()} == {"r1": State.SUCCEEDED, "r2": None, "r3": State.STOPPED}
    assert (found["r1"].files, found["r1"].bytes, found["r2"].held) == (3, 300, "")


def test_what_the_history_knows_of_a_run_counts_more_than_its_files():
    outcome = RunOutcome(RunInfo("r1", "churn", "", OLD + 5), State.FAILED, ())

    found = there(Shelf(files("r1", *COMMITTED)), outcomes=[outcome])

    assert (found["r1"].state, found["r1"].started) == (State.FAILED, OLD + 5)


def test_a_run_whose_task_is_executed_is_held_also_of_a_pipeline_that_is_gone():
    row = TaskRun("GONE$A", "9", "EXECUTING", run="r7")

    found = there(Shelf(files("r7", "a.json", pipeline="gone")), rows=[row])

    assert (found["r7"].state, found["r7"].held) == (State.RUNNING, "it is running")


def test_a_run_that_may_go_on_is_held_for_a_day_and_the_folder_of_a_service_for_ever():
    shelf = Shelf([*files("r1", "a.json", modified=NOW - 3600), *files("service-churn", "logs/a.log")])

    held = {name: run.held for name, run in there(shelf).items()}

    assert held == {
        "r1": "whether it has ended is not known, and it was written to within a day", "service-churn": "it is a service",
    }  # fmt: skip


def test_on_a_stage_of_others_only_what_is_below_a_deployed_pipeline_is_a_run():
    shelf = Shelf([*files("r1", *COMMITTED), *files("r1", "a", pipeline="theirs"), StoredFile("readme.txt", 5, OLD)])

    found = runs_there(shelf, pipelines=[CHURN], outcomes=[], rows=[], now=NOW, own_stage=False)

    assert [(run.pipeline, run.run_id) for run in found] == [("churn", "r1")]


@pytest.mark.parametrize(
    ("name", "comment", "whose"),
    [
        ("CHURN__TRAIN__R_1", "dataset /mlops/data/churn/r-1/train.table.json", ("churn", "r-1")),
        (
            "R_1__TRAIN__REPLICA_0_OF_2",
            "dataset /mlops/data/churn/r-1/replica-0-of-2/train.table.json",
            ("churn", "r-1"),
        ),
        ("ORDERS", "dataset /mlops/data/churn/r-1/train.table.json", None),
        ("CHURN__TRAIN__R_1", "orders of churn", None),
        (
            "CHURN__TRAIN__20261125_190508_3EB4A8",
            "dataset /home/me/data/churn/20261125-190508-3eb4a8/train.table.json",
            None,
        ),
    ],
)
def test_a_table_is_of_a_run_if_comment_and_name_say_the_same(name: str, comment: str, whose: tuple[str, str] | None):
    assert run_of(NotedTable(name, comment, OLD)) == whose


def test_a_table_whose_folder_is_gone_is_still_of_a_run_of_a_deployed_pipeline():
    notes = [
        NotedTable(f"{name}__T__R9", f"dataset /mlops/data/{name.lower()}/r9/t.table.json", OLD, 50, 2)
        for name in ("CHURN", "OTHER")
    ]

    found = runs_there(Shelf(noted=notes), pipelines=[CHURN], outcomes=[], rows=[], now=NOW, own_stage=True)

    assert [(run.pipeline, run.run_id, run.files, run.whole) for run in found] == [("churn", "r9", 0, 50)]


def test_a_run_is_removed_manifests_first_then_tables_then_everything():
    shelf = Shelf(
        files("r1", *COMMITTED), [NotedTable("CHURN__T__R1", "dataset /mlops/data/churn/r1/t.table.json", OLD)]
    )
    told: list[str] = []

    remove(shelf, there(shelf).values(), told=lambda run: told.append(run.run_id))

    assert shelf.calls == ["remove churn/r1 .*\\.manifest\\.json", "drop CHURN__T__R1", "remove churn/r1"]
    assert told == ["r1"]
