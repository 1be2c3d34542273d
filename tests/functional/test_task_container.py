"""``mlops run-node --task`` in jobs that task graphs of the embedded Snowflake really start, with inherited sessions."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
import yaml
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import DictCursor

from mlops.compile.notification import notifying_body
from mlops.configuration.targets import Notification

IMAGE = "/embedded/public/images/kit:1"
VERSIONS = {"mlops-framework": "0.1.0", "kit-tasks": "0.3.0"}
WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("os.rename", "os.link", "os.symlink", "os.truncate") and "root/mlops/data" in f"{arguments}":
        sys.stdout.write(f"FORBIDDEN {event} {arguments}\\n")
    if event == "open" and "root/mlops/data" in str(arguments[0]) and arguments[2] & (os.O_APPEND | os.O_RDWR):
        sys.stdout.write(f"FORBIDDEN {event} {arguments}\\n")
sys.addaudithook(watch)
from mlops.__main__ import main
main()
"""
"""What stands before the command: a look at everything that a stage volume does not allow."""

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Account:
    """The embedded Snowflake with a pool, a stage, and the image of this file's plugin."""

    def __init__(self, server: EmbeddedSnowflake) -> None:
        self.server = server
        self.number = 0

    def sql(self, text: str) -> list[dict[str, Any]]:
        with (
            snowflake.connector.connect(**self.server.connection) as connection,
            connection.cursor(DictCursor) as cursor,
        ):
            return cursor.execute(text).fetchall()  # type: ignore[union-attr, return-value]

    def graph(
        self, nodes: list[list[str]], config: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None,
        replicas: int = 1,
    ) -> str:  # fmt: skip
        """Create a chain of tasks, one for each list of nodes, the last with replicas, and return the root's name."""
        self.number += 1
        root = f"G{self.number}"
        names = [root] + [f"{root}${number}" for number in range(1, len(nodes))]
        for before, name, members in zip([None, *names], names, nodes, strict=False):
            words = [word for one in members for word in ("--task", f"kit-tasks:{one}")]
            spec = specification(words, {"MLOPS_PIPELINE": root.lower(), **(env or {})})
            count = replicas if name == names[-1] else 1
            config_clause = f"CONFIG = $${json.dumps(config)}$$" if config and before is None else ""
            self.sql(
                f"CREATE TASK {name} {config_clause} {f'AFTER {before}' if before else ''} AS EXECUTE JOB SERVICE IN "
                f"COMPUTE POOL POOL {f'REPLICAS = {count}' if count > 1 else ''} "
                f"FROM SPECIFICATION '{spec.replace(chr(39), chr(39) * 2)}'"
            )
        for name in names[1:]:
            self.sql(f"ALTER TASK {name} RESUME")
        return root

    def finalizer(self, root: str, node: str, env: Mapping[str, str]) -> None:
        """Give a graph a finalizer that runs a node."""
        spec = specification(["--task", f"kit-tasks:{node}"], {"MLOPS_PIPELINE": root.lower(), **env})
        self.sql(
            f"CREATE TASK {root}$LAST FINALIZE = {root} AS EXECUTE JOB SERVICE IN COMPUTE POOL POOL "
            f"FROM SPECIFICATION '{spec.replace(chr(39), chr(39) * 2)}'"
        )
        self.sql(f"ALTER TASK {root}$LAST RESUME")

    def run(self, root: str, how: str = "") -> dict[str, dict[str, Any]]:
        """Run a graph to its end and return the newest run of each task, by name."""
        self.sql(f"EXECUTE TASK {root} {how}")
        until = time.monotonic() + 60
        while True:
            time.sleep(0.05)
            graphs = self.sql(
                f"SELECT * FROM TABLE(INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS(ROOT_TASK_NAME => '{root}'))"
            )
            if not [graph for graph in graphs if graph["STATE"] in ("EXECUTING", "SCHEDULED")]:
                break
            assert time.monotonic() < until, "the graph does not end"
        rows = self.sql("SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 1000))")
        own = [row for row in rows if row["NAME"].split("$")[0] == root and row["STATE"] != "SCHEDULED"]
        return {
            row["NAME"]: row for row in sorted(own, key=lambda row: (row["ATTEMPT_NUMBER"], row["QUERY_START_TIME"]))
        }

    def jobs(self) -> list[str]:
        """Names of the jobs, the newest last."""
        rows = self.sql("SHOW JOB SERVICES")
        return [row["name"] for row in sorted(rows, key=lambda row: row["created_on"])]

    def log(self, job: str, instance: int = 0) -> list[dict[str, Any]]:
        """The log of a job, each line parsed as the event table does."""
        [row] = self.sql(f"SELECT SYSTEM$GET_SERVICE_LOGS('{job}', {instance}, 'main') AS LOGS")
        return [json.loads(line) for line in row["LOGS"].splitlines()]

    def folder(self, root: str) -> Path:
        """The folder of a graph's datasets on the stage."""
        return self.server.state / "stages" / "EMBEDDED" / "PUBLIC" / "DATA" / root.lower()


