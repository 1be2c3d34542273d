"""Secrets, planted wherever credentials may be, are searched for in everything that mlops prints and writes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlops_embedded.life import EmbeddedSnowflake

PROJECT = """
[pipelines.asking]
nodes = ["asking"]

[pipelines.fetching]
nodes = ["fetched"]
parameters = {"fetched.source" = {db = {user = "ana", password = "planted-in-settings-e11b"}}}

[targets.dev]
connection = "dev"
database = "EMBEDDED"
schema = "PUBLIC"
warehouse = "COMPUTE_WH"

[targets.dev.pools.default]
name = "POOL"
"""
PLANTED = {
    "SNOWFLAKE_PASSWORD": "planted-password-5d1e",
    "SNOWFLAKE_PASSCODE": "planted-passcode-77aa",
    "SNOWFLAKE_TOKEN": "planted-token-0c9b",
    "SNOWFLAKE_PRIVATE_KEY_FILE_PWD": "planted-passphrase-3f2e",
}
IN_SETTINGS = "planted-in-settings-e11b"
IN_FILE = {"token": "planted-session-token-91c4", "connections.toml": "planted-connection-password-a8d3"}

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def environment(make_environment: Callable[..., Any]) -> Any:
    return make_environment(["kit-tasks"])


@pytest.fixture
def variables(embedded_snowflake: EmbeddedSnowflake, folder: Path) -> dict[str, str]:
    """A project whose every place for a credential holds a planted one."""
    (folder / "mlops.toml").write_text(PROJECT)
    home = folder.parent / f"{folder.name}-home"
    home.mkdir()
    place = {**embedded_snowflake.connection, "password": IN_FILE["connections.toml"]}
    lines = [f"{name} = {json.dumps(value)}" for name, value in place.items()]
    (home / "connections.toml").write_text("\n".join(["[dev]", *lines, ""]))
    (home / "connections.toml").chmod(0o600)
    (home / "token").write_text(IN_FILE["token"])
    where = {
        f"SNOWFLAKE_{name.upper()}": str(embedded_snowflake.connection[name]) for name in ("host", "port", "protocol")
    }
    return {
        "SNOWFLAKE_HOME": str(home),
        "SNOWFLAKE_ACCOUNT": "embedded",
        "SNOWFLAKE_USER": "ana",
        **where,
        **PLANTED,
        "SNOWFLAKE_TOKEN_FILE": str(home / "token"),
    }


def found(secrets: list[str], folder: Path, said: list[subprocess.CompletedProcess[str]]) -> list[str]:
    """Where a secret is: a file of the project, or what a command printed."""
    places = [f"{one.args}" for one in said for secret in secrets if secret in one.stdout + one.stderr]
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    own = [path for path in files if "embedded" not in path.relative_to(folder).parts and path.name != "mlops.toml"]
    return places + [str(path) for path in own for secret in secrets if secret.encode() in path.read_bytes()]


def test_a_refused_session_leaves_no_secret_behind(environment, folder: Path, variables: dict[str, str]) -> None:
    secrets = [*PLANTED.values(), *IN_FILE.values()]

    refused = environment.mlops("--debug", "run", "asking", "--target", "dev", "-v", cwd=folder, **variables)
    by_variables = environment.mlops("run", "asking", "--json", cwd=folder, **variables)
    inherited = environment.mlops(
        "run-node",
        "asking",
        "--json",
        cwd=folder,
        **variables,
        SNOWFLAKE_RUNNING_INSIDE_SPCS="1",
        MLOPS_AUTH="inherited",
    )
    said = [refused, by_variables, inherited]
    for words in (
        ("runs", "show", "latest", "--json"),
        ("config", "show", "--json"),
        ("graph", "asking", "--run", "latest", "--format", "html", "-o", "graph.html"),
        ("generate", "asking", "--target", "dev"),
    ):
        said.append(environment.mlops(*words, cwd=folder, **variables))

    assert refused.returncode == 1, refused.stderr
    assert "Snowflake refuses connection dev" in refused.stdout + refused.stderr
    assert "variables SNOWFLAKE_*" in by_variables.stdout
    assert inherited.returncode == 13
    assert [one.returncode for one in said[3:]] == [0, 0, 0, 0], said[3:]
    assert list((folder / "jobs").rglob("*.yaml"))
    assert len(found(["asking"], folder, said)) > 5
    assert found(secrets, folder, said) == []


def test_a_fallback_shows_no_secret_either_and_is_in_the_record(
    environment, folder: Path, variables: dict[str, str], embedded_snowflake: EmbeddedSnowflake
) -> None:
    real = str(embedded_snowflake.connection["password"])
    explicit = {name: value for name, value in variables.items() if name not in PLANTED}

    ran = environment.mlops(
        "run", "asking", "--json", cwd=folder, **explicit, SNOWFLAKE_PASSWORD=real, SNOWFLAKE_ROLE="ACCOUNTADMIN",
        SNOWFLAKE_DATABASE="EMBEDDED", SNOWFLAKE_SCHEMA="PUBLIC", SNOWFLAKE_RUNNING_INSIDE_SPCS="1",
    )  # fmt: skip
    shown = environment.mlops("runs", "show", "latest", "--json", cwd=folder, **explicit)

    outcome = json.loads(ran.stdout)
    assert ran.returncode == 0, ran.stderr
    assert outcome["auth_mode"] == "variables SNOWFLAKE_*"
    assert outcome["warnings"][0].startswith("authentication fell back from inherited to variables SNOWFLAKE_*:")
    assert "variables SNOWFLAKE_*" in shown.stdout
    assert found([real, *IN_FILE.values()], folder, [ran, shown]) == []


def test_credentials_that_are_parameters_are_kept_nowhere_and_still_tell_whether_a_node_runs_again(
    environment, folder: Path
) -> None:
    (folder / "mlops.toml").write_text(PROJECT)
    keys = "planted-key-41d0", "planted-key-9ab7"
    said = []

    def mlops(*words: str) -> subprocess.CompletedProcess[str]:
        said.append(environment.mlops(*words, cwd=folder, MLOPS_SERVICES="none"))
        return said[-1]

    def state(*words: str) -> tuple[str, str]:
        answer = mlops("run", "fetching", "--json", *words)
        assert "nodes" in answer.stdout, answer.stdout + answer.stderr
        (node,) = json.loads(answer.stdout)["nodes"]
        return node["state"], node["reason"] or ""

    first = state("--param", f"api_key={keys[0]}")
    again = state("--resume", "--param", f"api_key={keys[0]}")
    other = state("--resume", "--param", f"api_key={keys[1]}")
    failed = state("--param", f"api_key={keys[0]}", "--param", "needs=much")
    misfit = mlops(
        "--debug",
        "run",
        "fetching",
        "--param",
        f"source=[{{password: {keys[0]}}}]",
        "--param",
        f"api_key={keys[1]}",
    )
    for words in (
        ("runs", "show", "latest", "--json"),
        ("pipelines", "show", "fetching", "--json"),
        ("config", "show", "--json"),
        ("graph", "fetching", "--run", "latest", "--format", "html", "-o", "graph.html"),
    ):
        assert mlops(*words).returncode == 0, said[-1].stderr
    refused = [
        mlops(*words, "fetching", "--target", "dev")
        for words in (
            ("plan", "--out", "plan.json"),
            ("deploy", "--yes"),
            ("generate",),
            ("generate", "--format", "sql"),
        )
    ]

    assert (first[0], again[0]) == ("succeeded", "reused")
    assert other == ("succeeded", "ran again: parameter api_key changed")
    assert failed[0] == "failed"
    assert misfit.returncode == 1
    assert "[{'password': '***'}] is not dict[str, Any] | None" in misfit.stderr
    assert [one.returncode for one in refused] == [1] * 4
    assert all("source.db.password" in one.stderr and "[[targets.NAME.secrets]]" in one.stderr for one in refused)
    manifests = [json.loads(path.read_text()) for path in folder.rglob("*.manifest.json")]
    assert {(one["schema"], one["parameters"]["api_key"], len(one["hidden"])) for one in manifests} == {(2, "***", 2)}
    assert found([*keys, IN_SETTINGS], folder, said) == []


def test_what_is_planned_written_and_deployed_holds_no_secret(
    environment, folder: Path, variables: dict[str, str], embedded_snowflake: EmbeddedSnowflake
) -> None:
    real = str(embedded_snowflake.connection["password"])
    planted = [*PLANTED.values(), *IN_FILE.values()]
    sections = Path(variables["SNOWFLAKE_HOME"]) / "connections.toml"
    sections.write_text(sections.read_text().replace(IN_FILE["connections.toml"], real))
    sections.chmod(0o600)
    said = []

    def mlops(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        said.append(environment.mlops(*words, "--target", "dev", cwd=folder, **variables))
        assert said[-1].returncode == code, said[-1].stdout + said[-1].stderr
        return said[-1]

    mlops("plan", "asking", "--out", "plan.json")
    with embedded_snowflake.admin.fault(
        "status", status=403, method="POST", path="/api/v2/databases/EMBEDDED/schemas/PUBLIC/tasks/ASKING"
    ):
        undone = mlops("deploy", "--plan", "plan.json", "--yes", code=3)
    mlops("deploy", "--plan", "plan.json", "--yes", "--json")
    for form in ("yaml", "sql", "dcm"):
        mlops("generate", "asking", "--format", form, "--output", f"out/{form}")
    mlops("doctor", "asking", "--json")
    mlops("grants", "asking")

    assert "put back" in undone.stderr
    assert len([path for path in (folder / "out").rglob("*") if path.is_file()]) > 3
    held = embedded_snowflake.state  # everything that Snowflake was told, and its own credentials
    assert found(["kit-tasks:asking"], held, []) != []
    assert found(planted, held, []) == []
    assert found(["ASKING"], folder, said) != []
    assert found([real, *planted], folder, said) == []
