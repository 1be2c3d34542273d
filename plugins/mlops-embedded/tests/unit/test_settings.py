"""How a server runs containers is asked for, or in the environment, or as the last time."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlops_embedded.settings import ServerSettings, SettingsError, choose


def test_what_is_asked_for_goes_before_the_environment_and_that_before_the_last_time(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    environment = {"MLOPS_EMBEDDED_RUNTIME": "container", "MLOPS_EMBEDDED_REGISTRY": "127.0.0.1:5000"}

    assert choose(file, runtime=None, registry=None, environment={}) == ServerSettings("process", None)
    assert choose(file, runtime="process", registry=None, environment=environment).runtime == "process"
    chosen = choose(file, runtime=None, registry="127.0.0.1:6000", environment=environment)
    assert chosen == ServerSettings("container", "127.0.0.1:6000")
    assert choose(file, runtime=None, registry=None, environment={}) == chosen


def test_a_runtime_that_does_not_exist_is_refused_with_where_it_was_said(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"no runtime 'docker' \(from MLOPS_EMBEDDED_RUNTIME\): it is one of process"
    ):
        choose(tmp_path / "s", runtime=None, registry=None, environment={"MLOPS_EMBEDDED_RUNTIME": "docker"})
