"""Settings: where a value comes from, which of several wins, and what is wrong, each with its place."""

from __future__ import annotations

import pytest

from mlops.configuration.settings import load_settings
from mlops.errors import SettingsError, SeveralError


def load(folder, text="", name="mlops.toml", flags=None, **environ):
    if text:
        (folder / name).write_text(text)
    return load_settings(str(folder), environ=environ, flags=flags)


def test_a_flag_wins_over_the_environment_that_over_the_file_and_the_file_over_the_default(tmp_path):
    text = '[run]\nexecutor = "process"\n'

    assert load(tmp_path).executor == "inline"
    assert load(tmp_path, text).origins["run.executor"] == "mlops.toml [run.executor]"
    assert load(tmp_path, text, MLOPS_EXECUTOR="inline").origins["run.executor"] == "MLOPS_EXECUTOR"
    settings = load(tmp_path, text, flags={"run.executor": "process"}, MLOPS_EXECUTOR="inline")
    assert (settings.executor, settings.origins["run.executor"]) == ("process", "command line")


def test_the_project_is_the_nearest_folder_above_that_has_settings(tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.mlops]\ndata = "kept"\n')
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "other"\n')

    settings = load(below)

    assert settings.data == str(tmp_path / "kept")
    assert settings.origins["data"] == "pyproject.toml [tool.mlops.data]"


def test_an_empty_allow_list_allows_nothing_and_none_allows_all(tmp_path):
    assert not load(tmp_path, MLOPS_PLUGINS="").plugins.allows("mlops-churn")
    assert load(tmp_path).plugins.allows("mlops-churn")
    assert load(tmp_path, MLOPS_PLUGINS="mlops_*").plugins.allows("Mlops.Churn")
    assert not load(tmp_path, MLOPS_DISABLE_PLUGINS="mlops-churn").plugins.allows("mlops_churn")


def test_a_misspelt_setting_names_its_place_and_the_closest(tmp_path):
    with pytest.raises(SettingsError, match=r"mlops.toml \[run.executr\]") as caught:
        load(tmp_path, '[run]\nexecutr = "inline"\n')

    assert caught.value.hint == "did you mean 'run.executor'?"


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    text = '[run]\nexecutor = "threads"\n[pipelines.p]\nnodes = "a"\n[targets.dev]\nservices = "cloud"\n'

    with pytest.raises(SeveralError) as caught:
        load(tmp_path, text, MLOPS_PLUGIN_TIMEOUT="soon")

    places = [problem.place for problem in caught.value.problems]
    assert places == [
        "MLOPS_PLUGIN_TIMEOUT",
        "mlops.toml [run.executor]",
        "mlops.toml [pipelines.p.nodes]",
        "mlops.toml [targets.dev.services]",
    ]


def test_a_file_that_is_no_toml_says_where(tmp_path):
    with pytest.raises(SettingsError, match="not valid TOML"):
        load(tmp_path, "[run\n")


def test_a_schedule_that_is_text_is_answered_with_one_that_is_right(tmp_path):
    with pytest.raises(SettingsError, match="not a table") as caught:
        load(tmp_path, '[pipelines.nightly]\nnodes = ["a"]\nschedule = "0 6 * * *"\n')

    assert 'schedule = { cron = "0 6 * * *"' in caught.value.hint


def test_a_file_of_a_windows_editor_is_read_with_its_mark_and_line_ends(tmp_path):
    (tmp_path / "mlops.toml").write_bytes(b'\xef\xbb\xbfdata = "kept"\r\n')

    assert load(tmp_path).data == str(tmp_path / "kept")


def test_a_project_is_named_by_its_settings_else_by_its_pyproject_else_by_its_folder(tmp_path):
    folder = tmp_path / "forecasts"
    folder.mkdir()

    assert load(folder).project == "forecasts"
    (folder / "pyproject.toml").write_text('[project]\nname = "sales"\n')
    settings = load(folder, 'data = "kept"\n')
    assert (settings.project, settings.origins["project"]) == ("sales", "pyproject.toml [project.name]")
    settings = load(folder, 'project = "ours"\n')
    assert (settings.project, settings.origins["project"]) == ("ours", "mlops.toml [project]")
