"""Whether the image of a pipeline is there: ``plan`` and ``doctor`` ask in one way, and say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import snowflake.connector
from mlops_embedded.life import EmbeddedSnowflake

from tests.command_line import CommandLine

TARGET = """
[targets.{name}]
database = "EMBEDDED"
schema = "{schema}"
warehouse = "COMPUTE_WH"
image = "{image}"
[targets.{name}.pools.default]
name = "POOL"
"""
TARGETS = {
    "latest": ("PUBLIC", "mlops"),
    "tagged": ("PUBLIC", "mlops:1.4"),
    "other": ("PUBLIC", "another:1.4"),
    "empty": ("NO_REPOSITORY", "mlops"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    folder: Path = tmp_path_factory.mktemp("images")
    tables = [TARGET.format(name=name, schema=schema, image=image) for name, (schema, image) in TARGETS.items()]
    (folder / "mlops.toml").write_text('[pipelines.small]\nnodes = ["generate_data"]\n' + "".join(tables))
    with (
        EmbeddedSnowflake(folder / "data" / "embedded") as server,
        snowflake.connector.connect(**server.connection) as connection,
    ):
        connection.cursor().execute("CREATE SCHEMA NO_REPOSITORY")
        connection.cursor().execute("CREATE IMAGE REPOSITORY EMBEDDED.PUBLIC.MLOPS_IMAGES")
        yield CommandLine(folder)


@pytest.mark.parametrize(
    ("target", "planned", "checked"),
    [
        ("latest", "", "ok"),
        ("tagged", "", "ok"),
        ("other", "is not pushed yet: mlops image build, then mlops image push", "failed"),
        ("empty", "there is no image repository EMBEDDED.NO_REPOSITORY.MLOPS_IMAGES yet", "warning"),
    ],
)
def test_plan_and_doctor_say_the_same_of_an_image(
    project: CommandLine, target: str, planned: str, checked: str
) -> None:
    plan = json.loads(project.run("plan", "small", "--target", target, "--json").stdout)
    doctor = json.loads(project.run("doctor", "small", "--target", target, "--json").stdout)

    told = [one for one in plan["consequences"] if "image" in one]
    assert [planned in one for one in told] == ([True] if planned else [])
    [finding] = [one for one in doctor["findings"] if one["check"].startswith("image ")]
    assert finding["state"] == checked
    assert "mlops image build, then mlops image push" in (finding["mend"] or "") or checked == "ok"
