"""A role that is given what ``grants`` prints deploys and runs; without any one of it, something fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import snowflake.connector
import yaml
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import SnowflakeConnection

from mlops.compile.objects import ComputePool, Deployment, ImageRepository, Stage, Task
from mlops.compile.other_roles import operator_privileges
from mlops.compile.privileges import Privilege, owner_privileges
from mlops.compile.statement import execute_job_service
from mlops.compile.yaml_text import to_yaml
from mlops.deploy.applying import apply
from mlops.deploy.survey import survey
from mlops.errors import MlopsError
from mlops.operate.deployed import DeployedPipeline, deployed_pipelines
from mlops.operate.following import follow
from mlops.operate.logs import node_log, task_run_of
from mlops.operate.suspension import resume, suspend
from mlops.operate.trigger import trigger
from mlops.runs.connection import Connection
from mlops.runs.outcome import RunOutcome, State
from mlops.snowflake.account import account_on
from mlops.snowflake.operations import SnowflakeOperations
from mlops.snowflake.session import SnowflakeSession

SPECIFICATION = to_yaml(
    {
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": "/lib/public/images/shell:1",
                    "args": ["echo done"],
                    "volumeMounts": [{"name": "files", "mountPath": "/files"}],
                    "secrets": [
                        {"snowflakeSecret": "lib.public.key", "envVarName": "KEY", "secretKeyRef": "secret_string"}
                    ],
                }
            ],
            "volumes": [{"name": "files", "source": "stage", "stageConfig": {"name": "@LIB.PUBLIC.FILES"}}],
        }
    }
)
JOB = execute_job_service(SPECIFICATION, compute_pool="THEIRS", query_warehouse="QUERIES")
DEPLOYMENT = Deployment(
    project="shop",
    pipeline="p",
    target="t",
    database="APP",
    schema="PUBLIC",
    compute_pools=(
        ComputePool("OURS", "CPU_X64_XS", 1, 1, True, 300),
        ComputePool("THEIRS", "CPU_X64_XS", 1, 1, True, 300, managed=False),
    ),
    image_repositories=(ImageRepository("IMAGES"),),
    stages=(Stage("DATA"),),
    tasks=(
        Task("P", JOB, ("shop:first",)),
        Task("P$SECOND", "SELECT 1", ("shop:second",), ("P",), warehouse="WH"),
    ),
)
PRIVILEGES = owner_privileges(DEPLOYMENT)
IMPLIED = "USAGE ON SCHEMA APP.PUBLIC"
"""What any other privilege on the schema implies. Snowflake's pages ask for it, and so it is granted."""


def words(one: Privilege) -> str:
    return " ".join(filter(None, [one.privilege, "ON", one.kind, one.name]))


