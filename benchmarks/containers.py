"""How long a container takes until a node's function is entered, beside plain Python in the same image, and what a plugin adds.

    . build/containers/env && python benchmarks/containers.py [--rounds 9]

An engine is needed (see ci/containers.sh). Every pair takes turns. The clock is the machine's own: containers share it.
What is to be reached counts from asking the engine for the container, as `docker run` does, which is what a job waits for;
the times from the start of its process on, without what the engine takes to create it, are told beside it.
Sessions are real ones, with the embedded Snowflake on loopback, which a token of a job's lets in.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from environment import ROOT, show, wheel

TAG, MEASURED = "mlops:benchmark", "mlops:benchmark-nodes"
TELL = "print('entered', time.monotonic(), flush=True)"
NODES = f"""
from mlops import node

@node(outputs=[])
def plain():
    import time
    {TELL}

@node(outputs=[])
def both(feature_store, model_registry):
    import time
    {TELL}
"""
ENTRIES = "[mlops.nodes]\nplain = bench_enter:plain\nboth = bench_enter:both\n"
DOCKERFILE = f"""
FROM {TAG}
USER root
COPY *.whl /tmp/
RUN /usr/local/bin/python -m pip --python /opt/mlops/bin/python install -q --no-deps --no-index /tmp/*.whl \
 && find /opt/mlops/lib \\( -name site-packages -o -name '*.dist-info' -o -name entry_points.txt \\) -exec touch -d "@$(date +%s)" {{}} + \
 && mlops nodes list >/dev/null
USER 10001
"""
PASS = f"import time; {TELL}"
CONNECT = """
import os, time
from snowflake.connector import connect
connection = connect(
    host=os.environ["SNOWFLAKE_HOST"], port=int(os.environ["SNOWFLAKE_PORT"]), protocol="http", account="embedded",
    authenticator="oauth", token=open(os.environ["SNOWFLAKE_TOKEN_FILE"]).read(), database="EMBEDDED", schema="PUBLIC",
)
"""
BY_HAND = (
    CONNECT
    + """
from snowflake.snowpark import Session
session = Session.builder.configs({"connection": connection}).create()
from snowflake.ml.feature_store import CreationMode, FeatureStore
from snowflake.ml.registry import Registry
FeatureStore(session, "EMBEDDED", "PUBLIC", default_warehouse="COMPUTE_WH", creation_mode=CreationMode.CREATE_IF_NOT_EXIST)
Registry(session, database_name="EMBEDDED", schema_name="PUBLIC")
"""
    + TELL
)
ASK = (
    CONNECT
    + """
connection.cursor().execute(
    "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID'), SYSTEM$GET_TASK_GRAPH_CONFIG()").fetchall()
"""
    + TELL
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--built", action="store_true", help="Measure the images that an earlier call has built.")
    options = parser.parse_args()
    if not os.environ.get("DOCKER_HOST"):
        print("containers: no engine. ci/containers.sh prepares one; then: . build/containers/env")
        sys.exit(1 if os.environ.get("CI") else 0)
    import docker
    from mlops_embedded import EmbeddedSnowflake

    engine = docker.from_env()
    parts = build(engine) if not options.built else len(json.loads(engine.images.get(TAG).labels["dev.mlops.versions"]))
    with EmbeddedSnowflake() as server, tempfile.TemporaryDirectory() as name:
        token = Path(name, "token")
        token.write_text(job_token(server))
        Path(name).chmod(0o755)
        connection = server.connection
        inside = {
            "SNOWFLAKE_HOST": connection["host"], "SNOWFLAKE_PORT": str(connection["port"]), "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_ACCOUNT": "embedded", "SNOWFLAKE_DATABASE": "EMBEDDED", "SNOWFLAKE_SCHEMA": "PUBLIC",
            "SNOWFLAKE_WAREHOUSE": "COMPUTE_WH", "SNOWFLAKE_RUNNING_INSIDE_SPCS": "true",
            "SNOWFLAKE_TOKEN_FILE": "/session/token", "MLOPS_PIPELINE": "bench", "MLOPS_DATA": "/tmp/data",
        }  # fmt: skip
        pairs: dict[str, tuple[list[str], list[str]]] = {
            "plain": (["mlops", "run-node", "plain"], ["python", "-c", PASS]),
            "task": (["mlops", "run-node", "--task", "bench-enter:plain"], ["python", "-c", ASK]),
            "both": (["mlops", "run-node", "both"], ["python", "-c", BY_HAND]),
        }
        measured = {
            name: in_turns(engine, pair, options.rounds, inside, name_of=str(token.parent))
            for name, pair in pairs.items()
        }
    rows = [
        ("run-node until entered, no service / python -c pass", measured["plain"], 1.3),
        ("run-node --task, no service / connector, connect, ask", measured["task"], 1.15),
        ("run-node, both services / the same classes, connected", measured["both"], 1.15),
    ]
    reached = show(
        f"containers, from asking for one until the function is entered (medians of {options.rounds})",
        [(what, ours.asked / theirs.asked, limit, "×") for what, (ours, theirs), limit in rows]
        + [("image beyond base and dependencies, for each part of it", beyond(engine) / parts / 1e6, 2.0, "MB")],
    )
    for since in ("asked", "started"):
        print(f"        since the container was {since}")
        for what, pair, _ in rows:
            ours, theirs = (getattr(one, since) for one in pair)
            print(f"        {what:<58} {ours * 1000:5.0f} ms / {theirs * 1000:5.0f} ms = {ours / theirs:.2f} ×")
    engine.close()
    sys.exit(not reached)


def build(engine: Any) -> int:
    """Build the repository's image, and one on top of it with the measured nodes; return how many parts it has."""
    command = [sys.executable, "-m", "mlops", "image", "build", "--tag", TAG, "--json"]
    built = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as name:
        wheel(Path(name), "bench-enter", {"bench_enter.py": NODES}, ENTRIES)
        Path(name, "Dockerfile").write_text(DOCKERFILE)
        engine.images.build(path=name, tag=MEASURED, pull=False)
    return len(json.loads(built.stdout)["versions"])


def job_token(server: Any) -> str:
    """Return a token as a job of a task has it: it knows the run that it belongs to."""
    import snowflake.connector
    from mlops_embedded.credentials import Credentials

    with snowflake.connector.connect(**server.connection) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TASK BENCH AS SELECT 1")
        cursor.execute("EXECUTE TASK BENCH")
        history = "SELECT GRAPH_RUN_GROUP_ID, STATE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY()) WHERE NAME = 'BENCH'"
        while not (rows := [row for row in cursor.execute(history).fetchall() if row[1] == "SUCCEEDED"]):
            time.sleep(0.1)
    bound = {"task_run": [rows[0][0], 1, "BENCH"], "roles": ["ACCOUNTADMIN", "PUBLIC"]}
    return Credentials(str(server.connection["password"])).mint(
        "JOB_1", lifetime=timedelta(hours=1), role="ACCOUNTADMIN", warehouse="COMPUTE_WH", context=bound
    )


@dataclass(frozen=True)
class Wait:
    """Seconds until the function is entered: since the engine was asked for a container, and since that was started."""

    asked: float
    started: float


def in_turns(
    engine: Any, pair: Sequence[list[str]], rounds: int, environ: Mapping[str, str], *, name_of: str
) -> tuple[Wait, Wait]:
    """Return the medians for each command of a pair."""
    found: tuple[list[Wait], list[Wait]] = ([], [])
    for number in range(rounds + 1):
        for words, waits in zip(pair, found, strict=True):
            wait = one(engine, words, environ, name_of)
            if number:
                waits.append(wait)
    first, second = (
        Wait(statistics.median(one.asked for one in waits), statistics.median(one.started for one in waits))
        for waits in found
    )
    return first, second


def one(engine: Any, words: list[str], environ: Mapping[str, str], session: str) -> Wait:
    asked = time.monotonic()
    container = engine.containers.create(
        MEASURED, words[1:], entrypoint=words[:1], environment=dict(environ), network_mode="host", read_only=True,
        tmpfs={"/tmp": ""}, volumes={session: {"bind": "/session", "mode": "ro"}},
    )  # fmt: skip
    try:
        started = time.monotonic()
        container.start()
        container.wait(timeout=120)
        said = container.logs().decode()
        line = next((line for line in said.splitlines() if "entered " in line), None)
        if line is None:
            raise SystemExit(f"{words}: {said}")
        text = json.loads(line)["body"] if line.startswith("{") else line
        entered = float(text.rpartition(" ")[2])
        return Wait(entered - asked, entered - started)
    finally:
        container.remove(force=True)


def beyond(engine: Any) -> float:
    """Return the bytes of the layers above that of the dependencies."""
    layers = engine.images.get(TAG).history()
    dependencies = next(number for number, layer in enumerate(layers) if layer["Size"] > 300e6)
    return float(sum(layer["Size"] for layer in layers[:dependencies]))


if __name__ == "__main__":
    main()
