"""``mlops plugins new`` and ``mlops init``: what they write works at once, and what was there stays."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from mlops.configuration.settings import KEYS, load_settings


@pytest.fixture(scope="module")
def made(make_environment, tmp_path_factory):
    """An environment, and the folder of a plugin that was just written and installed there."""
    environment = make_environment([])
    place = tmp_path_factory.mktemp("new")
    ended = environment.mlops("plugins", "new", "team-demand", "--description", "Demand of a week.", cwd=place)
    assert ended.returncode == 0, ended.stderr
    environment.install(place / "team-demand")
    return environment, place / "team-demand"


def test_a_new_plugin_passes_its_own_tests(made):
    environment, folder = made

    ended = subprocess.run(
        [environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=folder, env=environment.environ(), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout


def test_a_new_plugin_is_listed_checked_from_its_folder_and_run(made, tmp_path):
    environment, folder = made

    listed = environment.mlops("nodes", "list", "--plugin", "team-demand", cwd=tmp_path)
    checked = environment.mlops("plugins", "check", str(folder), cwd=tmp_path)
    ran = environment.mlops("run", "team_demand", "-p", "count=3", cwd=tmp_path)

    assert "summarise_team_demand  team-demand  0.1.0    ok" in listed.stdout
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "keeps the contract")
    assert ran.returncode == 0, ran.stderr


def test_a_new_plugin_is_formatted_and_linted(made):
    _, folder = made

    for words in (["format", "--check"], ["check"]):
        ended = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--isolated", "--line-length", "120", "."],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout


def test_writing_a_plugin_again_keeps_what_was_changed_and_says_so(made):
    environment, folder = made
    (folder / "README.md").write_text("mine")
    (folder / ".gitignore").unlink()

    again = environment.mlops("plugins", "new", "team-demand", "--json", cwd=folder.parent)

    answer = json.loads(again.stdout)
    assert answer["written"] == [".gitignore"]
    assert "README.md" in answer["kept"]
    assert (folder / "README.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "told"), [("9lives", "start with a letter"), ("json", "Python's own"), ("a b", "letters")]
)
def test_a_name_that_cannot_be_a_package_is_refused_before_anything_is_written(healthy, folder, name, told):
    ended = healthy.mlops("plugins", "new", name, cwd=folder)

    assert ended.returncode == 2
    assert told in ended.stderr
    assert list(folder.iterdir()) == []


def test_a_new_project_holds_every_setting_with_its_default_and_can_be_used(healthy, folder):
    ended = healthy.mlops("init", "shop", cwd=folder)

    text = (folder / "shop" / "mlops.toml").read_text()
    settings = load_settings(str(folder / "shop"), environ={})
    workflow = yaml.safe_load((folder / "shop" / ".github" / "workflows" / "mlops.yml").read_text())
    assert ended.returncode == 0, ended.stderr
    assert all(f"# {key.name.rpartition('.')[2]} = " in text for key in KEYS)
    assert settings.file == str(folder / "shop" / "mlops.toml")
    assert not [name for name, origin in settings.origins.items() if "mlops.toml" in origin]
    commands = [step["run"] for step in workflow["jobs"]["check"]["steps"] if step.get("run", "").startswith("mlops ")]
    assert commands
    for command in commands:
        assert healthy.mlops(*command.split()[1:], cwd=folder / "shop").returncode == 0, command


def test_the_defaults_of_a_new_project_are_valid_when_they_are_uncommented(healthy, folder):
    healthy.mlops("init", cwd=folder)
    lines = (folder / "mlops.toml").read_text().partition("# Nodes of any")[0].splitlines()
    known = {key.name.rpartition(".")[2] for key in KEYS if key.default is not None}
    enabled = [line.removeprefix("# ") if line.removeprefix("# ").split(" = ")[0] in known else line for line in lines]
    (folder / "mlops.toml").write_text("\n".join(enabled))

    settings = load_settings(str(folder), environ={})

    assert {key.name for key in KEYS if "mlops.toml" in settings.origins[key.name]} == {
        key.name for key in KEYS if key.default is not None
    }


def test_the_example_targets_of_a_new_project_are_valid_when_they_are_uncommented(healthy, folder):
    healthy.mlops("init", cwd=folder)
    text = (folder / "mlops.toml").read_text()
    examples = [part.replace("\n# ", "\n") for part in text.split("# [targets.")[1:]]
    tables = [f"[targets.{part.partition(chr(10) + '#')[0]}" for part in examples]
    (folder / "mlops.toml").write_text("\n".join(tables))

    targets = load_settings(str(folder), environ={}).targets

    assert targets["dev"].connection == "dev"
    assert (targets["embedded"].services, targets["embedded"].connection) == ("embedded", None)
    assert targets["embedded"].pools["default"].name == "MLOPS_POOL"


def test_init_writes_no_settings_beside_those_of_pyproject_and_keeps_files(healthy, folder):
    (folder / "pyproject.toml").write_text('[tool.mlops]\ndata = "mine"\n')
    (folder / ".gitignore").write_text("/secret/\n")

    ended = healthy.mlops("init", "--json", cwd=folder)

    answer = json.loads(ended.stdout)
    assert answer["kept"] == [".gitignore"]
    assert "would win" in answer["left_out"]["mlops.toml"]
    assert not (folder / "mlops.toml").exists()
    assert (folder / ".gitignore").read_text() == "/secret/\n"


def test_only_the_commands_that_render_import_the_template_library(healthy, folder):
    def imports(*words: str) -> str:
        return subprocess.run(
            [healthy.python, "-X", "importtime", "-m", "mlops", *words],
            cwd=folder, env=healthy.environ(), capture_output=True, text=True, check=True,
        ).stderr  # fmt: skip

    assert "jinja2" not in imports("--help")
    assert "jinja2" not in imports("plugins", "list")
    assert "jinja2" in imports("init")
