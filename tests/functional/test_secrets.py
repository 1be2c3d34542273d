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
    own = [path for path in files if "embedded" not in path.relative_to(folder).parts]
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