def specification(args: list[str], env: Mapping[str, str]) -> str:
    container = {
        "name": "main",
        "image": IMAGE,
        "args": args,
        "env": {
            "MLOPS_DATA": "/mlops/data",
            "MLOPS_AUTH": "inherited",
            "MLOPS_VERSIONS": json.dumps(VERSIONS),
            "MLOPS_LOG_FORMAT": "json",
            **env,
        },
        "volumeMounts": [{"name": "data", "mountPath": "/mlops/data"}],
    }
    volume = {"name": "data", "source": "stage", "stageConfig": {"name": "@EMBEDDED.PUBLIC.DATA"}}
    return yaml.safe_dump({"spec": {"containers": [container], "volumes": [volume]}})


@pytest.fixture(scope="module")
def account(embedded_snowflake: EmbeddedSnowflake, make_environment: Callable[..., Any]) -> Account:
    environment = make_environment(["kit-tasks"])
    environment.mlops("nodes", "list", cwd=environment.folder)
    kept = {name: value for name, value in environment.environ().items() if name.startswith("MLOPS_")}
    image = {"entrypoint": [str(environment.python), "-c", WATCH, "run-node"], "env": kept}
    (embedded_snowflake.state / "images.yaml").write_text(yaml.safe_dump({IMAGE: image}))
    found = Account(embedded_snowflake)
    found.sql("CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    found.sql("CREATE STAGE EMBEDDED.PUBLIC.DATA ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')")
    return found


def said(lines: list[dict[str, Any]]) -> list[str]:
    return [line["body"] for line in lines]


def test_nodes_run_in_containers_of_tasks_and_hand_datasets_on(account: Account) -> None:
    config = {"numbers.count": 4, "numbers.start": '"2026-02-03"', "numbers.labels": '["a","b"]', "total.factor": 0.5}
    root = account.graph([["numbers"], ["total"], ["asking"]], config)

    tasks = account.run(root)

    assert {name: row["STATE"] for name, row in tasks.items()} == dict.fromkeys(tasks, "SUCCEEDED"), tasks
    first, second, third = account.jobs()[-3:]
    run_id = tasks[root]["GRAPH_RUN_GROUP_ID"]
    assert "count=4 start=datetime.date(2026, 2, 3) labels=['a', 'b']" in said(account.log(first))
    returned = json.loads(tasks[f"{root}$1"]["RETURN_VALUE"])
    assert (returned["node"], returned["run"], returned["metrics"]) == ("kit-tasks:total", str(run_id), {"total": 3.0})
    assert [output["name"] for output in returned["outputs"]] == ["total"]
    answer = json.loads((account.folder(root) / str(run_id) / "answer.json").read_text())
    assert answer["user"] == third
    assert answer["tag"] == f"mlops {root.lower()}.asking {run_id}"
    written = {path.name for path in account.folder(root).rglob("*") if path.is_file()}
    manifests = {f"kit-tasks.{node}.manifest.json" for node in ("numbers", "total", "asking")}
    assert written == {"numbers.json", "total.json", "answer.json", *manifests}
    assert not [line for job in (first, second, third) for line in said(account.log(job)) if "FORBIDDEN" in line]


def test_a_log_has_the_form_that_the_event_table_parses(account: Account) -> None:
    root = account.graph([["numbers", "total"]])

    run_id = str(account.run(root)[root]["GRAPH_RUN_GROUP_ID"])

    lines = account.log(account.jobs()[-1])
    assert all(set(line) == {"timestamp", "severity_text", "body", "scope", "attributes"} for line in lines)
    by_body = {line["body"]: line for line in lines}
    assert by_body["adding 3 numbers"]["severity_text"] == "WARN"
    assert by_body["adding 3 numbers"]["scope"] == {"name": "mlops.node.total"}
    assert by_body["another line"]["severity_text"] == "WARN"
    assert by_body["quiet? {'no': 1}"]["scope"] == {"name": "kit"}
    own = [line["attributes"]["mlops.node"] for line in lines if line["attributes"].get("mlops.run") == run_id]
    assert own == sorted(own, key=["kit-tasks:numbers", "kit-tasks:total"].index)
    assert "session: inherited, because auth is inherited" in by_body


def test_a_failure_tells_traceback_inputs_and_mend_and_a_retry_goes_on_from_it(
    account: Account, tmp_path: Path
) -> None:
    root = account.graph([["numbers"], ["total", "fragile"]], {"fragile.needs": str(tmp_path / "there")})

    failed = account.run(root)

    assert {name: row["STATE"] for name, row in failed.items()} == {root: "SUCCEEDED", f"{root}$1": "FAILED"}
    job = account.jobs()[-1]
    [error] = [line for line in account.log(job) if line["severity_text"] == "ERROR"]
    assert error["body"] == f"node fragile failed: ValueError: there is no {tmp_path / 'there'}"
    attributes = error["attributes"]
    assert "kit_tasks.py" in attributes["exception.stacktrace"]
    assert (attributes["exception.type"], attributes["mlops.exit_code"]) == ("ValueError", 10)
    assert set(attributes["mlops.inputs"]) == {"total"}
    assert len(attributes["mlops.inputs"]["total"]["sha256"]) == 64
    assert f"mlops retry {root.lower()}" in attributes["mlops.hint"]

    (tmp_path / "there").write_text("")
    jobs = len(account.jobs())
    retried = account.run(root, "RETRY LAST")

    assert retried[f"{root}$1"]["STATE"] == "SUCCEEDED"
    assert retried[f"{root}$1"]["ATTEMPT_NUMBER"] == 2
    assert len(account.jobs()) == jobs + 1
    lines = said(account.log(account.jobs()[-1]))
    assert "node total kept: committed before, and its parameters, plugin and inputs are the same" in lines
    assert any(line.startswith("node fragile succeeded") for line in lines)
    nodes = json.loads(retried[f"{root}$1"]["RETURN_VALUE"])["nodes"]
    assert [(node["node"], node["state"]) for node in nodes] == [
        ("kit-tasks:total", "reused"), ("kit-tasks:fragile", "succeeded"),
    ]  # fmt: skip


@pytest.mark.parametrize(("works_at", "state"), [(3, "SUCCEEDED"), (4, "FAILED")])
def test_a_node_with_retries_is_tried_again_in_its_container(
    account: Account, tmp_path: Path, works_at: int, state: str
) -> None:
    root = account.graph([["flaky"]], {"flaky.sign": str(tmp_path / "tries"), "flaky.works_at": works_at})

    assert account.run(root)[root]["STATE"] == state

    levels = [(line["severity_text"], line["body"]) for line in account.log(account.jobs()[-1])]
    failed = "of node flaky failed, the next begins in"
    assert (tmp_path / "tries").read_text().split() == ["1", "2", "3"]
    assert [body for level, body in levels if level == "WARN" and "attempt" in body] == [
        f"attempt 1 of 3 {failed} 0.01 s: ConnectionError: not yet",
        f"attempt 2 of 3 {failed} 0.02 s: ConnectionError: not yet",
    ]
    errors = [body for level, body in levels if level == "ERROR"]
    assert errors == ([] if works_at == 3 else ["node flaky failed: ConnectionError: not yet"])


def test_replicas_know_their_number_and_a_node_without_services_imports_no_heavy_package(account: Account) -> None:
    root = account.graph([["telling"]], replicas=2)

    assert account.run(root)[root]["STATE"] == "SUCCEEDED"

    job = account.jobs()[-1]
    (manifest,) = account.folder(root).rglob("*.manifest.json")
    assert manifest.parent.parent == account.folder(root), "the first replica did not gather what both have committed"
    heard = [line for index in (0, 1) for line in said(account.log(job, index)) if line.startswith("replica")]
    assert [line[:14] for line in heard] == ["replica 0 of 2", "replica 1 of 2"]
    assert not any("snowflake." in line for line in heard)  # pandas is what the connector itself imports


def test_replicas_read_their_own_keys_and_the_first_gathers_what_all_have_written(account: Account) -> None:
    root = account.graph([["orders"], ["bills"]], {"orders.shops": 9}, replicas=3)

    ended = account.run(root)[f"{root}$1"]

    (folder,) = account.folder(root).iterdir()
    bills = json.loads((folder / "bills.json").read_text())
    assert bills == {f"shop {number}": 3 * number for number in range(9)}
    assert not list(folder.glob("replica-*"))
    answer = json.loads(ended["RETURN_VALUE"])
    assert [output["name"] for output in answer["outputs"]] == ["bills"]
    assert (folder / "kit-tasks.bills.manifest.json").exists()


def test_a_replica_that_fails_fails_the_job_and_a_retry_keeps_the_parts_of_the_others(
    account: Account, tmp_path: Path
) -> None:
    needed = tmp_path / "needed"
    config = {"orders.shops": 9, "bills.needs": str(needed), "bills.fragile": "shop 4"}
    root = account.graph([["orders"], ["bills"]], config, replicas=3)

    failed = account.run(root)[f"{root}$1"]
    (folder,) = account.folder(root).iterdir()
    kept = {path.parent.name for path in folder.glob("replica-*/*.manifest.json")}
    needed.write_text("")
    retried = account.run(root, "RETRY LAST")[f"{root}$1"]

    log = said(account.log(account.jobs()[-1], 0)) + said(account.log(account.jobs()[-1], 1))
    assert (failed["STATE"], retried["STATE"]) == ("FAILED", "SUCCEEDED")
    assert 0 < len(kept) < 3
    assert len(json.loads((folder / "bills.json").read_text())) == 9
    assert any("kept its part" in line for line in log + said(account.log(account.jobs()[-1], 2)))


def test_a_replica_that_falls_silent_is_named_and_not_waited_for_any_longer(account: Account, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    root = account.graph([["lagging"]], {"lagging.sign": str(sign)}, {"MLOPS_REPLICA_PATIENCE": "2"}, replicas=2)
    account.sql(f"EXECUTE TASK {root}")
    until = time.monotonic() + 30
    while not (sign.exists() and sign.read_text()):
        assert time.monotonic() < until, "the second replica does not start"
        time.sleep(0.05)
    job, pid = account.jobs()[-1], int(sign.read_text())

    os.kill(pid, signal.SIGSTOP)
    try:
        while not (errors := [one for one in account.log(job) if one["severity_text"] == "ERROR"]):
            assert time.monotonic() < until, "the first replica still waits"
            time.sleep(0.05)
    finally:
        os.kill(pid, signal.SIGCONT)

    [error] = errors
    assert error["body"] == "replica 1 of 2 of node 'lagging' gave no sign of life for 2.0 s"
    assert error["attributes"]["mlops.exit_code"] == 10


@pytest.mark.parametrize(
    ("node", "last"),
    [
        ("patient", "stopped by SIGTERM; what was not committed is lost, a retry runs it again"),
        ("deaf", "the node does not end: it is killed"),
    ],
)
def test_a_container_that_is_told_to_end_commits_nothing_and_says_so(
    account: Account, tmp_path: Path, node: str, last: str
) -> None:
    root = account.graph([[node]], {f"{node}.sign": str(tmp_path / "sign")}, {"MLOPS_GRACE": "1"})
    account.sql(f"EXECUTE TASK {root}")
    until = time.monotonic() + 30
    while not (tmp_path / "sign").exists() or not (tmp_path / "sign").read_text():
        assert time.monotonic() < until, "the node does not start"
        time.sleep(0.05)
    job, began = account.jobs()[-1], time.monotonic()

    account.sql(f"SELECT {job}!SPCS_CANCEL_JOB()")
    while account.sql(f"SHOW JOB SERVICES LIKE '{job}'")[0]["status"] not in ("CANCELLED", "FAILED"):
        assert time.monotonic() - began < 20, "it does not end"
        time.sleep(0.05)

    assert said(account.log(job))[-1] == last
    assert not list(account.folder(root).rglob("*.json"))


def test_a_dataset_that_no_task_has_written_is_bad_input(account: Account) -> None:
    root = account.graph([["total"]], {"numbers.count": 3})

    row = account.run(root)[root]

    assert row["STATE"] == "FAILED"
    [error] = [line for line in account.log(account.jobs()[-1]) if line["severity_text"] == "ERROR"]
    assert error["attributes"]["mlops.exit_code"] == 12
    assert "dataset 'numbers': no node has committed it" in error["body"]


def test_a_served_node_takes_its_parameters_from_a_variable_and_runs_again_at_every_start(account: Account) -> None:
    env = {"MLOPS_PIPELINE": "serving", "MLOPS_PARAMETERS": '{"serving.answer": 42, "total.factor": 2}'}
    spec = specification(["--task", "kit-tasks:serving"], env)

    for _ in range(2):
        account.sql(f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL FROM SPECIFICATION $${spec}$$")

        job = account.jobs()[-1]
        assert f"service-{job.lower()} answers 42" in said(account.log(job))


def test_a_served_node_reads_what_the_newest_run_of_its_pipeline_has_committed(account: Account) -> None:
    root = account.graph([["numbers"], ["total"]], {"total.factor": 2})
    account.run(root)
    account.run(root, 'USING CONFIG = $${"total.factor": 5}$$')
    env = {"MLOPS_PIPELINE": root.lower(), "MLOPS_PARAMETERS": "{}"}

    account.sql(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL FROM SPECIFICATION $${specification(['--task', 'kit-tasks:served'], env)}$$"
    )

    lines = said(account.log(account.jobs()[-1]))
    assert "the total is 15.0" in lines
    assert any(line.startswith("node served reads total of run ") for line in lines)


@pytest.fixture(scope="module")
def told(account: Account) -> Callable[[], list[dict[str, Any]]]:
    """What was sent through the integration so far."""
    account.sql(
        "CREATE NOTIFICATION INTEGRATION MAIL TYPE = EMAIL ENABLED = TRUE ALLOWED_RECIPIENTS = ('a@example.com')"
    )

    def sent() -> list[dict[str, Any]]:
        rows = account.sql("SELECT * FROM TABLE(INFORMATION_SCHEMA.NOTIFICATION_HISTORY())")
        return [json.loads(row["MESSAGE"]) for row in rows]

    return sent


NOTICE = {"MLOPS_ON_FAILURE": json.dumps({"integration": "MAIL", "email": ["a@example.com"], "subject": "it's broken"})}


@pytest.mark.parametrize(
    ("node", "states", "also"),
    [
        ("numbers", ("FAILED", "SUCCEEDED"), ""),
        ("nonesuch", ("FAILED", "FAILED"), "; the finalizer: there is no node 'kit-tasks:nonesuch'"),
    ],
)
def test_the_container_of_a_finalizer_tells_what_failed_in_the_run_and_itself(
    account: Account, told: Callable[[], list[dict[str, Any]]], node: str, states: tuple[str, str], also: str
) -> None:
    root, before = account.graph([["total"]]), len(told())
    account.finalizer(root, node, NOTICE)

    tasks = account.run(root)

    assert (tasks[root]["STATE"], tasks[f"{root}$LAST"]["STATE"]) == states
    sent = told()
    assert len(sent) == before + 1
    [message] = [one for one in sent if f"{root}: " in one["content"]["text/plain"]]
    text = message["content"]["text/plain"]
    assert (message["subject"], message["toAddress"]) == ("it's broken", ["a@example.com"])
    assert text.startswith(f"it's broken: {root}: ")
    assert text.endswith(f"{also} (run {tasks[root]['GRAPH_RUN_GROUP_ID']})")


@pytest.mark.parametrize("how", ["container", "script"])
def test_a_failure_that_a_retry_has_mended_is_told_once(
    account: Account, told: Callable[[], list[dict[str, Any]]], tmp_path: Path, how: str
) -> None:
    root, before = (
        account.graph([["numbers", "total", "fragile"]], {"fragile.needs": str(tmp_path / "there")}),
        len(told()),
    )
    if how == "container":
        account.finalizer(root, "numbers", NOTICE)
    else:
        body = notifying_body(Notification("MAIL", ("a@example.com",)), pipeline="p", target="t", database="EMBEDDED")
        account.sql(f"CREATE TASK {root}$LAST FINALIZE = {root} AS {body}")
        account.sql(f"ALTER TASK {root}$LAST RESUME")

    account.run(root)
    once = len(told())
    (tmp_path / "there").write_text("")
    retried = account.run(root, "RETRY LAST")

    assert {row["STATE"] for row in retried.values()} == {"SUCCEEDED"}
    assert (once, len(told())) == (before + 1, before + 1)


def test_a_notice_that_cannot_be_sent_is_an_error_in_the_log_and_no_failure(account: Account) -> None:
    root = account.graph([["total"]])
    account.finalizer(root, "numbers", {"MLOPS_ON_FAILURE": json.dumps({"integration": "NONE_SUCH"})})

    tasks = account.run(root)

    assert tasks[f"{root}$LAST"]["STATE"] == "SUCCEEDED"
    [error] = [line for line in account.log(account.jobs()[-1]) if line["severity_text"] == "ERROR"]
    assert error["body"].startswith("nobody is told what failed in the run: ")
    assert "NONE_SUCH" in error["body"]
