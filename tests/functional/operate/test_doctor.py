"""A check-up of a project against an embedded Snowflake: what is missing, and how to mend it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake

from tests.command_line import CommandLine

SETTINGS = """
project = "shop"
target = "ours"

[targets.ours]
database = "APP"
schema = "PUBLIC"
role = "OWNER"
warehouse = "WH"

[targets.ours.pools.default]
name = "POOL"
managed = false

[targets.elsewhere]
extends = "ours"
connection = "not_there"

[pipelines.small]
nodes = ["generate_data"]
"""


class Clinic(CommandLine):
    """A folder with a project of one node, and an administrator of its account."""

    def __init__(self, folder: Path, connection: snowflake.connector.SnowflakeConnection) -> None:
        super().__init__(folder)
        self.connection = connection

    def sql(self, *statements: str) -> None:
        for statement in statements:
            self.connection.cursor().execute(statement)

    def states(self, *words: str) -> dict[str, str]:
        found = json.loads(self.run("doctor", "small", "--json", *words).stdout)["findings"]
        return {one["check"]: one["state"] for one in found}

    def mend(self, check: str, *words: str) -> list[str]:
        found = json.loads(self.run("doctor", "small", "--json", *words).stdout)["findings"]
        return [one["mend"] for one in found if one["check"] == check and one["state"] == "failed"]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "mlops.toml").write_text(SETTINGS)
    with (
        EmbeddedSnowflake(folder / "data" / "embedded") as server,
        snowflake.connector.connect(**server.connection) as connection,
    ):
        clinic = Clinic(folder, connection)
        clinic.sql(
            "CREATE DATABASE APP",
            "CREATE WAREHOUSE WH",
            "CREATE ROLE OWNER",
            "CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
        )
        yield clinic


def granted(clinic: Clinic) -> list[str]:
    found: list[dict[str, Any]] = json.loads(clinic.run("grants", "small", "--json").stdout)["grants"]
    return [one["sql"].rstrip(";") for one in found]


def test_what_a_role_lacks_is_mended_by_what_doctor_says(clinic: Clinic) -> None:
    clinic.sql("CREATE OR REPLACE ROLE OWNER")
    before = clinic.run("doctor", "small")

    for _ in range(3):  # what is granted lets it see more
        clinic.sql(*(mend.rstrip(";") for mend in clinic.mend("privileges")))
    clinic.sql("GRANT USAGE ON WAREHOUSE WH TO ROLE OWNER")

    after = clinic.states()
    assert before.code == 3
    assert "role OWNER lacks EXECUTE TASK on account: tasks run as their owner" in before.stdout
    assert "mend: GRANT EXECUTE TASK ON ACCOUNT TO ROLE OWNER;" in before.stdout
    assert set(after.values()) <= {"ok", "warning"}
    assert after["privileges"] == "ok"


def test_what_grants_prints_is_all_that_doctor_asks_for(clinic: Clinic) -> None:
    clinic.sql("CREATE OR REPLACE ROLE OWNER", *granted(clinic))

    assert clinic.states()["privileges"] == "ok"


def test_a_pool_that_is_suspended_for_good_is_found(clinic: Clinic) -> None:
    clinic.sql("CREATE OR REPLACE ROLE OWNER", *granted(clinic))
    clinic.sql("ALTER COMPUTE POOL POOL SET AUTO_RESUME = FALSE", "ALTER COMPUTE POOL POOL SUSPEND")
    try:
        assert clinic.mend("pool POOL") == ["ALTER COMPUTE POOL POOL RESUME;"]
    finally:
        clinic.sql("ALTER COMPUTE POOL POOL RESUME", "ALTER COMPUTE POOL POOL SET AUTO_RESUME = TRUE")


def test_an_image_that_the_repository_lacks_is_found(clinic: Clinic) -> None:
    clinic.sql("CREATE OR REPLACE ROLE OWNER", *granted(clinic), "CREATE IMAGE REPOSITORY APP.PUBLIC.MLOPS_IMAGES")
    clinic.sql("GRANT READ ON IMAGE REPOSITORY APP.PUBLIC.MLOPS_IMAGES TO ROLE OWNER")
    images = clinic.folder / "data" / "embedded" / "images.yaml"
    entries = images.read_text()
    try:
        there = clinic.states()
        images.write_text("/app/public/other/mlops: {entrypoint: [python]}")
        missing = clinic.mend("image /app/public/mlops_images/mlops:latest")
    finally:
        images.write_text(entries)
        clinic.sql("DROP IMAGE REPOSITORY APP.PUBLIC.MLOPS_IMAGES")

    assert there["image /app/public/mlops_images/mlops:latest"] == "ok"
    assert missing == ["mlops image build, then mlops image push"]


def test_the_event_table_that_keeps_the_logs_is_named(clinic: Clinic) -> None:
    assert clinic.states()["event table"] == "ok"


def test_a_pipeline_that_does_not_fit_the_target_is_a_finding(clinic: Clinic) -> None:
    result = clinic.run("doctor", "nonesuch")

    assert "✗ pipeline nonesuch" in result.stdout
    assert result.code in (1, 3)


def test_where_the_session_comes_from_is_explained_without_values_that_are_secret(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "hunter2")

    said = clinic.run("doctor", "--session").stdout

    assert "SNOWFLAKE_PASSWORD=***" in said
    assert "hunter2" not in said
    assert "embedded: the target names no connection" in said
    assert "role OWNER, APP.PUBLIC, warehouse WH" in said


def test_a_connection_that_is_not_there_is_a_finding_with_its_mend(clinic: Clinic) -> None:
    result = clinic.run("doctor", "small", "--target", "elsewhere")

    assert result.code == 3
    assert "✗ connection" in result.stdout
    assert "not_there" in result.stdout


def test_a_project_that_declares_no_target_is_told_once_and_need_not_mend_it(tmp_path: Path) -> None:
    here = CommandLine(tmp_path)
    (tmp_path / "mlops.toml").write_text('project = "small"\n')

    told = json.loads(here.run("doctor", "--json").stdout)

    about = [
        (one["check"], one["state"]) for one in told["findings"] if one["check"].startswith(("target", "pipeline"))
    ]
    assert about == [("target", "warning")]
