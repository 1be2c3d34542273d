"""Sessions with a Snowflake that really refuses: inherited from a token file, explicit, fallen back, broken and made anew."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from mlops_embedded.life import EmbeddedSnowflake

from mlops.errors import AccountError, AuthenticationError
from mlops.runs.connection import Connection
from mlops.runs.outcome import AuthFallback
from mlops.snowflake.services import SnowflakeServices
from mlops.snowflake.session import SnowflakeSession

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Snowflake's packages leave a folder or a socket to the garbage collector now and then."""

Mint = Callable[..., str]
PLACE = ("account", "host", "port", "protocol", "database", "schema", "warehouse")


@pytest.fixture
def token_file(minted: Mint, tmp_path: Path) -> Path:
    """A job's token file."""
    file = tmp_path / "session" / "token"
    file.parent.mkdir()
    file.write_text(minted("JOB_1"))
    return file


def inherited(server: EmbeddedSnowflake, token_file: Path, fallback: Connection | None = None) -> Connection:
    place = {name: server.connection[name] for name in PLACE}
    return Connection("inherited", {**place, "authenticator": "oauth"}, str(token_file), fallback)


def explicit(server: EmbeddedSnowflake) -> Connection:
    return Connection("connection dev", dict(server.connection))


def user_of(session: SnowflakeSession) -> str:
    return str(session.rows("SELECT CURRENT_USER()")[0][0])


def test_everything_is_made_from_one_inherited_session(embedded_snowflake: EmbeddedSnowflake, token_file: Path) -> None:
    session = SnowflakeSession(inherited(embedded_snowflake, token_file), tag="mlops churn.train run-1")
    services = SnowflakeServices(session)

    number = session.rows("SELECT CURRENT_SESSION()")
    by_snowpark = services.get("session").sql("SELECT CURRENT_SESSION(), CURRENT_USER()").collect()[0]
    registry, store = services.get("model_registry"), services.get("feature_store")

    assert (str(by_snowpark[0]), by_snowpark[1]) == (str(number[0][0]), "JOB_1")
    assert (type(registry).__module__, type(store).__module__) == (
        "snowflake.ml.registry.registry",
        "snowflake.ml.feature_store.feature_store",
    )
    assert [row[1] for row in session.rows("SHOW PARAMETERS LIKE 'QUERY_TAG'")] == ["mlops churn.train run-1"]
    assert "EMBEDDED" in [one.name for one in session.root.databases.iter()]
    services.close()
    assert not session.is_open


def test_a_token_is_read_anew_at_every_connect(
    embedded_snowflake: EmbeddedSnowflake, minted: Mint, token_file: Path
) -> None:
    session = SnowflakeSession(inherited(embedded_snowflake, token_file))
    before = user_of(session)
    token_file.write_text(minted("JOB_2"))

    while_open = user_of(session)
    session.close()
    after = user_of(session)
    session.close()

    assert (before, while_open, after) == ("JOB_1", "JOB_1", "JOB_2")


def test_an_open_session_outlives_its_token_and_is_kept_alive(
    embedded_snowflake: EmbeddedSnowflake, minted: Mint, token_file: Path
) -> None:
    token_file.write_text(minted("JOB_1", timedelta(seconds=0.5)))
    session = SnowflakeSession(inherited(embedded_snowflake, token_file))
    assert user_of(session) == "JOB_1"
    token_file.write_text("no longer a token")

    assert user_of(session) == "JOB_1"
    assert session.connection.client_session_keep_alive is True
    session.close()
    with pytest.raises(AuthenticationError):
        user_of(session)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda file, minted: file.unlink(), "cannot be read: No such file"),
        (lambda file, minted: (file.unlink(), file.mkdir()), "cannot be read: Is a directory"),
        (lambda file, minted: file.write_text(" \n"), "is empty"),
        (lambda file, minted: file.write_bytes(b"\xff\xfe"), "holds no text"),
        (
            lambda file, minted: file.write_text(minted("J", timedelta(seconds=-1))),
            "Snowflake refuses inherited",
        ),
        (lambda file, minted: file.write_text(minted("J", secret="another")), "Snowflake refuses inherited"),
    ],
    ids=["missing", "unreadable", "empty", "binary", "expired", "revoked"],
)
def test_a_token_that_does_not_do_is_an_authentication_error_without_the_token(
    embedded_snowflake: EmbeddedSnowflake, minted: Mint, token_file: Path, write, said: str
) -> None:
    write(token_file, minted)

    with pytest.raises(AuthenticationError) as caught:
        SnowflakeSession(inherited(embedded_snowflake, token_file)).rows("SELECT 1")

    assert said in caught.value.message
    assert caught.value.hint
    assert "embedded." not in f"{caught.value} {caught.value.hint}"


