"""What a task's container refuses before it calls the node, each with an exit code of its own and a line that says why."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from mlops_embedded.life import EmbeddedSnowflake

import mlops
from mlops.container.task import run_task

VERSIONS = {"mlops-framework": mlops.__version__, "mlops-churn": "0.1.0"}
PLACE = ("host", "port", "protocol", "account", "database", "schema")
NODE = "mlops-churn:generate_data"

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a job specification and Snowflake set; ``refused`` sets them."""
    return {
        "MLOPS_PIPELINE": "churn",
        "MLOPS_DATA": str(tmp_path / "data"),
        "MLOPS_AUTH": "inherited",
        "MLOPS_VERSIONS": json.dumps(VERSIONS),
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_ACCOUNT": "embedded",
        "SNOWFLAKE_TOKEN_FILE": str(tmp_path / "token"),
        "SNOWFLAKE_RUNNING_INSIDE_SPCS": "true",
    }


def refused(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], *nodes: str) -> tuple[int, dict]:
    """The exit code, and the line that says why."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    out = io.StringIO()

    code = run_task(nodes or (NODE,), out=out)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    [error] = [line for line in lines if line["severity_text"] == "ERROR"]
    assert error["attributes"]["mlops.exit_code"] == code
    return code, error


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("mlops-churn:generate_date", "did you mean"),
        ("mlops-chrun:generate_data", "there is no"),
        ("nothing", "there is no"),
    ],
)
def test_a_node_that_the_image_does_not_hold_is_11(monkeypatch, variables, node: str, said: str) -> None:
    code, error = refused(monkeypatch, variables, node)

    assert code == 11
    assert said in error["body"] + error["attributes"].get("mlops.hint", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"MLOPS_PIPELINE": ""}, "MLOPS_PIPELINE: it is not set"),
        ({"MLOPS_DATA": ""}, "MLOPS_DATA: it is not set"),
        ({"MLOPS_VERSIONS": "[1]"}, "MLOPS_VERSIONS: it is no JSON object"),
        ({"SNOWFLAKE_JOBS_COUNT": "2", "SNOWFLAKE_JOB_INDEX": "2"}, "2 is not below SNOWFLAKE_JOBS_COUNT"),
        ({"SNOWFLAKE_JOBS_COUNT": "some"}, "'some' is not a whole number"),
        ({"MLOPS_AUTH": "perhaps"}, "'perhaps' is not Literal"),
    ],
)
def test_variables_that_do_not_do_are_12(monkeypatch, variables, change: dict[str, str], said: str) -> None:
    code, error = refused(monkeypatch, {**variables, **change})

    assert code == 12
    assert said in error["body"]


def test_another_version_than_was_deployed_is_14_and_names_both(monkeypatch, variables) -> None:
    deployed = json.dumps({**VERSIONS, "mlops-churn": "1.3", "another-plugin": "9"})

    code, error = refused(monkeypatch, {**variables, "MLOPS_VERSIONS": deployed})

    assert code == 14
    assert error["body"] == "image has mlops-churn 0.1.0, graph was deployed for mlops-churn 1.3"
    assert "rebuild the image" in error["attributes"]["mlops.hint"]


def test_a_missing_token_is_13_also_where_there_are_other_credentials(monkeypatch, variables) -> None:
    explicit = {"SNOWFLAKE_USER": "ana", "SNOWFLAKE_PASSWORD": "hunter2-hunter2"}

    code, error = refused(monkeypatch, {**variables, **explicit})

    assert code == 13
    assert "cannot be read: No such file" in error["body"]
    assert "hunter2" not in json.dumps(error)


def test_a_container_that_no_task_has_started_says_so(
    monkeypatch, variables, embedded_snowflake: EmbeddedSnowflake, minted
) -> None:
    place = {f"SNOWFLAKE_{name.upper()}": str(embedded_snowflake.connection[name]) for name in PLACE}
    Path(variables["SNOWFLAKE_TOKEN_FILE"]).write_text(minted("JOB_1"))

    code, error = refused(monkeypatch, {**variables, **place})

    assert (code, error["body"]) == (1, "no task has started this container")
