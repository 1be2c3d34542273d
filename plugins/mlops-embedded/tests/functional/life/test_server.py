"""One server's life: what survives, what is refused, who may come in."""

import json
import os
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import mlops_embedded
import pytest
import snowflake.connector
import tomllib
from mlops_embedded import EmbeddedSnowflake, ServerError


@pytest.mark.embedded("Life: a context manager starts a server and ends it")
def test_a_server_runs_as_long_as_its_block(tmp_path: Path) -> None:
    with EmbeddedSnowflake(tmp_path / "state") as server:
        assert mlops_embedded.status(tmp_path / "state") is not None
        pid = server.running.pid

    assert mlops_embedded.status(tmp_path / "state") is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.embedded("Life: rows, objects and files survive kill -9")
def test_what_was_answered_is_there_after_kill_9(tmp_path: Path) -> None:
    local = tmp_path / "a.txt"
    local.write_text("staged")
    with (
        EmbeddedSnowflake(tmp_path / "state") as server,
        snowflake.connector.connect(**server.connection) as connection,
    ):
        cursor = connection.cursor()
        cursor.execute("CREATE DATABASE KEPT")
        cursor.execute("CREATE TABLE T (A INT) COMMENT = 'still here'")
        cursor.execute("INSERT INTO T VALUES (1), (2)")
        cursor.execute("CREATE STAGE ST")
        cursor.execute(f"PUT 'file://{local}' @ST AUTO_COMPRESS = FALSE")

        server.kill()
        server.restart()

        assert cursor.execute("SELECT SUM(A) FROM KEPT.PUBLIC.T").fetchone() == (3,)
        [table] = cursor.execute("SHOW TABLES LIKE 'T' IN SCHEMA KEPT.PUBLIC").fetchall()
        assert "still here" in table
        assert [row[0] for row in cursor.execute("LIST @KEPT.PUBLIC.ST").fetchall()] == ["st/a.txt"]


@pytest.mark.embedded("Life: a session goes on after a restart of the server, where it stood")
def test_a_session_stands_where_it_stood_before_a_restart(tmp_path: Path) -> None:
    with (
        EmbeddedSnowflake(tmp_path / "state") as server,
        snowflake.connector.connect(**server.connection) as connection,
    ):
        cursor = connection.cursor()
        cursor.execute("CREATE SCHEMA ELSEWHERE")
        cursor.execute("SET V = 42")

        server.restart()

        assert cursor.execute("SELECT CURRENT_SCHEMA(), $V").fetchone() == ("ELSEWHERE", 42)


@pytest.mark.embedded("Life: a second server on the same folder is refused")
def test_a_second_server_on_a_folder_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with EmbeddedSnowflake(tmp_path / "state") as server:
        with pytest.raises(ServerError) as caught:
            mlops_embedded.start(tmp_path / "state")

        assert f"process {server.running.pid}" in str(caught.value)
        assert "--state" in str(caught.value)


@pytest.mark.embedded("Life: the credential and connections.toml are readable by their owner alone")
def test_secrets_are_private_and_the_toml_section_connects(tmp_path: Path) -> None:
    with EmbeddedSnowflake(tmp_path / "state") as server:
        for name in ("credential", "connections.toml"):
            assert stat.S_IMODE((server.state / name).stat().st_mode) == 0o600
        assert stat.S_IMODE(server.state.stat().st_mode) == 0o700

        section = tomllib.loads((server.state / "connections.toml").read_text())["embedded"]

        with snowflake.connector.connect(**section) as connection:
            assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


@pytest.mark.embedded("Life: start --detach, status and stop on the command line, with --json")
def test_the_command_line_starts_tells_and_stops(tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, dict[str, object]]:
        code = "import sys; from mlops_embedded.commands import embedded; embedded(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", code, *words, "--state", str(tmp_path / "state"), "--json"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout)

    assert run("status") == (1, {"running": False})
    code, started = run("start", "--detach")
    assert code == 0
    try:
        with snowflake.connector.connect(**started["connection"]) as connection:  # type: ignore[arg-type] # JSON
            assert connection.cursor().execute("SELECT CURRENT_USER()").fetchone() == ("EMBEDDED",)
        assert run("status")[1]["pid"] == started["pid"]
    finally:
        assert run("stop") == (0, {"stopped": True})
    assert run("stop") == (0, {"stopped": False})