class Bank:
    """An account of which an administrator gives and takes privileges, and who works in it with a role of their own."""

    def __init__(self, server: EmbeddedSnowflake, admin: SnowflakeConnection) -> None:
        self.admin = admin
        parameters = {**server.connection, "role": "OWNER", "warehouse": None, "database": None, "schema": None}
        self.owner = SnowflakeSession(Connection("owner", parameters))
        self.operator = SnowflakeSession(Connection("operator", {**parameters, "role": "OPERATOR", "warehouse": "WH"}))
        self.administrator = SnowflakeSession(Connection("admin", dict(server.connection)))

    def sql(self, *statements: str) -> None:
        for statement in statements:
            self.admin.cursor().execute(statement)

    def deploy(self) -> None:
        account = account_on(self.owner, database="APP", schema="PUBLIC", width=4)
        with ThreadPoolExecutor(4) as pool:
            plan = survey(account, DEPLOYMENT, pool)
            apply(plan, account, pool, pauses=(), sleep=lambda seconds: None)

    def clear(self) -> None:
        self.sql("ALTER TASK IF EXISTS APP.PUBLIC.P SUSPEND")
        for task in ("P$$DEPLOY1", "P$SECOND", "P"):
            self.sql(f"DROP TASK IF EXISTS APP.PUBLIC.{task}")
        self.sql("DROP COMPUTE POOL IF EXISTS OURS", "DROP IMAGE REPOSITORY IF EXISTS APP.PUBLIC.IMAGES")
        self.sql("DROP STAGE IF EXISTS APP.PUBLIC.DATA")

    def operations(self, session: SnowflakeSession) -> SnowflakeOperations:
        return SnowflakeOperations(session, database="APP", schema="PUBLIC")

    def pipeline(self, session: SnowflakeSession) -> DeployedPipeline:
        [found] = deployed_pipelines(self.operations(session).tasks(), "shop")
        return found

    def run(self, session: SnowflakeSession) -> RunOutcome:
        """Start a run with one session; what comes of it is watched by the administrator, who sees all."""
        since = time.time() - 60
        operations, watching = self.operations(session), self.operations(self.administrator)
        pipeline = self.pipeline(self.administrator)
        before = {row.run for row in watching.task_runs(root_id=pipeline.root.id)}
        operations.execute(pipeline.root.name, {})
        run, until = None, time.monotonic() + 30
        while run is None and time.monotonic() < until:  # its row appears when the engine has taken it up
            run = next((row.run for row in watching.task_runs(root_id=pipeline.root.id) if row.run not in before), None)
            time.sleep(0.05)
        *_, outcome = follow(watching, pipeline, run or "", target="t", since=since, sleep=lambda _: time.sleep(0.05))
        return outcome


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    state: Path = tmp_path_factory.mktemp("bank")
    with EmbeddedSnowflake(state) as server, snowflake.connector.connect(**server.connection) as admin:
        (state / "images.yaml").write_text(yaml.safe_dump({"*/shell": {"entrypoint": ["sh", "-c"]}}))
        bank = Bank(server, admin)
        bank.sql(
            "CREATE DATABASE APP", "CREATE DATABASE LIB", "CREATE WAREHOUSE WH", "CREATE WAREHOUSE QUERIES",
            "CREATE COMPUTE POOL THEIRS MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
            "CREATE IMAGE REPOSITORY LIB.PUBLIC.IMAGES", "CREATE STAGE LIB.PUBLIC.FILES",
            "CREATE SECRET LIB.PUBLIC.KEY TYPE = GENERIC_STRING SECRET_STRING = 'k'",
            "CREATE ROLE OWNER", "CREATE ROLE OPERATOR", *(one.grant("OWNER").rstrip(";") for one in PRIVILEGES),
        )  # fmt: skip
        yield bank


@pytest.mark.parametrize("one", [one for one in PRIVILEGES if "deploy" in one.purposes], ids=words)
def test_a_deployment_fails_without_any_privilege_it_needs(bank: Bank, one: Privilege) -> None:
    bank.clear()
    bank.sql(f"REVOKE {words(one)} FROM ROLE OWNER")
    try:
        if words(one) == IMPLIED:
            bank.deploy()
        else:
            with pytest.raises(MlopsError):
                bank.deploy()
    finally:
        bank.sql(f"GRANT {words(one)} TO ROLE OWNER")


def test_a_run_fails_without_any_privilege_it_needs(bank: Bank) -> None:
    bank.clear()
    bank.deploy()
    assert bank.run(bank.owner).state is State.SUCCEEDED

    harmless = []
    for one in PRIVILEGES:
        if "run" not in one.purposes:
            continue
        bank.sql(f"REVOKE {words(one)} FROM ROLE OWNER")
        try:
            if bank.run(bank.owner).state is State.SUCCEEDED:
                harmless.append(words(one))
        except MlopsError:
            pass
        finally:
            bank.sql(f"GRANT {words(one)} TO ROLE OWNER")

    assert harmless == [IMPLIED]
    assert bank.run(bank.owner).state is State.SUCCEEDED


def test_an_operator_watches_starts_suspends_and_reads_logs_without_owning_anything(bank: Bank) -> None:
    bank.clear()
    bank.deploy()
    bank.sql(*(one.grant("OPERATOR").rstrip(";") for one in operator_privileges(DEPLOYMENT, warehouse="WH")))
    operations, pipeline = bank.operations(bank.operator), bank.pipeline(bank.operator)

    run = trigger(operations, pipeline, {}, sleep=lambda _: time.sleep(0.05))
    *_, outcome = follow(
        operations, pipeline, run or "", target="t", since=time.time() - 60, sleep=lambda _: time.sleep(0.05)
    )
    row = task_run_of(operations, pipeline, pipeline.task_of("first"), None, node="first")
    suspended = suspend(operations, pipeline).suspended
    resumed = resume(operations, bank.pipeline(bank.operator)).resumed

    assert outcome.state is State.SUCCEEDED
    assert [line.text for line in node_log(operations, pipeline, row, node="shop:first", lines=9).lines] == ["done"]
    assert (suspended, resumed) == (("P",), ("P",))
    with pytest.raises(MlopsError):
        bank.operations(bank.operator).execute("NONE_OF_ITS", {})
