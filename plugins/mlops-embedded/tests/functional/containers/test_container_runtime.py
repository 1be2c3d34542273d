"""runtime=container: jobs and services are containers of an engine, with what Snowflake gives a container."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

import docker
import pytest
import yaml
from docker.models.images import Image
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector.errors import ProgrammingError

from .conftest import BASE, Sql, eventually, job, logs, of_this_server, push

pytestmark = pytest.mark.container

Specification = Callable[..., str]
CONNECT = """
import os, pathlib, snowflake.connector
connection = snowflake.connector.connect(
    host=os.environ["SNOWFLAKE_HOST"], port=os.environ["SNOWFLAKE_PORT"], protocol=os.environ["SNOWFLAKE_PROTOCOL"],
    account=os.environ["SNOWFLAKE_ACCOUNT"], authenticator="oauth",
    token=pathlib.Path("/snowflake/session/token").read_text(),
    database=os.environ["SNOWFLAKE_DATABASE"], schema=os.environ["SNOWFLAKE_SCHEMA"])
"""


@pytest.mark.embedded("Containers: EXECUTE JOB SERVICE runs an image, with variables, token, volumes and replicas")
def test_a_job_is_a_container_with_what_snowflake_gives_one(
    sql: Sql,
    specification: Specification,
    name: str,
    engine: docker.DockerClient,
    embedded_snowflake: EmbeddedSnowflake,
) -> None:
    sql("CREATE OR REPLACE STAGE EMBEDDED.PUBLIC.DATA")
    sql("CREATE OR REPLACE SECRET EMBEDDED.PUBLIC.S TYPE = GENERIC_STRING SECRET_STRING = 'hush'")
    script = """
        import json, os, pathlib
        pathlib.Path(f"/data/from-{os.environ['SNOWFLAKE_JOB_INDEX']}.txt").write_text("hello")
        pathlib.Path("/scratch/x").write_text("x")
        pathlib.Path("/fast/x").write_text("x")
        memory = os.statvfs("/fast")
        print(json.dumps({
            "env": dict(os.environ), "uid": os.getuid(), "cwd": os.getcwd(),
            "token": len(pathlib.Path("/snowflake/session/token").read_text()),
            "config": (pathlib.Path(os.environ["SNOWFLAKE_HOME"]) / "connections.toml").read_text(),
            "secret": pathlib.Path("/secrets/secret_string").read_text(),
            "fast": memory.f_blocks * memory.f_frsize,
        }))
    """
    spec = specification(
        script,
        env={"N": 3},
        volumeMounts=[{"name": n, "mountPath": f"/{n}"} for n in ("data", "scratch", "fast")],
        volumes=[
            {"name": "data", "source": "stage", "stageConfig": {"name": "@EMBEDDED.PUBLIC.DATA"}, "uid": 10001},
            {"name": "scratch", "source": "local"},
            {"name": "fast", "source": "memory", "size": "16Mi"},
        ],
        sessionTokenConfig={"mountConnectionConfig": True},
        secrets=[{"snowflakeSecret": "EMBEDDED.PUBLIC.S", "directoryPath": "/secrets"}],
        resources={"limits": {"memory": "256Mi", "cpu": 0.5}, "requests": {"memory": "64Mi"}},
    )

    [said] = sql(job(spec, f"NAME = {name} REPLICAS = 2"))

    assert said["status"] == f"Job {name} completed successfully with status: DONE."
    given = json.loads(logs(sql, name, 1))
    wanted = {
        "SNOWFLAKE_ACCOUNT": "embedded", "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_DATABASE": "EMBEDDED",
        "SNOWFLAKE_PORT": str(embedded_snowflake.connection["port"]), "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_SCHEMA": "PUBLIC", "SNOWFLAKE_SERVICE_NAME": name, "SNOWFLAKE_JOBS_COUNT": "2",
        "SNOWFLAKE_JOB_INDEX": "1", "FROM_IMAGE": "yes", "N": "3", "SNOWFLAKE_RUNNING_INSIDE_SPCS": "true",
    }  # fmt: skip
    assert {key: given["env"].get(key) for key in wanted} == wanted
    assert (given["uid"], given["cwd"], given["secret"], given["fast"]) == (10001, "/home/worker", "hush", 16 * 2**20)
    assert given["token"] > 50
    assert 'token_file_path = "/snowflake/session/token"' in given["config"]
    assert "hush" not in json.dumps(sql(f"DESCRIBE SERVICE {name}"), default=str)
    assert [row["name"] for row in sql("LIST @EMBEDDED.PUBLIC.DATA")] == ["data/from-0.txt", "data/from-1.txt"]
    [container, _] = sql(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")
    assert (container["status"], container["last_exit_code"]) == ("DONE", 0)
    assert container["image_digest"].startswith("sha256:")
    assert of_this_server(engine, embedded_snowflake, name) == []


@pytest.mark.embedded("Containers: a container connects with its token and has PUT and GET without a disk in common")
def test_a_container_logs_in_and_moves_files_over_http(
    sql: Sql, specification: Specification, name: str, embedded_snowflake: EmbeddedSnowflake
) -> None:
    sql("CREATE OR REPLACE STAGE EMBEDDED.PUBLIC.FILES")
    script = (
        CONNECT
        + """
