"""Long-running services: created, scaled, suspended, upgraded, restarted when they die, and called from queries."""

from __future__ import annotations

import http.client
import json
import os
import signal
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector.errors import ProgrammingError

from .conftest import Sql, eventually, is_running, job, logs, specification

ECHO = """
import http.server, json, os, sys, time
time.sleep(float(os.environ.get("SLOW", "0")))
failures = int(os.environ.get("FAIL", "0"))

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(7)
        self.answer(200 if self.path == "/health" else 404, {"pid": os.getpid()})

    def do_POST(self):
        global failures
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"]
        if failures:
            failures -= 1
            return self.answer(503, {})
        if self.path == "/add":
            self.answer(200, {"data": [[n, a + b] for n, a, b in rows]})
        elif self.path == "/count":
            self.answer(200, {"data": [[n, len(rows)] for n, *_ in rows]})
        elif self.path == "/headers":
            self.answer(200, {"data": [[n, dict(self.headers)] for n, *_ in rows]})
        elif self.path == "/echo":
            self.answer(200, {"data": [[n, {"got": value}] for n, value in rows]})
        else:
            self.answer(400, {"error": "no such path"})

    def answer(self, status, what):
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

print("listening", os.environ.get("VERSION", ""), flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def echo(port: int, **env: str) -> str:
    return specification(
        ECHO,
        args=["-c", ECHO, str(port)],
        env=env,
        readinessProbe={"port": port, "path": "/health", "periodSeconds": 1},
        endpoints=[{"name": "api", "port": port, "public": True}],
    )


def create(name: str, spec: str, clauses: str = "") -> str:
    return f"CREATE SERVICE {name} IN COMPUTE POOL POOL FROM SPECIFICATION $${spec}$$ {clauses}"


def get(port: int, path: str) -> tuple[int, Any]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as client:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())


def shown(sql: Sql, name: str) -> dict[str, Any]:
    [row] = sql(f"DESCRIBE SERVICE {name}")
    return row


def container(sql: Sql, name: str) -> dict[str, Any]:
    return sql(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")[0]


def running(sql: Sql, name: str) -> None:
    sql(f"CALL {name}!SPCS_WAIT_FOR('RUNNING', 20)")


@pytest.fixture
def service(sql: Sql, port: int) -> int:
    """A service ECHO that runs, on the port that is returned."""
    sql("DROP SERVICE IF EXISTS ECHO")
    sql(create("ECHO", echo(port)))
    running(sql, "ECHO")
    return port


@pytest.mark.embedded("Services: CREATE SERVICE runs until it is dropped; readiness probes; endpoints on loopback")
def test_a_service_is_ready_when_its_probe_answers_and_its_endpoint_is_reached(sql: Sql, port: int) -> None:
    sql(create("FRONT", echo(port, SLOW="0.3"), "COMMENT = 'front' QUERY_WAREHOUSE = COMPUTE_WH"))

    assert container(sql, "FRONT")["status"] == "PENDING"
    running(sql, "FRONT")

    [endpoint] = sql("SHOW ENDPOINTS IN SERVICE FRONT")
    assert (endpoint["name"], endpoint["port"], endpoint["is_public"]) == ("api", port, "true")
    host, _, of = endpoint["ingress_url"].partition(":")
    assert (host, get(int(of), "/health")[0]) == ("127.0.0.1", 200)
    assert container(sql, "FRONT")["status"] == "READY"
    row = shown(sql, "FRONT")
    assert (row["status"], row["is_job"], row["comment"], row["query_warehouse"]) == (
        "RUNNING", "false", "front", "COMPUTE_WH",
    )  # fmt: skip
    assert [each["name"] for each in sql("SHOW SERVICES EXCLUDE JOBS LIKE 'front'")] == ["FRONT"]
    assert "FRONT" not in {each["name"] for each in sql("SHOW JOB SERVICES")}
    assert [each["name"] for each in sql("SHOW ROLES IN SERVICE FRONT")] == ["ALL_ENDPOINTS_USAGE"]
    pid = get(port, "/health")[1]["pid"]
    sql("DROP SERVICE FRONT")
    assert not is_running(pid)


@pytest.mark.embedded("Services: a container that dies is started again, and the restart is counted")
def test_a_container_that_dies_is_started_again(sql: Sql, service: int) -> None:
    first = get(service, "/health")[1]["pid"]

    with pytest.raises(http.client.RemoteDisconnected):
        get(service, "/die")

    again = eventually(lambda: (row := container(sql, "ECHO"))["restart_count"] and row["status"] == "READY" and row)
    assert (again["restart_count"], again["last_exit_code"]) == (1, 7)
    assert again["last_restart_time"]
    assert get(service, "/health")[1]["pid"] != first
    [previous] = sql("SELECT SYSTEM$GET_SERVICE_LOGS('ECHO', 0, 'main', 10, TRUE) AS LOGS")
    assert previous["LOGS"].startswith("listening")


@pytest.mark.embedded("Services: AUTO_SUSPEND_SECS by the clock that a test moves; a call starts the service again")
def test_an_idle_service_is_suspended_and_a_call_resumes_it(sql: Sql, pool: EmbeddedSnowflake, port: int) -> None:
    spec = echo(port).replace("public: true", "public: false")
    sql(create("IDLE", spec, "AUTO_SUSPEND_SECS = 300"))
    running(sql, "IDLE")
    sql("CREATE OR REPLACE FUNCTION CALLED(A INT, B INT) RETURNS INT SERVICE = IDLE ENDPOINT = api AS '/add'")
    begun = datetime.now(timezone.utc)
    try:
        pool.admin.set_clock(begun)
        sql("SELECT CALLED(1, 2)")
        pool.admin.set_clock(begun + timedelta(seconds=300))
        used = shown(sql, "IDLE")["status"]
        pool.admin.set_clock(begun + timedelta(seconds=301))
        sql("CALL IDLE!SPCS_WAIT_FOR('SUSPENDED', 20)")
        resumed = sql("SELECT CALLED(1, 2) AS V")
    finally:
        pool.admin.set_clock(None)

    assert (used, resumed) == ("RUNNING", [{"V": 3}])
    assert shown(sql, "IDLE")["status"] == "RUNNING"
    sql("DROP SERVICE IDLE FORCE")


@pytest.mark.embedded("Services: ALTER SERVICE SUSPEND, RESUME, SET, UNSET and a new specification")
def test_a_service_is_suspended_resumed_and_altered(sql: Sql, service: int) -> None:
    sql("ALTER SERVICE ECHO SUSPEND")
    sql("CALL ECHO!SPCS_WAIT_FOR('SUSPENDED', 20)")

    assert (shown(sql, "ECHO")["current_instances"], container(sql, "ECHO")["container_name"]) == (0, None)
    with pytest.raises(ConnectionRefusedError):
        get(service, "/health")
    sql("ALTER SERVICE ECHO RESUME")
    running(sql, "ECHO")
    assert shown(sql, "ECHO")["resumed_on"]
    sql("ALTER SERVICE ECHO SET COMMENT = 'new' AUTO_RESUME = FALSE AUTO_SUSPEND_SECS = 600")
    altered = shown(sql, "ECHO")
    assert (altered["comment"], altered["auto_resume"], altered["auto_suspend_secs"]) == ("new", "false", 600)
    sql("ALTER SERVICE ECHO UNSET COMMENT, AUTO_RESUME")
    assert (shown(sql, "ECHO")["comment"], shown(sql, "ECHO")["auto_resume"]) == (None, "true")
    digest, pid = altered["spec_digest"], get(service, "/health")[1]["pid"]
    sql(f"ALTER SERVICE ECHO FROM SPECIFICATION $${echo(service, VERSION='two')}$$")
    eventually(lambda: shown(sql, "ECHO")["is_upgrading"] == "false" and shown(sql, "ECHO")["status"] == "RUNNING")
    assert shown(sql, "ECHO")["spec_digest"] != digest
    assert get(service, "/health")[1]["pid"] != pid
    assert logs(sql, "ECHO") == "listening two"


@pytest.mark.embedded("Services: several instances, more or fewer of them by ALTER SERVICE SET MIN_INSTANCES")
def test_a_service_has_as_many_instances_as_it_is_told(sql: Sql) -> None:
    spec = specification("import time; time.sleep(300)")
    sql(create("MANY", spec, "MIN_INSTANCES = 2 MAX_INSTANCES = 3"))
    running(sql, "MANY")

    assert [each["status"] for each in sql("SHOW SERVICE INSTANCES IN SERVICE MANY")] == ["READY", "READY"]
    sql("ALTER SERVICE MANY SET MIN_INSTANCES = 3")
    eventually(lambda: shown(sql, "MANY")["current_instances"] == 3)
    sql("ALTER SERVICE MANY SET MIN_INSTANCES = 1")
    eventually(lambda: shown(sql, "MANY")["current_instances"] == 1)
    assert [each["instance_id"] for each in sql("SHOW SERVICE INSTANCES IN SERVICE MANY")] == ["0"]
    sql("DROP SERVICE MANY")


@pytest.mark.embedded("Services: after a restart or kill -9 of the server they are started again")
def test_services_outlive_the_server(sql: Sql, pool: EmbeddedSnowflake, service: int) -> None:
    sql("DROP SERVICE IF EXISTS RESTS")
    sql(create("RESTS", specification("import time; time.sleep(300)")))
    sql("ALTER SERVICE RESTS SUSPEND")
    sql("CALL RESTS!SPCS_WAIT_FOR('SUSPENDED', 20)")
    before = get(service, "/health")[1]["pid"]

    pool.kill()
    pool.restart()

    running(sql, "ECHO")
    after = get(service, "/health")[1]["pid"]
    assert after != before
    assert not is_running(before)
    assert shown(sql, "RESTS")["status"] == "SUSPENDED"
    pool.restart()
    running(sql, "ECHO")
    assert get(service, "/health")[1]["pid"] != after


@pytest.mark.embedded("Services: service functions, with batches, NULLs, context headers and JSON types")
def test_a_query_calls_a_service(sql: Sql, service: int) -> None:
    sql("CREATE OR REPLACE FUNCTION ADDED(A INT, B INT) RETURNS INT SERVICE = ECHO ENDPOINT = api AS '/add'")
    sql("""CREATE OR REPLACE FUNCTION COUNTED(A INT) RETURNS INT RETURNS NULL ON NULL INPUT
           SERVICE = EMBEDDED.PUBLIC.ECHO ENDPOINT = "api" MAX_BATCH_ROWS = 3 AS '/count'""")
    sql("CREATE OR REPLACE FUNCTION ECHOED(V VARIANT) RETURNS VARIANT SERVICE = ECHO ENDPOINT = api AS '/echo'")
    sql("""CREATE OR REPLACE FUNCTION HEADERS() RETURNS OBJECT SERVICE = ECHO ENDPOINT = api
           CONTEXT_HEADERS = (CURRENT_USER, CURRENT_DATABASE) AS '/headers'""")
    sql("CREATE OR REPLACE TEMPORARY TABLE N AS SELECT COLUMN1 AS X FROM VALUES (1), (2), (3), (4), (NULL)")

    added = sql("SELECT X, ADDED(X, 10) AS Y FROM N WHERE X IS NOT NULL ORDER BY X")

    assert [(row["X"], row["Y"]) for row in added] == [(1, 11), (2, 12), (3, 13), (4, 14)]
    counted = {row["X"]: row["C"] for row in sql("SELECT X, COUNTED(X) AS C FROM N")}
    assert counted.pop(None) is None
    assert sorted(counted.values()) == [1, 3, 3, 3]
    [row] = sql("SELECT ECHOED(PARSE_JSON('{\"a\": [1, null]}')):got:a[0]::INT AS V")
    assert row["V"] == 1
    [row] = sql("SELECT HEADERS() AS H")
    headers = {key.lower(): value for key, value in json.loads(row["H"]).items()}
    assert headers["sf-context-current-database"] == "EMBEDDED"
    assert headers["sf-external-function-name"] == "HEADERS"


@pytest.mark.embedded(
    "Services: a suspended service resumes by itself when a query calls it, unless AUTO_RESUME = FALSE"
)
def test_a_call_resumes_a_suspended_service(sql: Sql, service: int) -> None:
    sql("CREATE OR REPLACE FUNCTION ADDED(A INT, B INT) RETURNS INT SERVICE = ECHO ENDPOINT = api AS '/add'")
    sql("ALTER SERVICE ECHO SUSPEND")
    sql("CALL ECHO!SPCS_WAIT_FOR('SUSPENDED', 20)")

    assert sql("SELECT ADDED(1, 2) AS V") == [{"V": 3}]

    sql("ALTER SERVICE ECHO SET AUTO_RESUME = FALSE")
    sql("ALTER SERVICE ECHO SUSPEND")
    with pytest.raises(ProgrammingError, match="does not resume by itself"):
        sql("SELECT ADDED(1, 2) AS V")


def test_a_batch_is_sent_again_when_the_service_is_busy_and_refused_when_it_is_wrong(sql: Sql, port: int) -> None:
    sql(create("FLAKY", echo(port, FAIL="2")))
    sql("CREATE OR REPLACE FUNCTION FLAKED(A INT, B INT) RETURNS INT SERVICE = FLAKY ENDPOINT = api AS '/add'")
    sql("CREATE OR REPLACE FUNCTION WRONG(A INT) RETURNS INT SERVICE = FLAKY ENDPOINT = api AS '/wrong'")
    sql("""CREATE OR REPLACE FUNCTION NULLED(A INT) RETURNS INT SERVICE = FLAKY ENDPOINT = api
           ON_BATCH_FAILURE = RETURN_NULL AS '/wrong'""")

    assert sql("SELECT FLAKED(1, 2) AS V") == [{"V": 3}]

    with pytest.raises(ProgrammingError, match=r"service function WRONG with service EMBEDDED.PUBLIC.FLAKY: 400"):
        sql("SELECT WRONG(1)")
    assert sql("SELECT NULLED(1) AS V") == [{"V": None}]
    sql("DROP SERVICE FLAKY")


@pytest.mark.embedded("Services: specification templates and files on stages")
def test_a_service_is_made_of_a_template_on_a_stage(sql: Sql, pool: EmbeddedSnowflake) -> None:
    template = specification("import os; print(os.environ['WHO'])", env="ENV").replace("ENV", "{{ env }}")
    sql("CREATE OR REPLACE STAGE SPECS")
    (pool.state / "stages" / "EMBEDDED" / "PUBLIC" / "SPECS" / "job.yaml").write_text(template)

    sql("""EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = TEMPLATED
           FROM @SPECS SPECIFICATION_TEMPLATE_FILE = 'job.yaml' USING (env => '{"WHO": "Bob"}')""")

    assert logs(sql, "TEMPLATED") == "Bob"
    with pytest.raises(ProgrammingError, match="'env' has neither a value in USING nor a default"):
        sql("EXECUTE JOB SERVICE IN COMPUTE POOL POOL FROM @SPECS SPECIFICATION_TEMPLATE_FILE = 'job.yaml'")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE SERVICE X IN COMPUTE POOL POOL", "needs FROM SPECIFICATION"),
        ("CREATE OR REPLACE SERVICE X IN COMPUTE POOL POOL FROM SPECIFICATION $$spec$$", "is no statement"),
        (create("X", "spec: {}"), "spec.containers: is missing"),
        (create("X", specification("pass"), "MIN_INSTANCES = 3 MAX_INSTANCES = 2"), "is less than MIN_INSTANCES"),
        (create("X", specification("pass"), "AUTO_SUSPEND_SECS = 10"), "must be 0 or at least 300"),
        (create("X", specification("pass"), "MIN_INSTANCE = 3"), "unexpected 'MIN_INSTANCE'"),
        (create("X", echo(4000), "MIN_INSTANCES = 2"), "several instances of a service with endpoints"),
        ("ALTER SERVICE NEVER SUSPEND", "does not exist"),
        ("CREATE FUNCTION F() RETURNS INT SERVICE = NEVER ENDPOINT = api AS '/x'", "does not exist"),
    ],
)
def test_a_service_that_cannot_be_says_why(sql: Sql, statement: str, reason: str) -> None:
    with pytest.raises(ProgrammingError, match=reason):
        sql(statement)


def test_a_port_has_one_service(sql: Sql, service: int) -> None:
    with pytest.raises(ProgrammingError, match=f"port {service} is an endpoint of service EMBEDDED.PUBLIC.ECHO"):
        sql(create("SECOND", echo(service)))

    with pytest.raises(ProgrammingError, match="has no endpoint OTHER; its endpoints are api"):
        sql("CREATE FUNCTION F() RETURNS INT SERVICE = ECHO ENDPOINT = other AS '/x'")
    assert sql(create("ECHO", echo(service)).replace("SERVICE", "SERVICE IF NOT EXISTS", 1))[0]["status"].startswith(
        "ECHO already exists"
    )


def test_a_job_is_not_altered(sql: Sql) -> None:
    sql(job(specification("pass"), "NAME = ONE_SHOT"))

    with pytest.raises(ProgrammingError, match="is a job service: it can neither be altered nor be called"):
        sql("ALTER SERVICE ONE_SHOT SUSPEND")


def test_a_suspended_pool_suspends_its_services(sql: Sql, service: int) -> None:
    sql("ALTER COMPUTE POOL POOL SUSPEND")

    sql("CALL ECHO!SPCS_WAIT_FOR('SUSPENDED', 20)")
    sql("ALTER COMPUTE POOL POOL RESUME")


def test_a_process_that_is_killed_says_by_which_signal(sql: Sql, service: int) -> None:
    os.kill(get(service, "/health")[1]["pid"], signal.SIGKILL)

    eventually(lambda: container(sql, "ECHO")["last_exit_code"] == 137)
