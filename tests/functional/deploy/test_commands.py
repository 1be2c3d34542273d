"""``mlops plan``, ``deploy`` and ``destroy``, on an embedded Snowflake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mlops.errors import UsageError

from .conftest import Shop

MORE_MEMORY = '[targets.dev.nodes.train_model]\nmemory = "3Gi"'
CHURN = ["CHURN", "CHURN$ENGINEER_FEATURES", "CHURN$EVALUATE_MODEL", "CHURN$PREPROCESS_DATA", "CHURN$TRAIN_MODEL",
         "CHURN$TRAIN_TEST_SPLIT"]  # fmt: skip


@pytest.fixture
def deployed(shop: Shop) -> Iterator[Shop]:
    """The shop with its pipeline deployed and started; afterwards nothing of it is left."""
    shop.configure()
    assert shop.run("deploy", "churn", "--yes").code == 0
    yield shop
    shop.configure()
    shop.run("destroy", "--pools", "--data", "--yes")
    shop.sql("DROP IMAGE REPOSITORY IF EXISTS EMBEDDED.PUBLIC.MLOPS_IMAGES")


def writes(shop: Shop, since: int) -> list[tuple[str, str]]:
    return [call for call in shop.calls()[since:] if call[0] in {"PUT", "DELETE"} or ":" in call[1].rpartition("/")[2]]


def states(shop: Shop) -> dict[str, str]:
    return {str(row[1]): str(row[10]) for row in shop.sql("SHOW TASKS IN SCHEMA EMBEDDED.PUBLIC")}


def test_a_plan_of_an_empty_account_creates_everything_and_writes_nothing(shop: Shop) -> None:
    plan = shop.json("plan", "churn")
    text = shop.run("plan", "churn")

    assert [(step["action"], step["name"]) for step in plan["steps"][:3]] == [
        ("create", "SHOP_POOL"), ("create", "MLOPS_IMAGES"), ("create", "MLOPS_DATA"),
    ]  # fmt: skip
    assert sorted(step["name"] for step in plan["steps"][3:]) == CHURN
    assert "+ task CHURN  mlops-churn:generate_data" in text.stdout
    assert "9 to create, 0 unchanged" in text.stdout
    assert shop.sql("SHOW TASKS IN SCHEMA EMBEDDED.PUBLIC") == []


def test_a_deployed_pipeline_is_started_and_a_second_deploy_changes_nothing(deployed: Shop) -> None:
    assert states(deployed) == dict.fromkeys(CHURN, "started")

    before = len(deployed.calls())
    again = deployed.run("deploy", "churn", "--yes")

    assert "no changes: 9 objects are as they are wanted" in again.stdout
    made = [call for call in deployed.calls()[before:] if "CLIENT_VERSION" not in call[1]]
    assert len(made) <= 3
    assert {verb for verb, _ in made} == {"GET"}


def test_a_changed_node_is_one_change_and_is_shown_as_a_diff(deployed: Shop) -> None:
    deployed.configure(MORE_MEMORY)

    plan = deployed.run("plan", "churn", "--detailed-exitcode")

    assert plan.code == 2
    assert "\n1 to change, 7 unchanged" in plan.stdout
    assert "task CHURN: only our record of the deployment is written" in plan.stdout
    assert "~ task CHURN$TRAIN_MODEL  mlops-churn:train_model" in plan.stdout
    assert "+        memory: '3Gi'" in plan.stdout
    assert "! CHURN is suspended for about 3 calls" in plan.stdout


def test_a_dry_run_is_the_plan_and_writes_nothing(deployed: Shop) -> None:
    deployed.configure(MORE_MEMORY)
    plan = deployed.json("plan", "churn")
    before = len(deployed.calls())

    dry = deployed.json("deploy", "churn", "--dry-run")

    assert dry.pop("applied") is None
    plan.pop("objections")
    assert dry == plan
    assert writes(deployed, before) == []


def test_a_plan_is_applied_from_its_file_once_and_refused_after_that(deployed: Shop) -> None:
    deployed.configure(MORE_MEMORY)
    deployed.run("plan", "churn", "--out", "plan.json")

    first = deployed.run("deploy", "--plan", "plan.json", "--yes")
    second = deployed.run("deploy", "--plan", "plan.json", "--yes")
    deployed.configure()
    third = deployed.run("deploy", "--plan", "plan.json", "--yes")

    assert first.code == 0
    assert second.code == 3
    assert second.error is not None
    assert "Snowflake holds something else than when the plan was made" in second.error.message
    assert third.error is not None
    assert "the project wants something else" in third.error.message


def test_without_a_terminal_nothing_is_done_unless_yes_is_said(deployed: Shop) -> None:
    deployed.configure(MORE_MEMORY)
    before = len(deployed.calls())

    refused = deployed.run("deploy", "churn", stdin="")

    assert isinstance(refused.error, UsageError)
    assert refused.code == 2
    assert writes(deployed, before) == []


def test_a_person_s_suspension_outlasts_a_deploy_and_is_said(deployed: Shop) -> None:
    deployed.sql("ALTER TASK EMBEDDED.PUBLIC.CHURN SUSPEND")
    deployed.configure(MORE_MEMORY)

    told = deployed.run("deploy", "churn", "--yes")

    assert "! CHURN is suspended, and stays so" in told.stdout
    assert "CHURN is suspended: mlops resume churn" in told.stdout
    assert states(deployed)["CHURN"] == "suspended"


def test_prune_drops_what_left_the_pipeline(deployed: Shop) -> None:
    small = '[pipelines.churn]\nnodes = ["generate_data", "preprocess_data"]'
    deployed.configure(small)

    kept = deployed.json("plan", "churn")
    pruned = deployed.run("deploy", "churn", "--prune", "--yes")

    assert len(kept["left"]) == 4
    assert pruned.code == 0
    assert states(deployed) == {"CHURN": "started", "CHURN$PREPROCESS_DATA": "started"}


@pytest.mark.parametrize(
    "words", [["--pools", "--data"], ["--pools"], []], ids=["all", "without the data", "pipelines alone"]
)
def test_destroy_drops_what_we_own_and_says_what_stays(deployed: Shop, words: list[str]) -> None:
    deployed.sql("CREATE TASK EMBEDDED.PUBLIC.CHURN$THEIRS WAREHOUSE = COMPUTE_WH AS SELECT 1")

    done = deployed.json("destroy", *words, "--yes")

    assert done["dropped"] == len(CHURN) + len(words)
    assert list(states(deployed)) == ["CHURN$THEIRS"]
    stays = " ".join(done["left"])
    assert ("--pools drops it" in stays) == ("--pools" not in words)
    assert ("--data drops it with its data" in stays) == ("--data" not in words)
    deployed.sql("DROP TASK EMBEDDED.PUBLIC.CHURN$THEIRS")


def test_destroying_nothing_is_said(shop: Shop) -> None:
    assert "nothing to drop: churn is not deployed here" in shop.run("destroy", "churn", "--yes").stdout


def test_a_task_that_others_made_in_our_place_stops_the_deploy(shop: Shop) -> None:
    shop.configure()
    shop.sql("CREATE TASK EMBEDDED.PUBLIC.CHURN$TRAIN_MODEL WAREHOUSE = COMPUTE_WH AS SELECT 1")
    before = len(shop.calls())

    plan: Any = shop.run("plan", "churn", "--json")
    refused = shop.run("deploy", "churn", "--yes")

    assert plan.code == 3
    assert refused.error is not None
    assert "task CHURN$TRAIN_MODEL is there and is not ours" in refused.error.message
    assert writes(shop, before) == []
    shop.sql("DROP TASK EMBEDDED.PUBLIC.CHURN$TRAIN_MODEL")