import hashlib
cursor = connection.cursor()
print(cursor.execute("SELECT CURRENT_USER(), CURRENT_ROLE()").fetchone())
folder = pathlib.Path("/tmp/up/load")
folder.mkdir(parents=True)
big = os.urandom(3_000_000)
(folder / "big one.bin").write_bytes(big)
(folder / "small.txt").write_text("small")
for row in cursor.execute("PUT 'file:///tmp/up/load/*' '@FILES/in/side' AUTO_COMPRESS = FALSE").fetchall():
    print(row[0], row[6])
print(cursor.execute("PUT file:///tmp/up/load/small.txt @FILES/zipped").fetchone()[1])
down = pathlib.Path("/tmp/down")
down.mkdir()
cursor.execute("GET @FILES/in/side file:///tmp/down")
print(sorted(p.name for p in down.iterdir()), hashlib.sha256((down / "big one.bin").read_bytes()).digest()
      == hashlib.sha256(big).digest())
(folder / "small.txt").write_text("changed")
cursor.execute("PUT file:///tmp/up/load/small.txt @FILES/in/side AUTO_COMPRESS = FALSE")
cursor.execute("PUT file:///tmp/up/load/small.txt @FILES/over AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
"""
    )

    sql(job(specification(script), f"NAME = {name}"))

    said = logs(sql, name).splitlines()
    assert said[0] == f"('{name}', 'ACCOUNTADMIN')"
    assert sorted(said[1:3]) == ["big one.bin UPLOADED", "small.txt UPLOADED"]
    assert said[3:] == ["small.txt.gz", "['big one.bin', 'small.txt'] True"]
    listed = {row["name"]: row["size"] for row in sql("LIST @EMBEDDED.PUBLIC.FILES")}
    assert listed["files/in/side/big one.bin"] == 3_000_000
    assert (listed["files/in/side/small.txt"], listed["files/over/small.txt"]) == (5, 7)


@pytest.mark.embedded("Containers: memory limits end a container, and the job says that it ran out of memory")
def test_a_container_that_takes_too_much_memory_fails(sql: Sql, specification: Specification, name: str) -> None:
    spec = specification("x = bytearray(300 * 2**20)", resources={"limits": {"memory": "64Mi"}})

    with pytest.raises(ProgrammingError, match=r"killed with code 137: it ran out of memory, its limit is 64 MiB"):
        sql(job(spec, f"NAME = {name}"))

    [container] = sql(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")
    assert (container["status"], container["last_exit_code"]) == ("FAILED", 137)


@pytest.mark.embedded("Containers: logs while they run, SIGTERM on cancel, exit codes")
def test_a_job_shows_its_logs_while_it_runs_and_is_cancelled_by_sigterm(
    sql: Sql, specification: Specification, name: str
) -> None:
    script = """
        import signal, sys, time
        def end(number, frame):
            print("got", number, flush=True)
            sys.exit(9)
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        time.sleep(300)
    """
    sql(job(specification(script), f"NAME = {name} ASYNC = TRUE"))
    eventually(lambda: logs(sql, name) == "up")

    sql(f"SELECT {name}!SPCS_CANCEL_JOB()")

    sql(f"CALL {name}!SPCS_WAIT_FOR('CANCELLED', 20)")
    assert logs(sql, name) == "up\ngot 15"
    [container] = sql(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")
    assert container["last_exit_code"] == 9


SERVER = """
import http.server, json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        self.answer({"host": os.environ["HOSTNAME"]})
    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"]
        self.answer({"data": [[n, value.upper()] for n, value in rows]})
    def answer(self, what):
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.embedded(
    "Containers: a service with a probe and a function is restarted when it dies, and with the server"
)
def test_a_service_of_containers_is_called_and_outlives_the_server(
    sql: Sql,
    specification: Specification,
    engine: docker.DockerClient,
    embedded_snowflake: EmbeddedSnowflake,
    name: str,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    spec = specification(
        SERVER, args=["-c", SERVER, str(port)],
        readinessProbe={"port": port, "path": "/", "periodSeconds": 1}, endpoints=[{"name": "api", "port": port}],
    )  # fmt: skip
    sql(f"CREATE SERVICE {name} IN COMPUTE POOL POOL FROM SPECIFICATION $${spec}$$")
    sql(f"CREATE FUNCTION UP_{name}(V VARCHAR) RETURNS VARCHAR SERVICE = {name} ENDPOINT = api AS '/up'")

    assert sql(f"SELECT UP_{name}('hello') AS V") == [{"V": "HELLO"}]

    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as client:
        client.request("GET", "/die")
        with pytest.raises(http.client.RemoteDisconnected):
            client.getresponse()
    eventually(lambda: sql(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")[0]["restart_count"] == 1)
    sql(f"CALL {name}!SPCS_WAIT_FOR('RUNNING', 20)")
    [before] = of_this_server(engine, embedded_snowflake, name)
    embedded_snowflake.kill()
    embedded_snowflake.restart()
    sql(f"CALL {name}!SPCS_WAIT_FOR('RUNNING', 20)")
    [after] = of_this_server(engine, embedded_snowflake, name)
    assert after.id != before.id
    assert sql(f"SELECT UP_{name}('again') AS V") == [{"V": "AGAIN"}]
    sql(f"DROP SERVICE {name} FORCE")
    assert of_this_server(engine, embedded_snowflake, name) == []


PROBED = """
import http.server, os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(4))
hanging = pathlib.Path("/tmp/hanging")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        action = {"/get-ready": pathlib.Path("/tmp/ready").touch, "/tire": pathlib.Path("/tmp/ready").unlink, "/hang": hanging.touch}
        if self.path in action:
            action[self.path]()
        while self.path == "/alive" and hanging.exists():
            time.sleep(1)
        self.send_response(503 if self.path == "/ready" and not pathlib.Path("/tmp/ready").exists() else 200)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def tell(port: int, path: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as client:
        client.request("GET", path)
        return client.getresponse().status


@pytest.mark.embedded("Containers: readiness probes say when a container is READY, liveness probes end one that hangs")
def test_probes_say_whether_a_container_is_ready_and_whether_it_lives(
    sql: Sql, specification: Specification, name: str
) -> None:
    port = free_port()
    spec = specification(
        "", args=["-c", PROBED, str(port)],
        readinessProbe={"port": port, "path": "/ready", "periodSeconds": 1, "failureThreshold": 1},
        livenessProbe={"port": port, "path": "/alive", "periodSeconds": 1, "failureThreshold": 2},
    )  # fmt: skip

    def state(*columns: str) -> tuple[Any, ...]:
        [row] = sql(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")
        return tuple(row[column] for column in columns)

    sql(f"CREATE SERVICE {name} IN COMPUTE POOL POOL FROM SPECIFICATION $${spec}$$")
    eventually(lambda: reached(port))
    waiting = state("status", "message")
    tell(port, "/get-ready")
    eventually(lambda: state("status") == ("READY",))
    running = sql(f"DESCRIBE SERVICE {name}")[0]["status"]
    tell(port, "/tire")
    eventually(lambda: state("status") == ("PENDING",))
    tell(port, "/get-ready")
    eventually(lambda: state("status", "restart_count") == ("READY", 0))
    tell(port, "/hang")
    eventually(lambda: state("status", "restart_count", "last_exit_code") == ("PENDING", 1, 4))
    sql(f"DROP SERVICE {name} FORCE")

    assert waiting == ("PENDING", "Readiness probe is failing")
    assert running == "RUNNING"


def reached(port: int) -> bool:
    try:
        return tell(port, "/") == 200
    except OSError:
        return False


@pytest.mark.embedded("Containers: AUTO_SUSPEND_SECS ends the containers of an idle service, a call starts them again")
def test_an_idle_service_has_no_containers_until_it_is_called(
    sql: Sql,
    specification: Specification,
    engine: docker.DockerClient,
    embedded_snowflake: EmbeddedSnowflake,
    name: str,
) -> None:
    port = free_port()
    spec = specification(
        SERVER, args=["-c", SERVER, str(port)],
        readinessProbe={"port": port, "path": "/", "periodSeconds": 1}, endpoints=[{"name": "api", "port": port}],
    )  # fmt: skip
    create = f"CREATE SERVICE {name} IN COMPUTE POOL POOL FROM SPECIFICATION $${spec}$$ AUTO_SUSPEND_SECS = 300"
    sql(create)
    sql(f"CREATE FUNCTION UP_{name}(V VARCHAR) RETURNS VARCHAR SERVICE = {name} ENDPOINT = api AS '/up'")
    sql(f"SELECT UP_{name}('hello')")
    [before] = of_this_server(engine, embedded_snowflake, name)
    try:
        embedded_snowflake.admin.set_clock(datetime.now(timezone.utc) + timedelta(seconds=400))
        sql(f"CALL {name}!SPCS_WAIT_FOR('SUSPENDED', 20)")
        suspended = of_this_server(engine, embedded_snowflake, name)
        called = sql(f"SELECT UP_{name}('again') AS V")
        [after] = of_this_server(engine, embedded_snowflake, name)
    finally:
        embedded_snowflake.admin.set_clock(None)
    sql(f"DROP SERVICE {name} FORCE")

    assert (suspended, called) == ([], [{"V": "AGAIN"}])
    assert after.id != before.id


@pytest.mark.embedded("Containers: images of a registry on this machine or of the engine, shown with their digests")
def test_a_repository_shows_its_images_and_a_tag_is_looked_up_anew(
    sql: Sql, engine: docker.DockerClient, image: str, built: Image, repository: str, registry: str | None
) -> None:
    images = sql("SHOW IMAGES IN IMAGE REPOSITORY EMBEDDED.PUBLIC.IMAGES")
    [shown] = [row for row in images if row["image_name"] == "python"]
    assert (shown["tags"], shown["image_path"]) == ("3", "embedded/public/images/python:3")
    assert shown["digest"].startswith("sha256:")
    one = {"name": "main", "image": "/embedded/public/images/moving", "command": ["sh", "-c", "echo $FROM_IMAGE"]}
    spec = yaml.safe_dump({"spec": {"containers": [one]}})
    push(engine, built, f"{repository}/moving", "latest", registry)
    sql(job(spec, "NAME = MOVED_ONE"))

    push(engine, engine.images.get(BASE), f"{repository}/moving", "latest", registry)
    sql(job(spec, "NAME = MOVED_TWO"))

    assert (logs(sql, "MOVED_ONE"), logs(sql, "MOVED_TWO")) == ("yes", "")


def test_a_job_runs_the_digest_that_it_names_whatever_was_pushed_later(
    sql: Sql, engine: docker.DockerClient, built: Image, repository: str, registry: str | None
) -> None:
    if registry is None:
        pytest.skip("there is no registry on this machine: an engine's own images have no digest of a registry")
    push(engine, built, f"{repository}/pinned", "1", registry)
    [digest] = [
        row["digest"]
        for row in sql("SHOW IMAGES IN IMAGE REPOSITORY EMBEDDED.PUBLIC.IMAGES")
        if row["image_name"] == "pinned"
    ]
    push(engine, engine.images.get(BASE), f"{repository}/pinned", "1", registry)
    engine.images.remove(f"{repository}/pinned:1")
    image = f"/embedded/public/images/pinned:1@{digest}"
    one = {"name": "main", "image": image, "command": ["sh", "-c", "echo $FROM_IMAGE"]}

    sql(job(yaml.safe_dump({"spec": {"containers": [one]}}), "NAME = PINNED"))

    assert logs(sql, "PINNED") == "yes"
    assert "pinned" in {row["image_name"] for row in sql("SHOW IMAGES IN IMAGE REPOSITORY EMBEDDED.PUBLIC.IMAGES")}


def test_an_image_that_is_nowhere_is_refused_with_where_to_put_it(sql: Sql, repository: str) -> None:
    spec = yaml.safe_dump({"spec": {"containers": [{"name": "main", "image": "/embedded/public/images/none:1"}]}})

    with pytest.raises(ProgrammingError, match=f"Failed to retrieve image.* Build or tag it as {repository}/none:1"):
        sql(job(spec))


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [("no-such-command", 127, "could not be started"), ("/etc/passwd", 126, "permission")],
)
def test_a_command_that_cannot_run_ends_as_in_a_shell(
    sql: Sql, specification: Specification, name: str, command: str, code: int, reason: str
) -> None:
    with pytest.raises(ProgrammingError, match=reason):
        sql(job(specification("", command=[command]), f"NAME = {name}"))

    assert sql(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")[0]["last_exit_code"] == code
