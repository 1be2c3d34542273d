"""Service roles let another role than a service's owner use its endpoints, one or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector.errors import ProgrammingError

pytestmark = pytest.mark.embedded("Services: service roles, granted and taken, for one endpoint or all")

SPECIFICATION = """
spec:
  containers: [{name: main, image: /lib/public/images/shell, args: [sleep 60]}]
  endpoints: [{name: api, port: 18431}, {name: admin, port: 18432}]
serviceRoles: [{name: reader, endpoints: [api]}]
"""
Sql = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def owner(embedded_snowflake: EmbeddedSnowflake) -> Iterator[Sql]:
    (embedded_snowflake.state / "images.yaml").write_text('"*/shell": {entrypoint: [sh, -c]}')
    with snowflake.connector.connect(**embedded_snowflake.connection) as connection:

        def sql(text: str) -> list[tuple[object, ...]]:
            return connection.cursor().execute(text).fetchall()  # type: ignore[union-attr, return-value]

        for statement in (
            "CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS", "CREATE ROLE CALLER",
            "GRANT USAGE ON DATABASE EMBEDDED TO ROLE CALLER",
            "GRANT USAGE, CREATE FUNCTION ON SCHEMA EMBEDDED.PUBLIC TO ROLE CALLER",
        ):  # fmt: skip
            sql(statement)
        yield sql


@pytest.fixture
def service(owner: Sql) -> Iterator[None]:
    owner(f"CREATE SERVICE SCORER IN COMPUTE POOL POOL FROM SPECIFICATION $${SPECIFICATION}$$")
    yield
    owner("DROP SERVICE IF EXISTS SCORER")


@pytest.fixture(scope="module")
def uses(owner: Sql, embedded_snowflake: EmbeddedSnowflake) -> Iterator[Callable[[str], bool]]:
    """Whether the caller may make a function that calls an endpoint."""
    with snowflake.connector.connect(**{**embedded_snowflake.connection, "role": "CALLER"}) as connection:

        def use(endpoint: str) -> bool:
            try:
                connection.cursor().execute(
                    f"CREATE OR REPLACE FUNCTION F() RETURNS INT SERVICE = SCORER ENDPOINT = {endpoint} AS '/x'"
                )
            except ProgrammingError as refused:
                if "Insufficient privileges" not in str(refused):
                    raise
                return False
            return True

        yield use


@pytest.mark.parametrize(
    ("role", "may"), [("reader", {"api"}), ("ALL_ENDPOINTS_USAGE", {"api", "admin"}), (None, set())]
)
def test_a_role_uses_the_endpoints_of_the_service_roles_that_it_has(
    service: None, owner: Sql, uses: Callable[[str], bool], role: str | None, may: set[str]
) -> None:
    if role is not None:
        owner(f"GRANT SERVICE ROLE EMBEDDED.PUBLIC.SCORER!{role} TO ROLE CALLER")

    assert {endpoint for endpoint in ("api", "admin") if uses(endpoint)} == may


@pytest.mark.parametrize("how", ["REVOKE SERVICE ROLE SCORER!READER FROM ROLE CALLER", "DROP SERVICE SCORER"])
def test_a_service_role_is_taken_back_and_goes_with_its_service(
    service: None, owner: Sql, uses: Callable[[str], bool], how: str
) -> None:
    owner("GRANT SERVICE ROLE SCORER!READER TO ROLE CALLER")
    assert uses("api")

    owner(how)
    owner(f"CREATE SERVICE IF NOT EXISTS SCORER IN COMPUTE POOL POOL FROM SPECIFICATION $${SPECIFICATION}$$")

    assert not uses("api")


@pytest.mark.parametrize(
    "named", ["SCORER!NOBODY TO ROLE CALLER", "NONE_SUCH!READER TO ROLE CALLER", "SCORER!READER TO ROLE X"]
)
def test_what_is_not_there_is_not_granted(service: None, owner: Sql, named: str) -> None:
    with pytest.raises(ProgrammingError, match="does not exist"):
        owner(f"GRANT SERVICE ROLE {named}")


@pytest.mark.embedded("Functions: USAGE on a function, by the types of its arguments, for those who call it")
def test_a_function_is_called_by_who_may_use_it(owner: Sql, embedded_snowflake: EmbeddedSnowflake) -> None:
    owner("CREATE OR REPLACE FUNCTION TWICE(X INT) RETURNS INT AS 'X * 2'")
    with snowflake.connector.connect(**{**embedded_snowflake.connection, "role": "CALLER"}) as connection:

        def called() -> object:
            return connection.cursor().execute("SELECT TWICE(21)").fetchone()[0]  # type: ignore[union-attr, index]

        with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
            called()
        owner("GRANT USAGE ON FUNCTION EMBEDDED.PUBLIC.TWICE(INT) TO ROLE CALLER")
        assert called() == 42
        owner("REVOKE USAGE ON FUNCTION TWICE(INT) FROM ROLE CALLER")
        with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
            called()
    with pytest.raises(ProgrammingError, match="does not exist"):
        owner("GRANT USAGE ON FUNCTION TWICE(VARCHAR) TO ROLE CALLER")
