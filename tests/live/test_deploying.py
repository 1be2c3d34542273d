"""The life of a deployment on a real account, by the commands that the README shows for the embedded one."""

from __future__ import annotations

import pytest

from .conftest import IMAGE, LiveProject

MORE_MEMORY = '[targets.live.nodes.train_model]\nmemory = "3Gi"'


@pytest.fixture(scope="module")
def deployed(live: LiveProject) -> LiveProject:
    plan = live.run("plan", "churn", "--detailed-exitcode")
    assert plan.code == 2, plan
    done = live.run("deploy", "churn", "--yes")
    assert done.code == 0, done
    return live


def test_what_was_deployed_reads_back_as_it_was_written(deployed: LiveProject) -> None:
    """A difference here is a form that Snowflake gives a field, which deploy/differences.py has to know."""
    plan = deployed.json("plan", "churn")

    assert plan["steps"] == []
    assert plan["empty"]


def test_a_second_deploy_changes_nothing(deployed: LiveProject) -> None:
    assert "no changes" in deployed.run("deploy", "churn", "--yes").stdout


def test_a_changed_node_is_one_change_and_back_again(deployed: LiveProject) -> None:
    deployed.configure(MORE_MEMORY)
    steps = deployed.json("plan", "churn")["steps"]
    changed = deployed.json("deploy", "churn", "--yes")
    deployed.configure()
    back = deployed.json("deploy", "churn", "--yes")

    assert [(step["action"], step["name"]) for step in steps if not step["record"]] == [("change", "CHURN$TRAIN_MODEL")]
    assert changed["applied"]["calls"] <= 6
    assert back["applied"]["root_started"] is False
    assert deployed.json("plan", "churn")["empty"]


def test_a_started_root_is_started_again(deployed: LiveProject) -> None:
    assert deployed.run("resume", "churn").code == 0
    deployed.configure(MORE_MEMORY)
    done = deployed.json("deploy", "churn", "--yes")
    deployed.configure()
    deployed.run("deploy", "churn", "--yes")
    deployed.run("suspend", "churn")

    assert done["applied"]["root_started"] is True


def test_status_shows_the_graph(deployed: LiveProject) -> None:
    [found] = deployed.json("status", "churn")["pipelines"]

    assert len(found["tasks"]) == 6


@pytest.mark.skipif(IMAGE is None, reason="MLOPS_LIVE_IMAGE names no image")
def test_the_pipeline_runs(deployed: LiveProject) -> None:
    run = deployed.run("trigger", "churn", "--wait")

    assert run.code == 0, run
    assert deployed.run("logs", "train_model").stdout


def test_destroy_leaves_nothing_of_ours_and_deploy_brings_it_back(deployed: LiveProject) -> None:
    done = deployed.run("destroy", "churn", "--yes")
    left = deployed.json("plan", "churn")
    again = deployed.run("deploy", "churn", "--yes")

    assert done.code == 0, done
    assert sum(step["kind"] == "task" for step in left["steps"]) == 6
    assert again.code == 0, again
