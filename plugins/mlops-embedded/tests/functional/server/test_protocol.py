"""The protocol's edges: unknown routes, limits, long statements, asynchronous ones, cancels."""

import gzip
import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
import snowflake.connector
from mlops_embedded import EmbeddedSnowflake
from mlops_embedded.server.requests import MAX_BODY
from snowflake.connector.constants import QueryStatus
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError


def post(server: EmbeddedSnowflake, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    url = f"http://127.0.0.1:{server.running.port}{path}"
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.embedded("Honesty: an unknown route is 404 with a JSON body that says so")
def test_an_unknown_route_says_that_it_is_not_known(embedded_snowflake: EmbeddedSnowflake) -> None:
    status, body = post(embedded_snowflake, "/api/v2/no-such-things", b"{}")

    assert status == 404
    assert "does not know POST /api/v2/no-such-things" in body["message"]


@pytest.mark.embedded("Life: requests larger than 64 MB are refused, after decompression too")
def test_a_small_request_that_unpacks_into_a_large_one_is_refused(embedded_snowflake: EmbeddedSnowflake) -> None:
    bomb = gzip.compress(b" " * (MAX_BODY + 10))

    status, body = post(embedded_snowflake, "/session/v1/login-request", bomb, **{"Content-Encoding": "gzip"})

    assert (status, body["success"]) == (200, False)
    assert "larger than" in body["message"]


def test_a_failure_of_a_statement_is_http_200(embedded_snowflake: EmbeddedSnowflake) -> None:
    status, body = post(embedded_snowflake, "/queries/v1/query-request", b'{"sqlText": "SELECT 1"}')

    assert (status, body["success"], body["code"]) == (200, False, "390103")


@pytest.mark.embedded("Queries: execute_async, its status, and its rows by query id")
def test_an_asynchronous_query_is_polled_and_read_by_its_id(
    connection: snowflake.connector.SnowflakeConnection, cursor: SnowflakeCursor
) -> None:
    cursor.execute_async("SELECT 41 + 1 AS N")
    query_id = cursor.sfqid
    assert query_id is not None
    while connection.is_still_running(connection.get_query_status(query_id)):
        time.sleep(0.01)

    assert connection.get_query_status_throw_if_error(query_id) is QueryStatus.SUCCESS
    cursor.get_results_from_sfqid(query_id)
    assert cursor.fetchall() == [(42,)]


@pytest.mark.embedded("Queries: a failed asynchronous query tells its error")
def test_a_failed_asynchronous_query_tells_its_error(
    connection: snowflake.connector.SnowflakeConnection, cursor: SnowflakeCursor
) -> None:
    cursor.execute_async("SELECT * FROM NO_SUCH_TABLE")
    query_id = cursor.sfqid
    assert query_id is not None
    while connection.is_still_running(connection.get_query_status(query_id)):
        time.sleep(0.01)

    with pytest.raises(ProgrammingError, match="NO_SUCH_TABLE"):
        connection.get_query_status_throw_if_error(query_id)


@pytest.mark.embedded("Queries: a statement with a timeout is cancelled")
def test_a_statement_that_takes_too_long_is_cancelled(cursor: SnowflakeCursor) -> None:
    begun = time.monotonic()

    with pytest.raises(ProgrammingError):
        cursor.execute(
            "SELECT SUM(A.N * B.N) FROM (SELECT SEQ4() N FROM TABLE(GENERATOR(ROWCOUNT => 1000000))) A, "
            "(SELECT SEQ4() N FROM TABLE(GENERATOR(ROWCOUNT => 1000000))) B",
            timeout=1,
        )

    assert time.monotonic() - begun < 10
    assert cursor.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.embedded("Queries: describe has no side effect")
def test_describe_creates_nothing(cursor: SnowflakeCursor) -> None:
    [status] = cursor.describe("CREATE TABLE DESCRIBED_ONLY (A INT)")
    columns = cursor.describe("SELECT 1::INT AS A, 'x' AS B, CURRENT_TIMESTAMP() AS C")

    assert status.name == "status"
    assert [c.name for c in columns] == ["A", "B", "C"]
    assert cursor.execute("SHOW TABLES LIKE 'DESCRIBED_ONLY'").fetchall() == []
