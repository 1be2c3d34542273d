"""``mlops plan``, ``deploy`` and ``destroy``, on an embedded Snowflake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops.errors import UsageError, VetoError

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
    assert "as it is wanted already" in str(second.error.hint)
    assert third.error is not None
    assert "the project wants something else" in third.error.message
    assert "mlops plan churn --out FILE" in str(third.error.hint)


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


def test_what_the_role_lacks_is_told_with_the_statement_that_mends_it(shop: Shop) -> None:
    shop.sql("CREATE ROLE IF NOT EXISTS LIMITED")
    for grant in (
        "USAGE ON DATABASE EMBEDDED",
        "USAGE ON SCHEMA EMBEDDED.PUBLIC",
        "CREATE TASK ON SCHEMA EMBEDDED.PUBLIC",
    ):
        shop.sql(f"GRANT {grant} TO ROLE LIMITED")
    shop.configure(target='role = "LIMITED"')

    told = shop.json("plan", "churn")["consequences"]
    refused = shop.run("deploy", "churn", "--yes", "-q")

    mends = [one.rpartition(": ")[2] for one in told if one.startswith("role LIMITED lacks")]
    assert "GRANT CREATE STAGE ON SCHEMA EMBEDDED.PUBLIC TO ROLE LIMITED;" in mends
    assert "GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE LIMITED;" in mends
    assert not any("CREATE TASK" in one for one in mends)
    assert refused.error is not None
    assert "cannot be created" in refused.error.message
    assert "what had been written was put back" in refused.error.message
    assert shop.sql("SHOW TASKS IN SCHEMA EMBEDDED.PUBLIC") == []


GUARD = """
import json, os
from mlops import hookimpl

@hookimpl
def check_deployment(deployment, plan):
    if os.path.exists("freeze"):
        return f"no deployments of {deployment.pipeline} today ({len(plan.steps)} steps)"

@hookimpl
def after_deploy(deployment, plan):
    with open("told.json", "w") as file:
        json.dump([deployment.pipeline, [step.name for step in plan.steps]], file)
    raise RuntimeError("nobody listens")
"""


def test_a_guard_refuses_before_anything_is_written_and_an_observer_is_told_after(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops.testing.sample import SamplePlugins

    monkeypatch.setenv("MLOPS_CACHE_DIR", str(tmp_path / "cache"))
    samples = SamplePlugins(tmp_path / "site")
    samples.install("shop-guard", GUARD, {"mlops.plugins": [""]})
    shop.configure()
    freeze = shop.folder / "freeze"
    freeze.touch()
    before = len(shop.calls())
    try:
        plan, vetoed = shop.run("plan", "churn"), shop.run("deploy", "churn", "--yes")
        freeze.unlink()
        done = shop.run("deploy", "churn", "--yes", "-q")
    finally:
        freeze.unlink(missing_ok=True)
        samples.remove()

    assert plan.code == 1
    assert "refused by shop-guard: no deployments of churn today" in plan.stdout
    assert isinstance(vetoed.error, VetoError)
    assert vetoed.code == 1
    assert [call for call in shop.calls()[before:] if "$$DEPLOY" in call[1] and call[0] == "DELETE"][1:] == []
    assert done.code == 0
    assert json.loads((shop.folder / "told.json").read_text())[0] == "churn"
    assert "nobody listens" in done.stderr
    shop.run("destroy", "--pools", "--data", "--yes", "-q")
    shop.sql("DROP IMAGE REPOSITORY IF EXISTS EMBEDDED.PUBLIC.MLOPS_IMAGES")
