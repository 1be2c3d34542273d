"""Where a process runs, and where it takes its session from: every combination of what is set and what is there."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from mlops.configuration.settings import load_settings
from mlops.container.detection import HINTS, MARKER, TOKEN_FILE, detect_container
from mlops.container.variables import credentials_given
from mlops.errors import RunError, UsageError
from mlops.plugins.knowledge import HookPlugin, Knowledge
from mlops.runs.connection import ConnectionChoice, choose_connection, connection_for

PROVIDER = Knowledge(
    "mlops-embedded", "1", state="", hooks=(HookPlugin("embedded", "nowhere", ("provide_connection",)),)
)
PASSWORD = {"SNOWFLAKE_ACCOUNT": "acct", "SNOWFLAKE_USER": "ana", "SNOWFLAKE_PASSWORD": "hunter2-hunter2"}


@pytest.mark.parametrize(
    ("environ", "token", "container", "said"),
    [
        ({}, False, False, "there is no token file"),
        ({}, True, False, "SNOWFLAKE_HOST is not set"),
        ({"SNOWFLAKE_HOST": "h"}, False, False, "there is no token file"),
        ({"SNOWFLAKE_HOST": "h"}, True, True, f"there is a token file {TOKEN_FILE}"),
        ({"SNOWFLAKE_HOST": "h", "SNOWFLAKE_ACCOUNT": "a"}, True, True, "SNOWFLAKE_HOST is set"),
        ({"SNOWFLAKE_ACCOUNT": "a"}, False, False, "there is no token file"),
        ({MARKER: "true"}, False, True, f"{MARKER} is set"),
        ({MARKER: ""}, False, True, f"{MARKER} is set"),
        ({MARKER: "true", "SNOWFLAKE_HOST": "h"}, True, True, f"{MARKER} is set"),
        *(({hint: "x"}, False, True, f"{hint} is set") for hint in HINTS),
        *(({hint: ""}, False, False, "there is no token file") for hint in HINTS),
    ],
)
def test_a_container_is_recognised_with_the_reason(environ, token, container, said) -> None:
    found = detect_container(environ, lambda path: token and path == TOKEN_FILE)

    assert found.container is container
    assert said in found.reason


def test_a_process_that_stands_for_a_container_names_its_token_file() -> None:
    environ = {"SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_TOKEN_FILE": "/job/token"}

    found = detect_container(environ, lambda path: path == "/job/token")

    assert (found.container, found.token_file) == (True, "/job/token")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"SNOWFLAKE_ACCOUNT": "acct"}, None),
        ({"SNOWFLAKE_ACCOUNT": "acct", "SNOWFLAKE_USER": "ana"}, None),
        ({"SNOWFLAKE_USER": "ana", "SNOWFLAKE_PASSWORD": "p"}, None),
        (PASSWORD, {"account": "acct", "user": "ana", "password": "hunter2-hunter2"}),
        (
            {"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PRIVATE_KEY_PATH": "k.p8"},
            {"account": "a", "user": "u", "private_key_file": "k.p8"},
        ),
        (
            {"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_TOKEN": "t"},
            {"account": "a", "token": "t", "authenticator": "PROGRAMMATIC_ACCESS_TOKEN"},
        ),
        (
            {"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_TOKEN": "t", "SNOWFLAKE_AUTHENTICATOR": "oauth"},
            {"account": "a", "token": "t", "authenticator": "oauth"},
        ),
        (
            {"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_USER": "u", "SNOWFLAKE_AUTHENTICATOR": "externalbrowser"},
            {"account": "a", "user": "u", "authenticator": "externalbrowser"},
        ),
        ({"SNOWFLAKE_DEFAULT_CONNECTION_NAME": "dev"}, {"connection_name": "dev"}),
        (
            {**PASSWORD, "SNOWFLAKE_PORT": "8080"},
            {"account": "acct", "port": 8080, "user": "ana", "password": "hunter2-hunter2"},
        ),
    ],
)
def test_variables_are_credentials_only_when_they_are_enough_to_log_in(environ, expected) -> None:
    assert credentials_given(environ) == expected


def chosen(folder: Path, environ: dict[str, str], *, target: bool, auth: str, name: str | None, provider: bool):
    """What is chosen: the mode, the mode it falls back to, or the error."""
    (folder / "mlops.toml").write_text('[targets.local]\nconnection = "dev"\n' if target else "")
    settings = load_settings(str(folder), environ={"MLOPS_AUTH": auth})
    try:
        choice = connection_for(settings, [PROVIDER] if provider else [], name=name, environ=environ)
    except (RunError, UsageError) as error:
        return type(error).__name__, None
    fallback = choice.connection and choice.connection.fallback
    return choice.auth_mode, fallback.auth_mode if fallback else None


def expected(*, container: bool, target: bool, variables: bool, auth: str, name: str | None, provider: bool):
    """The table of docs/container.md, said once more in other words."""
    explicit = (
        "connection given" if name else "connection dev" if target else "variables SNOWFLAKE_*" if variables else None
    )
    if auth == "inherited":
        return ("UsageError", None) if name else ("inherited", None)
    if name:
        return explicit, None
    if container and auth == "auto":
        return "inherited", explicit
    if explicit:
        return explicit, None
    if auth == "auto" and provider:
        return "embedded", None
    return "RunError", None


@pytest.mark.parametrize("auth", ["auto", "inherited", "explicit"])
def test_every_combination_of_indicators_and_credentials(tmp_path: Path, auth: str) -> None:
    yes_no = (False, True)
    for container, target, variables, name, provider in product(yes_no, yes_no, yes_no, (None, "given"), yes_no):
        environ = {**({MARKER: "true", "SNOWFLAKE_HOST": "h"} if container else {}), **(PASSWORD if variables else {})}
        case = {"target": target, "auth": auth, "name": name, "provider": provider}

        found = chosen(tmp_path, environ, **case)

        assert found == expected(container=container, variables=variables, **case), (container, variables, case)


@pytest.mark.parametrize("where", ["target", "variable"])
def test_a_target_of_the_embedded_snowflake_never_meets_an_account(tmp_path: Path, where: str) -> None:
    (tmp_path / "mlops.toml").write_text('[targets.local]\nservices = "embedded"\n' if where == "target" else "")
    settings = load_settings(str(tmp_path), environ={"MLOPS_SERVICES": "embedded"} if where == "variable" else {})

    choice = connection_for(settings, [PROVIDER], environ=PASSWORD)

    assert choice.auth_mode == "embedded"
    assert connection_for(settings, [PROVIDER], name="prod", environ=PASSWORD).auth_mode == "connection prod"
    with pytest.raises(RunError, match="no installed plugin provides"):
        connection_for(settings, [], environ=PASSWORD)


def test_a_run_whose_nodes_ask_for_nothing_has_no_connection(tmp_path: Path) -> None:
    settings = load_settings(str(tmp_path), environ={})

    assert choose_connection(settings, (), [PROVIDER], environ={MARKER: "true"}).auth_mode == "none"


def test_a_choice_never_shows_what_it_holds(tmp_path: Path) -> None:
    settings = load_settings(str(tmp_path), environ={})

    choice = connection_for(settings, [], environ={**PASSWORD, MARKER: "true"})

    assert isinstance(choice, ConnectionChoice)
    assert "hunter2" not in f"{choice} {choice!r} {choice.connection!r}"
