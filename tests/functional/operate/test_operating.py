"""Operating a graph on an embedded Snowflake: the commands as a person types them, through the real clients."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops.deploy.ownership import Ownership, comment_of

from .conftest import IMAGE, Shop, create, job, line, sales

TASKS = "/api/v2/databases/EMBEDDED/schemas/PUBLIC/tasks"


def states(run: dict[str, Any]) -> dict[str, str]:
    return {node["node"].rpartition(":")[2]: node["state"] for node in run["nodes"]}


def task_states(shop: Shop) -> dict[str, str]:
    return {task["task"]: task["state"] for task in shop.json("status", "sales")["pipelines"][0]["tasks"]}


def started_by_hand(shop: Shop, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.json("trigger", "sales", "--wait", *words)
    return found


@pytest.fixture(autouse=True)
def as_deployed(shop: Shop) -> None:
    shop.reset()


@pytest.fixture
def fails(shop: Shop) -> Path:
    shop.flag.touch()
    return shop.flag


def test_what_is_deployed_is_a_line_a_pipeline_with_its_last_run(shop: Shop) -> None:
    run = started_by_hand(shop)["run"]

    said = shop.run("status")
    [row] = shop.json("status")["pipelines"]

    assert "sales" in said.stdout
    assert row["last_run"]["run"] == run
    assert row["versions"] == {"mlops-framework": "0.1.0", "shop": "1.2"}


def test_one_pipeline_is_shown_node_by_node(shop: Shop) -> None:
    started_by_hand(shop)

    lines = shop.run("status", "sales").stdout.splitlines()

    assert any(line.split()[:3] == ["clean", "started", "✓"] for line in lines)
    assert "  task EMBEDDED.PUBLIC.SALES, owner ACCOUNTADMIN" in lines


def test_a_pipeline_that_is_suspended_and_resumed_tells_what_it_did_and_what_was_so_already(shop: Shop) -> None:
    assert "is started (1 task resumed)" in shop.run("resume").stdout
    assert "was started already" in shop.run("resume", "sales").stdout
    assert shop.json("status", "sales")["pipelines"][0]["state"] == "started"
    assert shop.json("suspend") == {"pipeline": "sales", "suspended": ["SALES"], "resumed": []}
    assert "was suspended already" in shop.run("suspend").stdout


def test_resuming_starts_what_is_below_the_root_first_and_the_root_last(shop: Shop) -> None:
    shop.sql("ALTER TASK SALES$TRAIN SUSPEND")
    shop.sql("ALTER TASK SALES$TIDY SUSPEND")
    shop.sql("ALTER TASK SALES RESUME")

    partly = shop.json("status", "sales")["pipelines"][0]["state"]
    resumed = shop.json("resume")["resumed"]

    assert partly == "partly suspended"
    assert sorted(resumed[:-1]) == ["SALES$TIDY", "SALES$TRAIN"]
    assert resumed[-1] == "SALES"
    assert set(task_states(shop).values()) == {"started"}


def test_a_resume_that_fails_leaves_a_started_root_started(shop: Shop) -> None:
    shop.sql("ALTER TASK SALES$TRAIN SUSPEND")
    shop.sql("ALTER TASK SALES RESUME")

    with shop.server.admin.fault("status", status=500, path=f"{TASKS}/SALES$TRAIN:resume"):
        result = shop.run("resume")

    assert result.code != 0
    assert task_states(shop)["SALES"] == "started"


def test_a_suspended_node_is_passed_over_and_this_is_said(shop: Shop) -> None:
    shop.sql("ALTER TASK SALES$REPORT SUSPEND")

    result = shop.run("trigger", "--wait")

    assert "warning: suspended, and so passed over: report" in result.stderr
    assert states(shop.json("runs", "show", "--target", "embedded"))["report"] == "skipped"


def test_a_run_that_is_waited_for_is_shown_as_it_goes_and_ends_with_what_came_of_it(shop: Shop) -> None:
    result = shop.run("trigger", "sales", "--wait")

    assert result.code == 0
    assert "✓ train" in result.stderr
    assert "succeeded: 5 succeeded" in result.stdout


def test_a_failed_run_exits_with_1_and_shows_the_end_of_the_log(shop: Shop, fails: Path) -> None:
    result = shop.run("trigger", "sales", "--wait")

    assert result.code == 1
    assert "✗ train: Job JOB_" in result.stdout
    assert "ERROR   no labels" in result.stdout
    assert "mlops retry sales --target embedded" in result.stdout


def test_a_run_without_waiting_is_named(shop: Shop) -> None:
    run = shop.json("trigger")["run"]

    assert run in [one["run"] for one in shop.json("runs", "list", "--target", "embedded")["runs"]]
    shop.run("logs", "train", "--run", run, "-f")


def test_runs_that_start_together_are_told_apart(shop: Shop) -> None:
    other = threading.Thread(target=shop.sql, args=["EXECUTE TASK SALES"])
    other.start()
    runs = [shop.json("trigger")["run"] for _ in range(2)]
    other.join()
    known = [one["run"] for one in shop.json("runs", "list", "--target", "embedded")["runs"]]

    assert len(set(runs)) == 2
    assert set(runs) < set(known[:3])


def test_a_retry_says_first_what_runs_again_and_keeps_what_has_succeeded(shop: Shop, fails: Path) -> None:
    run = started_by_hand(shop)["run"]

    plan = shop.json("retry", "--dry-run")
    unasked = [shop.run("retry"), shop.run("retry", "--json")]
    fails.unlink()
    result = shop.run("retry", "--wait", "--yes")
    shown = shop.json("runs", "show", run, "--target", "embedded")

    assert [one["node"] for one in plan["again"]] == ["shop:train", "shop:report", "shop:tidy"]
    assert plan["kept"] == ["shop:load", "shop:clean"]
    assert [(one.code, str(one.error)) for one in unasked] == [(2, "there is no terminal to ask on")] * 2
    assert "keep   load" in result.stderr
    assert result.code == 0
    assert {node["node"]: node["attempt"] for node in shown["nodes"]} == {
        "shop:load": 1, "shop:clean": 1, "shop:train": 2, "shop:report": 2, "shop:tidy": 2,
    }  # fmt: skip


def test_a_retry_that_is_impossible_says_why_before_snowflake_is_asked(shop: Shop, fails: Path) -> None:
    started_by_hand(shop)
    shop.sql("ALTER TASK SALES$CLEAN MODIFY AS SELECT 2")
    changed = shop.run("retry", "--yes")
    shop.sql(f"ALTER TASK SALES$CLEAN MODIFY AS {sales(shop.folder).tasks[1].definition}")
    fails.unlink()
    started_by_hand(shop)

    succeeded = shop.run("retry", "--yes")

    assert "the graph was changed since: task SALES$CLEAN has another definition" in str(changed.error)
    assert "succeeded: there is nothing to retry" in str(succeeded.error)


def test_a_retry_that_snowflake_refuses_leads_to_a_new_run(shop: Shop, fails: Path) -> None:
    started_by_hand(shop)
    shop.sql("ALTER TASK SALES$REPORT MODIFY AS SELECT 2")  # no run of it shows what it was

    result = shop.run("retry", "--yes")

    assert result.code == 3
    assert "Cannot perform retry" in str(result.error)
    assert "mlops trigger sales" in str(result.error and result.error.hint)


def test_a_run_shows_its_parameters_metrics_and_datasets(shop: Shop) -> None:
    run = started_by_hand(shop)["run"]

    said = shop.run("runs", "show", run[:8], "--target", "embedded").stdout
    shown = shop.json("runs", "show", "latest", "--target", "embedded")

    assert "rows_kept       90.5  shop:clean" in said
    assert f"@EMBEDDED.PUBLIC.MLOPS_DATA/sales/{run}" in said
    assert shown["parameters"] == {"shop:load": {"rows": 100}, "shop:train": {"depth": 3, "names": ["a", "b"]}}
    assert shown["datasets"][0]["dataset"] == "cleaned"
    assert shown["auth_mode"] == "inherited"


def test_logs_of_a_node_are_readable_raw_and_json(shop: Shop) -> None:
    started_by_hand(shop)

    said = shop.run("logs", "load").stdout
    raw = shop.run("logs", "shop:load", "--raw", "-n", "2").stdout.splitlines()
    found = shop.json("logs", "load", "--pipeline", "sales")

    assert said.splitlines()[0].endswith("INFO    loaded 100 rows")
    assert said.splitlines()[1] == "plain words"
    assert json.loads(raw[0])["body"] == "loaded 100 rows"
    assert (found["task"], found["source"]) == ("SALES", "container")
    assert [one["text"] for one in found["lines"]] == ["loaded 100 rows", "plain words"]


def test_logs_outlive_their_container_and_their_job(shop: Shop) -> None:
    run = started_by_hand(shop)["run"]
    before = shop.json("logs", "load", "--run", run)

    shop.sql(f"DROP SERVICE {before['job']}")
    after = shop.json("logs", "load", "--run", run)

    assert (after["job"], after["source"]) == (before["job"], "event table")
    assert [one["text"] for one in after["lines"]] == ["loaded 100 rows", "plain words"]
    assert after["lines"][0]["level"] == "INFO"


@pytest.fixture
def slow(shop: Shop) -> Iterator[None]:
    """The node before training takes a second."""
    [before] = (task.definition for task in sales(shop.folder).tasks if task.name == "SALES$CLEAN")
    shop.sql(f"ALTER TASK SALES$CLEAN MODIFY AS {job('sleep 1')}")
    yield
    shop.sql("ALTER TASK SALES SUSPEND")
    shop.sql(f"ALTER TASK SALES$CLEAN MODIFY AS {before}")


def test_logs_that_are_followed_wait_for_the_node_and_end_with_it(shop: Shop, slow: None) -> None:
    run = shop.json("trigger")["run"]

    result = shop.run("logs", "train", "-f")

    assert [line.split()[-1] for line in result.stdout.splitlines()] == ["fitting", "fitted"]
    assert f"waiting for train to start in run {run}" in result.stderr
    assert f"sales train, run {run}, attempt 1" in result.stderr


def test_logs_that_wait_for_a_node_end_with_an_error_when_its_run_does(shop: Shop, slow: None) -> None:
    shop.flag.touch()
    run = shop.json("trigger")["run"]

    result = shop.run("logs", "report", "-f")

    assert (result.code, str(result.error)) == (1, f"node 'report' did not start in run {run}: train failed")
    assert "waiting for report to start" in result.stderr


@pytest.fixture
def serving(shop: Shop) -> Iterator[None]:
    """A service of the pipeline, as a deployment makes it of a node that serves."""
    container = {"name": "main", "image": IMAGE, "args": [f"{line('listening')}; echo ready; exec sleep 60"]}
    specification = yaml.safe_dump({"spec": {"containers": [container]}})
    comment = comment_of(Ownership("shop", "sales", ("shop:serve",)))
    shop.sql(
        f"CREATE SERVICE SALES_SERVE IN COMPUTE POOL POOL FROM SPECIFICATION $${specification}$$ COMMENT = '{comment}'"
    )
    yield
    shop.sql("DROP SERVICE SALES_SERVE")


def test_a_node_that_serves_has_the_log_of_its_service(shop: Shop, serving: None) -> None:
    until = time.monotonic() + 20
    while "ready" not in (said := shop.run("logs", "serve")).stdout and time.monotonic() < until:
        time.sleep(0.05)
    found = shop.json("logs", "shop:serve")

    assert said.stdout.splitlines()[0].endswith("INFO    listening")
    assert found["service"] == "SALES_SERVE"
    assert [one["text"] for one in found["lines"]] == ["listening", "ready"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["status", "sails"], "there is no deployed pipeline 'sails'"),
        (["logs", "trian"], "there is no deployed node 'trian'"),
        (["runs", "show", "nonesuch", "--target", "embedded"], "there is no run 'nonesuch'"),
        (["logs", "train", "--run", "nonesuch"], "there is no run 'nonesuch'"),
    ],
)
def test_a_name_that_nothing_has_is_an_error_with_the_closest(shop: Shop, words: list[str], said: str) -> None:
    started_by_hand(shop)

    result = shop.run(*words)

    assert said in str(result.error)


def test_two_pipelines_are_asked_for_by_name(shop: Shop) -> None:
    from msgspec.structs import replace

    whole = sales(shop.folder)
    other = replace(whole, pipeline="other", tasks=(replace(whole.tasks[1], name="OTHER", predecessors=()),))
    create(shop.connection, other)
    try:
        result = shop.run("suspend")
        both = [one["pipeline"] for one in shop.json("status")["pipelines"]]
    finally:
        shop.sql("DROP TASK OTHER")

    assert "2 pipelines are deployed to EMBEDDED.PUBLIC" in str(result.error)
    assert both == ["other", "sales"]


def test_another_projects_tasks_are_none_of_ours(shop: Shop) -> None:
    shop.sql("CREATE OR REPLACE TASK SOMEBODYS AS SELECT 1")
    try:
        assert [one["pipeline"] for one in shop.json("status")["pipelines"]] == ["sales"]
    finally:
        shop.sql("DROP TASK SOMEBODYS")
