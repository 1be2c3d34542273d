"""A deploy that fails at any call, in any way, leaves the old or the new graph, or what the next deploy makes whole.

The graph has thirteen tasks with a finalizer, and its root is started. Three tasks are changed, one is new, one is dropped.
Faults are the server's: nothing of Snowflake's clients is replaced. `make test-reliability` tries every call; `make test`
tries some of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from mlops_embedded.life import EmbeddedSnowflake
from msgspec.structs import replace

from mlops.compile.objects import Deployment, Stage, Task
from mlops.deploy.applying import apply
from mlops.deploy.lock import lock_of
from mlops.deploy.plan import Plan
from mlops.deploy.refusals import AnotherDeployError, DeployFailedError
from mlops.deploy.survey import survey
from mlops.errors import AccountError
from mlops.runs.connection import Connection
from mlops.snowflake.account import SnowflakeAccount, account_on
from mlops.snowflake.session import SnowflakeSession
from tests.unit.deploy.graphs import NEW, OLD

EVERY = bool(os.environ.get("MLOPS_RELIABILITY"))
"""Whether every call is tried, which takes about two minutes."""

FAULTS: dict[str, dict[str, Any]] = {
    "refused": {"do": "status", "status": 400},
    "refused from then on": {"do": "status", "status": 400, "times": 0},
    "forbidden": {"do": "status", "status": 403},
    "an error of the server": {"do": "status", "status": 500},
    "errors of the server from then on": {"do": "status", "status": 500, "times": 0},
    "503": {"do": "status", "status": 503},
    "503 from then on": {"do": "status", "status": 503, "times": 0},
    "dropped": {"do": "drop"},
    "dropped from then on": {"do": "drop", "times": 0},
    "answer lost": {"do": "drop_answer"},
    "answers lost from then on": {"do": "drop_answer", "times": 0},
}
REST = "/api/v2/"
PAUSES = (0.0, 0.01)


@dataclass
class Field:
    """An account in which each case has a schema of its own, with the old graph and with what others own."""

    server: EmbeddedSnowflake
    session: SnowflakeSession
    victim: subprocess.Popen[str]
    one: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    many: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8))
    numbers: Iterator[int] = field(default_factory=count)

    def prepared(self, *, empty: bool = False) -> Case:
        schema = f"CASE_{next(self.numbers)}"
        self.session.rows(f"CREATE SCHEMA EMBEDDED.{schema}")
        case = Case(self, account_on(self.session, database="EMBEDDED", schema=schema, width=8), schema)
        case.account.create(Task("CHURN$ALIEN", "SELECT 1"), "not ours")
        case.account.create(Stage("CHURN_ALIEN"), "not ours")
        if not empty:
            case.deploy(OLD, self.many)
        return case

    def killed(self, schema: str, call: int, when: str) -> bool:
        """Deploy in a process that is killed at a call; False if it ended before."""
        assert self.victim.stdin
        assert self.victim.stdout
        print(json.dumps({"schema": schema, "call": call, "when": when}), file=self.victim.stdin, flush=True)
        ended = json.loads(self.victim.stdout.readline())
        assert ended["killed"] or ended["code"] == 0, ended
        return bool(ended["killed"])


@dataclass
class Case:
    """One schema, and what is asked of it."""

    field: Field
    account: SnowflakeAccount
    schema: str

    def wanted(self, deployment: Deployment) -> Deployment:
        return replace(deployment, database="EMBEDDED", schema=self.schema)

    def plan(self, deployment: Deployment, pool: ThreadPoolExecutor) -> Plan:
        return survey(self.account, self.wanted(deployment), pool, prune=True)

    def deploy(self, deployment: Deployment, pool: ThreadPoolExecutor) -> None:
        apply(self.plan(deployment, pool), self.account, pool, pauses=PAUSES)

    def tasks(self) -> dict[str, Any]:
        return {one.value.name: one for one in self.account.held(Task)}

    def check_aliens(self, place: str) -> None:
        alien, stage = self.account.find(Task, "CHURN$ALIEN"), self.account.find(Stage, "CHURN_ALIEN")
        assert alien is not None, place
        assert stage is not None, place
        assert (alien.value.definition, alien.comment, alien.started, stage.comment) == (
            "SELECT 1", "not ours", False, "not ours",
        ), place  # fmt: skip

    def check_failed(self, failure: AccountError | None, before: dict[str, Any], place: str) -> None:
        """After a failure: all is as it was, or what is not was said; a suspended root was said, or a lock tells it."""
        self.check_aliens(place)
        tasks = self.tasks()
        root = tasks.get("CHURN")
        locked = any(lock_of(one) for one in tasks.values())
        if before.get("CHURN") is not None:
            assert root is not None, place
            assert root.started or locked, f"{place}: suspended, and nobody can know why"
        if failure is None:
            return
        if root is not None and not root.started and before.get("CHURN") is not None:
            assert "SUSPENDED" in failure.message, f"{place}: {failure.message}"
        if isinstance(failure, DeployFailedError) and not failure.kept and not failure.lost:
            assert {name: (one.value, one.comment, one.started) for name, one in tasks.items() if not lock_of(one)} == {
                name: (one.value, one.comment, one.started) for name, one in before.items()
            }, place

    def check_next(self, place: str) -> None:
        """The next deploy ends with no difference, whatever there is."""
        self.deploy(NEW, self.field.many)
        plan = self.plan(NEW, self.field.many)
        assert plan.is_empty, f"{place}: {plan.steps}"
        tasks = self.tasks()
        assert set(tasks) == {one.name for one in NEW.tasks} | {"CHURN$ALIEN"}, place
        assert all(one.started for name, one in tasks.items() if name != "CHURN$ALIEN"), place
        self.check_aliens(place)


@pytest.fixture(scope="module")
def ground() -> Iterator[Field]:
    victim = Path(__file__).with_name("victim.py")
    with EmbeddedSnowflake() as server:
        session = SnowflakeSession(Connection("embedded", server.connection))
        with subprocess.Popen(
            [sys.executable, victim], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin
            print(json.dumps(server.connection), file=process.stdin, flush=True)
            yield Field(server, session, process)
            process.stdin.close()
        session.close()


@pytest.fixture(autouse=True)
def _a_503_lasts_longer_than_the_client_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every 503 from then on takes the ten minutes that Snowflake's client gives it."""
    monkeypatch.setenv("_SNOWFLAKE_ENABLE_RETRY_REQUEST_QUERY", "false")