def test_a_container_without_host_and_account_says_so(token_file: Path) -> None:
    with pytest.raises(AuthenticationError, match="SNOWFLAKE_HOST and SNOWFLAKE_ACCOUNT are not set"):
        SnowflakeSession(Connection("inherited", {"authenticator": "oauth"}, str(token_file))).rows("SELECT 1")


def test_a_fallback_is_loud_recorded_and_told(
    embedded_snowflake: EmbeddedSnowflake, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token_file.unlink()
    told: list[AuthFallback] = []
    wanted = inherited(embedded_snowflake, token_file, explicit(embedded_snowflake))
    session = SnowflakeSession(wanted, on_fallback=told.append)

    with caplog.at_level(logging.WARNING, "mlops.session"):
        session.rows("SELECT 1")
        session.close()
        session.rows("SELECT 1")
    session.close()

    assert session.auth_mode == "connection dev"
    assert told == [session.fallback]
    assert (told[0].wanted, told[0].used) == ("inherited", "connection dev")
    [warning] = [record.getMessage() for record in caplog.records if record.name == "mlops.session"]
    assert warning.startswith("authentication fell back from inherited to connection dev: the token file")


def test_when_the_fallback_is_refused_too_the_error_is_its_own(
    embedded_snowflake: EmbeddedSnowflake, token_file: Path
) -> None:
    token_file.unlink()
    wrong = Connection("connection dev", {**embedded_snowflake.connection, "password": "wrong-password"})

    with pytest.raises(AuthenticationError, match="refuses connection dev") as caught:
        SnowflakeSession(inherited(embedded_snowflake, token_file, wrong)).rows("SELECT 1")

    assert "wrong-password" not in str(caught.value)


def test_a_refused_statement_is_neither_an_authentication_error_nor_sent_again(
    embedded_snowflake: EmbeddedSnowflake,
) -> None:
    session = SnowflakeSession(explicit(embedded_snowflake))

    with pytest.raises(AccountError, match="NOWHERE") as caught:
        session.rows("SELECT * FROM NOWHERE")
    session.close()

    assert not isinstance(caught.value, AuthenticationError)
    assert len([sql for sql in embedded_snowflake.admin.statements() if "NOWHERE" in sql]) == 1


def test_a_connection_that_breaks_is_made_anew(
    embedded_snowflake: EmbeddedSnowflake, minted: Mint, token_file: Path
) -> None:
    session = SnowflakeSession(inherited(embedded_snowflake, token_file))
    services = SnowflakeServices(session)
    before = services.get("session")
    token_file.write_text(minted("JOB_2"))
    session.connection.close()

    assert user_of(session) == "JOB_2"
    assert services.get("session") is not before
    assert services.get("session").sql("SELECT 1").collect()[0][0] == 1
    services.close()


def test_a_session_of_which_snowflake_knows_nothing_any_more_is_made_anew(
    embedded_snowflake: EmbeddedSnowflake, token_file: Path
) -> None:
    session = SnowflakeSession(inherited(embedded_snowflake, token_file))
    number = session.rows("SELECT CURRENT_SESSION()")

    with embedded_snowflake.admin.fault("error", sql="CURRENT_SESSION", code="390111"):
        assert session.rows("SELECT CURRENT_SESSION()") != number
    session.close()


def test_connections_toml_and_the_target_say_together_where_a_session_is_made(
    embedded_snowflake: EmbeddedSnowflake,
) -> None:
    with_role = Connection("variables SNOWFLAKE_*", {**embedded_snowflake.connection, "role": "SYSADMIN"})
    session = SnowflakeSession(with_role)

    assert session.rows("SELECT CURRENT_ROLE()") == [("SYSADMIN",)]
    session.close()


def test_a_server_that_is_not_there_is_out_of_reach_and_no_authentication_error(tmp_path: Path) -> None:
    away = Connection("connection dev", {"account": "a", "user": "u", "password": "p", "host": "127.0.0.1",
                                         "port": 9, "protocol": "http", "login_timeout": 1})  # fmt: skip

    with pytest.raises(AccountError, match="out of reach") as caught:
        SnowflakeSession(away).rows("SELECT 1")

    assert not isinstance(caught.value, AuthenticationError)
