"""A job's owner needs a privilege on everything that the specification names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import snowflake.connector
import yaml
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

GRANTS = {
    "DATABASE LIB": "USAGE",
    "SCHEMA LIB.PUBLIC": "USAGE",
    "WAREHOUSE QUERIES": "USAGE",
    "COMPUTE POOL POOL": "USAGE",
    "SCHEMA EMBEDDED.PUBLIC": "CREATE SERVICE",
    "DATABASE EMBEDDED": "USAGE",
    "IMAGE REPOSITORY LIB.PUBLIC.IMAGES": "READ",
    "SECRET LIB.PUBLIC.KEY": "READ",
    "STAGE LIB.PUBLIC.FILES": "READ, WRITE",
}
SPECIFICATION = yaml.safe_dump(
    {
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": "/lib/public/images/shell",
                    "args": ["true"],
                    "volumeMounts": [{"name": "files", "mountPath": "/files"}],
                    "secrets": [
                        {"snowflakeSecret": "lib.public.key", "envVarName": "KEY", "secretKeyRef": "secret_string"}
                    ],
                }
            ],
            "volumes": [{"name": "files", "source": "stage", "stageConfig": {"name": "@LIB.PUBLIC.FILES/in"}}],
        }
    }
)
JOB = f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL QUERY_WAREHOUSE = QUERIES FROM SPECIFICATION $${SPECIFICATION}$$"


@pytest.fixture(scope="module")
def admin(embedded_snowflake: EmbeddedSnowflake) -> Iterator[SnowflakeConnection]:
    (embedded_snowflake.state / "images.yaml").write_text('"*/shell": {entrypoint: [sh, -c]}')
    with snowflake.connector.connect(**embedded_snowflake.connection) as connection:
        for statement in (
            "CREATE DATABASE LIB", "CREATE WAREHOUSE QUERIES", "CREATE IMAGE REPOSITORY LIB.PUBLIC.IMAGES",
            "CREATE STAGE LIB.PUBLIC.FILES", "CREATE SECRET LIB.PUBLIC.KEY TYPE = GENERIC_STRING SECRET_STRING = 'k'",
            "CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS", "CREATE ROLE RUNNER",
            *(f"GRANT {privileges} ON {on} TO ROLE RUNNER" for on, privileges in GRANTS.items()),
        ):  # fmt: skip
            connection.cursor().execute(statement)
        yield connection


@pytest.fixture(scope="module")
def runner(admin: SnowflakeConnection, embedded_snowflake: EmbeddedSnowflake) -> Iterator[SnowflakeConnection]:
    chosen = {**embedded_snowflake.connection, "role": "RUNNER", "warehouse": None}
    with snowflake.connector.connect(**chosen) as connection:
        yield connection


@pytest.mark.embedded("Jobs: an owner that may use all that a specification names, and is refused without any of it")
@pytest.mark.parametrize("on", GRANTS)
def test_a_job_whose_owner_may_not_use_what_it_names_is_refused(
    on: str, admin: SnowflakeConnection, runner: SnowflakeConnection
) -> None:
    runner.cursor().execute(JOB)
    admin.cursor().execute(f"REVOKE {GRANTS[on]} ON {on} FROM ROLE RUNNER")
    try:
        with pytest.raises(ProgrammingError, match=r"not exist or not authorized|Insufficient privileges"):
            runner.cursor().execute(JOB)
    finally:
        admin.cursor().execute(f"GRANT {GRANTS[on]} ON {on} TO ROLE RUNNER")


def test_a_stage_that_may_only_be_read_is_refused_because_a_process_could_write_to_it(
    admin: SnowflakeConnection, runner: SnowflakeConnection
) -> None:
    admin.cursor().execute("REVOKE WRITE ON STAGE LIB.PUBLIC.FILES FROM ROLE RUNNER")
    try:
        with pytest.raises(ProgrammingError, match="mounted for reading alone"):
            runner.cursor().execute(JOB)
    finally:
        admin.cursor().execute("GRANT WRITE ON STAGE LIB.PUBLIC.FILES TO ROLE RUNNER")
