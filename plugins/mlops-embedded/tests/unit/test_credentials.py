from datetime import timedelta

import pytest
from mlops_embedded.credentials import Credentials
from mlops_embedded.errors import SnowflakeError


def test_a_token_says_who_and_what_it_was_made_for() -> None:
    credentials = Credentials("secret")

    token = credentials.mint("ANA", lifetime=timedelta(minutes=1), role="R")

    principal, claims = Credentials("secret").check(None, token)
    assert (principal.user, claims) == ("ANA", {"role": "R"})


@pytest.mark.parametrize("given", [None, "", "wrong", "embedded.e30.x", "embedded."])
def test_anything_else_is_an_incorrect_password(given: str | None) -> None:
    with pytest.raises(SnowflakeError) as caught:
        Credentials("secret").check("ANA", given)

    assert caught.value.code == "390100"


def test_an_old_token_and_one_of_another_account_are_refused() -> None:
    old = Credentials("secret").mint("ANA", lifetime=timedelta(seconds=-1))
    foreign = Credentials("other").mint("ANA", lifetime=timedelta(minutes=1))

    for token in (old, foreign):
        with pytest.raises(SnowflakeError, match="Incorrect username or password"):
            Credentials("secret").check(None, token)


def test_a_presigned_file_is_no_login() -> None:
    credentials = Credentials("secret")

    with pytest.raises(SnowflakeError, match="Incorrect username or password"):
        credentials.check(None, credentials.mint("", lifetime=timedelta(minutes=1), file="x"))
