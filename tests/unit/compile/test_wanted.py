"""What is told of a deployment that is no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.compile.objects import Deployment
from mlops.compile.wanted import wanted_deployment
from mlops.configuration.settings import load_settings
from mlops.errors import ParameterError, PipelineError
from mlops.parameters import Parameter

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
        installed=[node],
        storable=lambda type_: None,
        environ={},
        tell=said.append,
    )
    return deployment, said


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("api_key", "hunter2", "api_key"),
        ("api_key", ["hunter2"], "api_key"),
        ("api_key", {"key": "hunter2"}, "api_key"),
        ("passcode", 4711, "passcode"),
        ("source", {"db": {"password": "hunter2"}}, "source.db.password"),
        ("sources", [{"token": "hunter2"}], "sources[0].token"),
    ],
)
def test_a_parameter_that_is_named_like_a_credential_is_refused_without_its_value(
    samples, tmp_path: Path, name: str, value: object, place: str
) -> None:
    with pytest.raises(PipelineError) as caught:
        wanted(samples, tmp_path, name, value)

    [problem] = caught.value.problems
    assert isinstance(problem, ParameterError)
    assert (problem.parameter, ":fetch'" in problem.message) == (place, True)
    assert "[[targets.NAME.secrets]]" in str(problem.hint)
    assert "hunter2" not in f"{caught.value}{problem.hint}"
    assert "4711" not in f"{caught.value}{problem.hint}"


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
