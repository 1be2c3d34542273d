"""What is told of a deployment that is no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.compile.objects import Deployment
from mlops.compile.wanted import wanted_deployment
from mlops.errors import ParameterError, PipelineError
from mlops.parameters import Parameter
from mlops.settings import load_settings

SETTINGS = """
target = "dev"
[targets.dev]
database = "ML"
schema = "DEV"
pools.default = {name = "POOL"}
"""


def wanted(samples, tmp_path: Path, name: str, value: object) -> tuple[Deployment, list[str]]:
    (tmp_path / "mlops.toml").write_text(SETTINGS)
    node = samples.node("fetch", parameters=(Parameter(name, value, "Any"),))
    said: list[str] = []
    deployment = wanted_deployment(
        samples.graph(node),
        load_settings(str(tmp_path), environ={}),
        node_names={"fetch"},
        storable=lambda type_: None,
        environ={},
        tell=said.append,
    )
    return deployment, said


@pytest.mark.parametrize("value", ["hunter2", ["hunter2"], {"key": "hunter2"}])
def test_a_parameter_that_is_named_like_a_credential_is_refused_without_its_value(
    samples, tmp_path: Path, value: object
) -> None:
    with pytest.raises(PipelineError) as caught:
        wanted(samples, tmp_path, "api_key", value)

    [problem] = caught.value.problems
    assert isinstance(problem, ParameterError)
    assert (problem.parameter, ":fetch'" in problem.message) == ("api_key", True)
    assert "[[targets.NAME.secrets]]" in str(problem.hint)
    assert "hunter2" not in f"{caught.value}{problem.hint}"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("api_key", "", True), ("api_key", None, True), ("max_depth", "8", False), ("max_token", 512, False)],
)
def test_an_optional_credential_that_stays_empty_is_only_told(
    samples, tmp_path: Path, name: str, value: object, told: bool
) -> None:
    deployment, said = wanted(samples, tmp_path, name, value)

    assert f"fetch.{name}" in deployment.root.config
    assert ["named like a credential" in one for one in said] == [True] * told