def calls_of(ground: Field, case: Case, deployment: Deployment) -> list[str]:
    """Return the REST calls that a deploy makes, in order, and then its statements."""
    before = ground.server.admin.calls()["count"]
    case.deploy(deployment, ground.one)
    said = [call for call in ground.server.admin.calls()["calls"] if call["number"] > before]
    rest = [
        f"{call['method']} {call['path'].rpartition('schemas/')[2]}" for call in said if call["path"].startswith(REST)
    ]
    return rest + [call["sql"] for call in said if call["sql"]]


def fault_at(fault: str, calls: list[str], number: int) -> dict[str, Any]:
    """Return what the server has to do for this call to suffer a fault.

    The connector repeats a statement that gets no answer for as long as it takes, so statements are refused, or their
    connection is dropped once.
    """
    call, facts = calls[number - 1], FAULTS[fault]
    if call.partition(" ")[0] in {"GET", "PUT", "POST", "DELETE"}:
        return {**facts, "path": REST, "nth": number}
    if facts["do"] == "status" or facts.get("times") == 0:
        facts = {**facts, "do": "error", "code": "003001"}
    return {**facts, "path": "/queries/", "sql": call[:40]}


def some(fault: str, calls: int, *, empty: bool) -> list[int]:
    """Return the call that is tried where not every one is: another one for each fault."""
    return [(list(FAULTS).index(fault) * 2 + 5 + empty) % calls + 1]


@pytest.mark.parametrize("start", ["a changed graph", "a new graph"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_deploy_may_fail_at_every_call(ground: Field, fault: str, start: str) -> None:
    empty = start == "a new graph"
    calls = calls_of(ground, ground.prepared(empty=empty), NEW)
    tried = 0
    for number in range(1, len(calls) + 1) if EVERY else some(fault, len(calls), empty=empty):
        case = ground.prepared(empty=empty)
        before = case.tasks()
        place = f"{fault} at call {number} of {len(calls)}: {calls[number - 1]}"
        ground.server.admin.add_fault(**fault_at(fault, calls, number))
        failure: AccountError | None = None
        try:
            case.deploy(NEW, ground.one)
        except AccountError as cause:
            failure = cause
        finally:
            ground.server.admin.clear_faults()
        case.check_failed(failure, before, place)
        case.check_next(place)
        tried += 1
    assert tried == (len(calls) if EVERY else 1)
    print(f"{fault}, {start}: tried {tried} of {len(calls)} calls")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deploy_may_be_killed_at_every_call(ground: Field, when: str) -> None:
    tried = 0
    for number in count(1) if EVERY else (7, 11):
        case = ground.prepared()
        before = case.tasks()
        place = f"killed {when} call {number}"
        if not ground.killed(case.schema, number, when):
            break
        case.check_failed(None, before, place)
        case.check_next(place)
        tried += 1
    assert tried >= (18 if EVERY else 2)
    print(f"killed {when}: tried {tried} calls")


def test_of_two_deploys_at_once_one_wins_and_the_other_says_so(ground: Field) -> None:
    case = ground.prepared()
    refused: list[AccountError] = []

    def deploy(_: int) -> None:
        try:
            case.deploy(NEW, ThreadPoolExecutor(4))
        except AccountError as cause:
            refused.append(cause)

    with ThreadPoolExecutor(2) as two:
        list(two.map(deploy, range(2)))

    assert len(refused) == 1
    assert isinstance(refused[0], AnotherDeployError) or "meanwhile" in refused[0].message
    case.check_next("two at once")


def test_a_503_that_passes_is_waited_out(ground: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    case = ground.prepared()
    monkeypatch.delenv("_SNOWFLAKE_ENABLE_RETRY_REQUEST_QUERY")
    session = SnowflakeSession(Connection("embedded", ground.server.connection))
    patient = Case(ground, account_on(session, database="EMBEDDED", schema=case.schema, width=1), case.schema)

    with ground.server.admin.fault(
        "status", status=503, method="PUT", path=f"{REST}databases/EMBEDDED/schemas/{case.schema}"
    ):
        patient.deploy(NEW, ground.one)

    assert case.plan(NEW, ground.many).is_empty
    session.close()
