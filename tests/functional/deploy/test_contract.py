"""Every request of a deployment's life is one that Snowflake's published API takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlops_embedded.contract import Contract
from mlops_embedded.life import EmbeddedSnowflake
from mlops_embedded.recorder import Exchange, Recorder, recorder
from msgspec.structs import replace

from mlops.compile.objects import Deployment, Service, ServiceFunction
from mlops.compile.other_roles import caller_privileges
from mlops.deploy.account import Held
from mlops.deploy.applying import apply
from mlops.deploy.destroying import destroy
from mlops.deploy.destruction import survey_of_destruction
from mlops.deploy.ownership import Ownership, comment_of
from mlops.deploy.survey import survey
from mlops.errors import AccountError
from mlops.runs.connection import Connection
from mlops.snowflake.account import SnowflakeAccount, account_on
from mlops.snowflake.objects import held_service, sdk_service
from mlops.snowflake.service_functions import arguments_in, creation_of
from mlops.snowflake.session import SnowflakeSession
from tests.unit.deploy.graphs import NEW, OLD, POOL_OF_THREE

SCORING = """
spec:
  containers: [{name: main, image: /embedded/public/images/mlops:1, command: [sleep, "60"]}]
  endpoints: [{name: main, port: 8000}]
"""
PUBLISHED = Path(__file__).parents[4] / "shared" / "snowflake-openapi"


@pytest.fixture(scope="module")
def wire() -> Iterator[Recorder]:
    with EmbeddedSnowflake() as server, recorder(server.connection["port"]) as wire:
        wire.connection = {**server.connection, "port": wire.server_port}  # type: ignore[attr-defined]  # for the account
        yield wire


@pytest.fixture(scope="module")
def account(wire: Recorder) -> Iterator[SnowflakeAccount]:
    session = SnowflakeSession(Connection("embedded", wire.connection))  # type: ignore[attr-defined]  # see above
    yield account_on(session, database="EMBEDDED", schema="PUBLIC", width=4)
    session.close()


@pytest.fixture(scope="module")
def contract() -> Contract:
    if not PUBLISHED.is_dir():
        assert os.environ.get("CI") != "true", f"{PUBLISHED} is not there: the published API must be at hand in CI"
        pytest.skip(f"Snowflake's published API is not at {PUBLISHED}")
    return Contract(PUBLISHED)


def test_every_request_of_a_deployment_is_published(
    wire: Recorder, account: SnowflakeAccount, contract: Contract
) -> None:
    def here(deployment: Deployment) -> Deployment:
        return replace(deployment, database="EMBEDDED", schema="PUBLIC")

    with ThreadPoolExecutor(4) as pool:
        for wanted in (OLD, OLD, NEW, replace(NEW, compute_pools=(POOL_OF_THREE,))):
            apply(survey(account, here(wanted), pool, prune=True), account, pool)
        names = {"pools": ["P"], "stages": ["DATA"], "with_pools": True, "with_data": True}
        found = survey_of_destruction(account, pool, project="shop", pipeline="churn", **names)  # type: ignore[arg-type]
        destroy(found, account, pool)

    violations = [one for exchange in wire.exchanges for one in contract.violations(exchange)]
    asked = {(exchange.method, exchange.path.rpartition("/")[2].partition(":")[2]) for exchange in wire.exchanges}
    assert violations == []
    assert {("POST", ""), ("PUT", ""), ("DELETE", ""), ("POST", "suspend"), ("POST", "resume")} <= asked


@pytest.mark.parametrize("verb", ["POST", "PUT"])
def test_a_service_is_written_as_published(contract: Contract, verb: str) -> None:
    service = Service("G_SERVE", "x:serve", "P", "spec: {}", 1, 3, "WH", ("EAI",))
    path = "/api/v2/databases/D/schemas/S/services" + ("/G_SERVE" if verb == "PUT" else "")

    body = sdk_service(service, "ours").to_dict()

    assert contract.violations(Exchange(verb, path, {}, body, 200, {"status": "done"})) == []
    assert held_service(sdk_service(service, "ours")).value == replace(service, node="")


def test_a_function_of_a_service_is_one_statement_in_which_nothing_escapes() -> None:
    wanted = ServiceFunction("predict", "G_SERVE", "main", "/x'; DROP", {"A": "NUMBER(10, 2)"}, "VARIANT")

    assert creation_of("D", "S", wanted, "it's", replace=True) == (
        """CREATE OR REPLACE FUNCTION D.S."predict"(A NUMBER(10, 2)) RETURNS VARIANT SERVICE = D.S.G_SERVE """
        """ENDPOINT = 'main' COMMENT = 'it''s' AS '/x''; DROP'"""
    )
    with pytest.raises(AccountError, match="no type of SQL"):
        creation_of("D", "S", replace(wanted, returns="TEXT; DROP TABLE X"), "", replace=False)


def test_a_function_of_other_arguments_takes_the_place_of_ours_and_leaves_that_of_others(
    account: SnowflakeAccount, wire: Recorder
) -> None:
    session = SnowflakeSession(Connection("embedded", wire.connection))  # type: ignore[attr-defined]  # see above
    function = ServiceFunction("SCORE", "SCORING", "main", "/score", {"A": "FLOAT"}, "FLOAT")
    wider = replace(function, arguments={"A": "FLOAT", "B": "FLOAT"})
    first, second = (comment_of(Ownership("shop", "sales", hash=each)) for each in "12")
    session.rows("CREATE COMPUTE POOL SCORERS MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    session.rows(f"CREATE SERVICE EMBEDDED.PUBLIC.SCORING IN COMPUTE POOL SCORERS FROM SPECIFICATION $${SCORING}$$")
    session.rows("CREATE FUNCTION EMBEDDED.PUBLIC.SCORE(A VARCHAR) RETURNS VARCHAR AS 'A'")

    def comments() -> list[str]:
        return sorted(str(one.comment) for one in account.held(ServiceFunction, "SCORE"))

    [theirs] = comments()
    account.put(function, first)
    account.put(function, first)
    assert comments() == sorted([theirs, first])
    account.put(wider, second)
    assert comments() == sorted([theirs, second])
    before = account.find(ServiceFunction, "SCORE")
    assert before == Held(replace(wider, service="SCORING"), second)
    account.put(function, first)
    assert comments() == sorted([theirs, first])
    account.put(before.value, before.comment or "")  # as undoing a deploy does
    assert account.find(ServiceFunction, "SCORE") == before
    assert comments() == sorted([theirs, second])
    account.drop(ServiceFunction, "SCORE")
    assert comments() == [theirs]
    session.rows("CREATE ROLE SCORE_READER")
    service = Service("SCORING", "x:score", "SCORERS", SCORING)
    deployment = replace(OLD, database="EMBEDDED", schema="PUBLIC", services=(service,))
    account.put(function, first)
    given = caller_privileges(replace(deployment, functions=(function,)))
    for one in given:
        session.rows(one.grant("SCORE_READER"))
    assert [one.name for one in given][2:] == [
        "EMBEDDED.PUBLIC.SCORE(FLOAT)", "EMBEDDED.PUBLIC.SCORING!ALL_ENDPOINTS_USAGE",
    ]  # fmt: skip
    account.drop(ServiceFunction, "SCORE")
    session.rows("DROP SERVICE EMBEDDED.PUBLIC.SCORING")
    session.close()


@pytest.mark.parametrize(
    ("signature", "arguments"),
    [
        ("()", {}),
        ("(A VARCHAR)", {"A": "VARCHAR"}),
        ("(A NUMBER(38,0), B ARRAY)", {"A": "NUMBER(38,0)", "B": "ARRAY"}),
        ('("a b" VARCHAR(10), "it""s" TIMESTAMP_NTZ(9))', {"a b": "VARCHAR(10)", 'it"s': "TIMESTAMP_NTZ(9)"}),
    ],
)
def test_the_signature_of_a_function_is_read_back(signature: str, arguments: dict[str, str]) -> None:
    assert arguments_in(signature) == arguments
