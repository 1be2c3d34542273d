"""What is told of a deployment that is no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.compile.wanted import wanted_deployment
from mlops.parameters import Parameter
from mlops.settings import load_settings

SETTINGS = """
target = "dev"
[targets.dev]
database = "ML"
schema = "DEV"
pools.default = {name = "POOL"}
"""


@pytest.mark.parametrize(
    ("name", "value", "told"), [("api_key", "hunter2", True), ("api_key", "", False), ("max_depth", "8", False)]
)
def test_a_parameter_that_is_named_like_a_credential_is_told_without_its_value(
    samples, tmp_path: Path, name: str, value: str, told: bool
) -> None:
    (tmp_path / "mlops.toml").write_text(SETTINGS)
    node = samples.node("fetch", parameters=(Parameter(name, value, "str"),))
    said: list[str] = []

    wanted_deployment(
        samples.graph(node),
        load_settings(str(tmp_path), environ={}),
        node_names={"fetch"},
        storable=lambda type_: None,
        environ={},
        tell=said.append,
    )

    assert ["named like a credential" in one for one in said] == [True] * told
    assert "hunter2" not in "".join(said)