def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import os, sys, mlops_embedded; from pathlib import Path\n"
        "server = mlops_embedded.EmbeddedSnowflake(Path(sys.argv[1])).__enter__()\n"
        "print(server.running.pid, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s")], capture_output=True, text=True, check=False
    )
    pid = int(done.stdout)

    def is_gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"

    assert _within_seconds(10, is_gone)


def _within_seconds(seconds: float, reached: Callable[[], bool]) -> bool:
    import time

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if reached():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.embedded("Life: a wrong password is refused, and so is a request without session")
def test_nobody_comes_in_without_the_credential(embedded_snowflake: EmbeddedSnowflake) -> None:
    with pytest.raises(snowflake.connector.errors.DatabaseError, match="Incorrect username or password"):
        snowflake.connector.connect(**{**embedded_snowflake.connection, "password": "guess"})

    for path in ("/api/v2/databases", "/embedded/calls"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{embedded_snowflake.running.port}{path}", timeout=5)
        caught.value.close()
        assert caught.value.code == 401


@pytest.mark.embedded("Life: login with authenticator='oauth' and a token")
def test_the_credential_is_also_an_oauth_token(embedded_snowflake: EmbeddedSnowflake) -> None:
    given = dict(embedded_snowflake.connection)
    given.update(authenticator="oauth", token=given.pop("password"))

    with snowflake.connector.connect(**given) as connection:
        assert connection.cursor().execute("SELECT CURRENT_ROLE()").fetchone() == ("ACCOUNTADMIN",)


@pytest.mark.embedded("Life: it listens on loopback alone")
def test_it_listens_on_loopback_alone(embedded_snowflake: EmbeddedSnowflake) -> None:
    wanted = f"{embedded_snowflake.running.port:04X}"

    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{wanted}")
    ]

    assert listening == [f"0100007F:{wanted}"]


@pytest.mark.embedded("Life: a role that does not exist is refused at login, a missing schema is left unset")
def test_names_at_login_are_checked(embedded_snowflake: EmbeddedSnowflake) -> None:
    with pytest.raises(snowflake.connector.errors.DatabaseError) as caught:
        snowflake.connector.connect(**{**embedded_snowflake.connection, "role": "NOBODY"})
    assert caught.value.errno == 390189

    with snowflake.connector.connect(**{**embedded_snowflake.connection, "schema": "NOWHERE"}) as connection:
        assert (connection.database, connection.schema) == ("EMBEDDED", None)


def test_what_was_temporary_is_gone_with_a_session_that_no_one_ended(tmp_path: Path) -> None:
    with EmbeddedSnowflake(tmp_path / "state") as server:
        with snowflake.connector.connect(**server.connection) as connection:
            connection.cursor().execute("CREATE TEMPORARY STAGE BRIEF")
            server.kill()
            server.restart()
            assert connection.cursor().execute("LIST @BRIEF").fetchall() == []

        assert not list((server.state / "stages" / "EMBEDDED" / "PUBLIC").iterdir())


@pytest.mark.embedded("Life: a stop does not wait for the statements that run")
def test_a_stop_ends_what_runs(tmp_path: Path) -> None:
    with EmbeddedSnowflake(tmp_path) as server:
        # the client leaves the session alone when it closes: nobody is there to be asked
        connection = snowflake.connector.connect(**server.connection, server_session_keep_alive=True)
        connection.cursor().execute_async("CALL SYSTEM$WAIT(1, 'HOURS')")
        before = time.monotonic()

    assert time.monotonic() - before < 20
    connection.close(retry=False)
