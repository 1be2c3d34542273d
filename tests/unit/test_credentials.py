"""Values that are named like credentials, and what stands in their place."""

from __future__ import annotations

import json

import pytest

from mlops import hide_credentials
from mlops.cli.run_view import run_row
from mlops.cli.runs import _tell_run
from mlops.credentials import credentials_within, is_credential_on_a_command_line, looks_like_a_credential
from mlops.runs.outcome import RunInfo, RunOutcome, State


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "api_key",
        "apikey",
        "access_token",
        "privateKey",
        "pwd_of_user",
        "fetch.api_key",
        "x-api-key",
        "dbPassword",
        "accessToken",
        "PGPASSWORD",
    ],
)
def test_what_is_named_like_a_credential_is_hidden(name) -> None:
    assert hide_credentials({name: "hunter2", "max_depth": 6}) == {name: "***", "max_depth": 6}


@pytest.mark.parametrize(
    "name", ["tokenizer", "max_tokens", "maxTokens", "keys", "secretary", "passwords_file", "PASSWORDS", "token.depth"]
)
def test_other_names_are_shown(name) -> None:
    assert not looks_like_a_credential(name)
    assert hide_credentials({name: "shown"}) == {name: "shown"}


@pytest.mark.parametrize("value", [3, 0.5, True, None, "", [], {}])
def test_what_can_be_no_secret_is_shown_under_any_name(value) -> None:
    assert hide_credentials({"token_count": value}) == {"token_count": value}


@pytest.mark.parametrize(
    ("name", "hidden"),
    [("passcode", True), ("db.password", True), ("apiKey", True), ("password_length", False), ("max_token", False)],
)
def test_a_number_is_hidden_where_it_is_no_count(name, hidden) -> None:
    assert hide_credentials({name: 4711}) == {name: "***" if hidden else 4711}


def test_what_is_hidden_is_named_with_its_place() -> None:
    given = {"api_key": "x", "db": {"user": "ana", "password": "y"}, "sources": [{}, {"token": "z", "token_count": 3}]}

    assert credentials_within(given) == ["api_key", "db.password", "sources[1].token"]


@pytest.mark.parametrize("value", ["hunter2", b"hunter2", ["hunter2"], {"first": "hunter2"}])
def test_a_credential_of_any_shape_is_hidden(value) -> None:
    assert hide_credentials({"credentials": value}) == {"credentials": "***"}


@pytest.mark.parametrize(
    "value",
    [
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "AKIAIOSFODNN7EXAMPLE",
        "ver:1-hint:1036-ETMsDgAAAY",
        "https://ana:hunter2@host/path",
    ],
)
def test_what_looks_like_a_secret_is_hidden_under_any_name_and_in_lists(value: str) -> None:
    assert hide_credentials({"a": value, "b": [value, "shown"]}) == {"a": "***", "b": ["***", "shown"]}
    assert credentials_within({"a": value, "b": ["shown", value]}) == ["a", "b[1]"]


@pytest.mark.parametrize("value", ["https://host:8080/a@b", "a:b@c", "ver:1", "eyJustAWord", "BEGIN PRIVATE KEY"])
def test_what_only_resembles_a_secret_is_shown(value: str) -> None:
    assert hide_credentials({"a": value}) == {"a": value}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--password", "x"], [1]),
        (["-u", "ana", "--api-key=x"], [2]),
        (["--password", "$PASSWORD", "--token=$TOKEN"], []),
        (["--password-file", "/secrets/p", "--max-tokens", "8"], []),
        (["--password", "--verbose"], []),
        (["--set", "password=x"], []),
    ],
)
def test_a_credential_on_a_command_line_is_what_an_option_of_that_name_is_given(
    words: list[str], found: list[int]
) -> None:
    assert [at for at in range(len(words)) if is_credential_on_a_command_line(words, at)] == found


def test_names_within_lists_and_mappings_are_searched_and_what_was_given_is_left_as_it_is() -> None:
    given = {"sources": [{"url": "a", "token": "hunter2"}], "pair": ("a", {"password": "hunter2"})}

    assert hide_credentials(given) == {"sources": [{"url": "a", "token": "***"}], "pair": ("a", {"password": "***"})}
    assert given["sources"] == [{"url": "a", "token": "hunter2"}]


def test_a_run_is_shown_without_credentials_also_where_its_record_has_some(capsys) -> None:
    parameters = {"kit:first": {"depth": 6, "api_key": "hunter2"}}
    outcome = RunOutcome(RunInfo("20261123-101500-3f9a1c", "churn", "", 100.0, parameters), State.SUCCEEDED, ())

    _tell_run(outcome, [], "")

    printed = capsys.readouterr().out
    assert run_row(outcome)["parameters"] == {"kit:first": {"depth": 6, "api_key": "***"}}
    assert "depth=6, api_key='***'" in printed
    assert "hunter2" not in printed + json.dumps(run_row(outcome))
