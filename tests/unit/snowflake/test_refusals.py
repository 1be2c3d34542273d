"""What Snowflake's packages raise becomes an error of ours that says what was asked for, whatever it was."""

from __future__ import annotations

import json

import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.core.exceptions import ForbiddenError, RetryTimeoutError
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError

from mlops.errors import AccountError
from mlops.snowflake.refusals import refusals


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (MaxRetryError(HTTPConnectionPool("localhost"), "/api/v2"), "does not answer"),
        (ConnectionResetError(104, "reset"), "does not answer"),
        (RetryTimeoutError("too long"), "too long"),
        (ProgrammingError("no such column"), "no such column"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_account_that_is_out_of_reach_or_refuses_is_an_error_of_the_account(cause: Exception, words: str) -> None:
    with pytest.raises(AccountError, match=words) as caught, refusals("tasks of DB.S"):
        raise cause

    assert caught.value.message.startswith("tasks of DB.S: ")
    assert caught.value.__cause__ is cause


def test_what_snowflake_says_is_told_and_a_hint_of_its_own_stands_in_place_of_the_general_one() -> None:
    refused = ForbiddenError(root=None, status=403, reason="no")
    refused.body = json.dumps({"message": "not  for\nyou"})

    with pytest.raises(AccountError) as caught, refusals("the repository", hint="ask for READ"):
        raise refused

    assert caught.value.hint == "ask for READ"
    assert caught.value.message == "the repository: not for you"
