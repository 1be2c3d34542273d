"""What is found of installed plugins, healthy and broken, and that looking again costs no import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[1] / "plugins"

REASONS = {
    "kit-raises": "raises",
    "kit-hangs": "hangs",
    "kit-exits": "exits",
    "kit-quits": "exits",
    "kit-prints": "prints",
    "kit-misspelt": "misspelt",
    "kit-duplicate": "duplicate",
    "kit-invalid": "invalid",
}

WITNESS = """
import os
from mlops import node

with open(os.environ["WITNESS_FILE"], "a") as file:
    file.write("imported\\n")


@node(outputs=["seen"])
def witness() -> int:
    return 1
"""


def witness_project(folder: Path, *, name: str = "kit-witness") -> Path:
    """A distribution whose module notes each import in the file WITNESS_FILE."""
    module = name.replace("-", "_")
    project = folder / name
    project.mkdir()
    (project / f"{module}.py").write_text(WITNESS)
    (project / "pyproject.toml").write_text(
        (PLUGINS / "kit-quits" / "pyproject.toml")
        .read_text()
        .replace("kit-quits", name)
        .replace('quit = "kit_quits:quit"', f'witness = "{module}:witness"')
        .replace("kit_quits", module)
    )
    return project


def listing(environment, folder: Path, *words: str, **variables: str) -> dict:
    ended = environment.mlops("nodes", "list", "--json", *words, cwd=folder, **variables)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def imported_modules(environment, folder: Path, *words: str) -> set[str]:
    ended = subprocess.run(
        [environment.python, "-X", "importtime", "-m", "mlops", *words],
        cwd=folder, env=environment.environ(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")}


@pytest.fixture(scope="module")
def broken_listing(broken, tmp_path_factory):
    return listing(broken, tmp_path_factory.mktemp("project"), MLOPS_PLUGIN_TIMEOUT="2")


@pytest.mark.parametrize(("distribution", "reason"), REASONS.items())
def test_a_broken_plugin_is_a_row_with_version_reason_and_mend(broken_listing, distribution, reason):
    rows = [row for row in broken_listing["failures"] if row["plugin"] == distribution]

    assert reason in {row["reason"] for row in rows}
    assert all(row["version"] == "1.0" and row["problem"] and row["hint"] for row in rows)


def test_broken_plugins_do_not_keep_healthy_nodes_from_the_listing(broken_listing):
    usable = {row["full_name"] for row in broken_listing["nodes"] if row["status"] == "ok"}

    assert {"kit-healthy:make_numbers", "kit-prints:printing", "kit-misspelt:spelling", "kit-invalid:good"} <= usable


def test_a_misspelt_hook_is_told_with_the_closest_name(broken_listing):
    (row,) = [row for row in broken_listing["failures"] if row["reason"] == "misspelt"]

    assert "'before_node_rum'" in row["problem"]
    assert "'before_node_run'" in row["hint"]


def test_an_ambiguous_short_name_lists_the_full_names(broken, folder):
    ended = broken.mlops("nodes", "show", "make_numbers", cwd=folder, MLOPS_PLUGIN_TIMEOUT="2")

    assert ended.returncode == 1
    assert "kit-duplicate:make_numbers or kit-healthy:make_numbers" in ended.stderr


def test_strict_mode_makes_broken_plugins_an_error(broken, folder):
    ended = broken.mlops("nodes", "list", cwd=folder, MLOPS_PLUGIN_TIMEOUT="2", MLOPS_STRICT_PLUGINS="true")

    assert ended.returncode == 1
    assert "kit-raises" in ended.stderr


def test_a_warm_listing_imports_no_plugin_no_pandas_and_no_snowflake(healthy, folder):
    listing(healthy, folder)

    modules = imported_modules(healthy, folder, "nodes", "list")

    assert "mlops.registry" in modules
    assert not {one for one in modules if one.startswith(("kit_", "pandas", "numpy", "snowflake"))}


def test_until_a_node_is_called_nothing_is_imported_that_it_may_not_need(healthy, folder):
    only = {"MLOPS_DISABLE_PLUGINS": "mlops-*,kit-hooks"}
    listing(healthy, folder, **only)

    answer = json.loads(healthy.mlops("run-node", "imported", "--json", cwd=folder, **only).stdout)

    modules = set(json.loads(Path(answer["folder"], answer["outputs"][0]["path"]).read_text()))
    rooms = (
        "mlops.datasets",
        "mlops.snowflake",
        "mlops.compile",
        "mlops.deploy",
        "mlops.graph",
        "mlops.resolution",
        "pandas",
        "snowflake.",
    )
    assert "mlops.runs.node_run" in modules
    assert {one for one in modules if one.startswith(rooms)} == set()
    assert modules & {"json", "hashlib", "rich", "yaml", "importlib_metadata"} == set()


def test_help_imports_neither_pandas_nor_snowflake(healthy, folder):
    modules = imported_modules(healthy, folder, "--help")

    assert "mlops.cli.app" in modules
    assert not {one for one in modules if one.startswith(("kit_", "pandas", "snowflake"))}


def test_an_installed_plugin_shows_up_at_once_is_imported_once_and_goes_when_uninstalled(make_environment, folder):
    environment = make_environment([])
    seen = folder / "seen"
    before = listing(environment, folder)

    environment.install(witness_project(folder))
    blocked = listing(environment, folder, WITNESS_FILE=str(seen), MLOPS_DISABLE_PLUGINS="kit-witness,mlops-*")
    not_allowed = listing(environment, folder, WITNESS_FILE=str(seen), MLOPS_PLUGINS="another")
    assert not seen.exists(), "a plugin that is switched off was imported"
    twice = [listing(environment, folder, WITNESS_FILE=str(seen)) for _ in range(2)]
    environment.uninstall("kit-witness")
    after = listing(environment, folder)

    assert [row["status"] for row in twice[1]["nodes"]] == ["ok"], twice[1]["failures"]
    assert seen.read_text() == "imported\n"
    assert before["nodes"] == blocked["nodes"] == not_allowed["nodes"] == after["nodes"] == []


def test_a_cache_folder_that_cannot_be_written_changes_nothing_but_the_time(healthy, folder):
    in_the_way = folder / "file"
    in_the_way.write_text("")

    rows = listing(healthy, folder, MLOPS_CACHE_DIR=str(in_the_way / "cache"))

    assert "make_numbers" in {row["name"] for row in rows["nodes"]}


def test_a_container_s_words_are_understood_without_click(healthy, folder):
    only = {"MLOPS_DISABLE_PLUGINS": "mlops-*,kit-hooks"}
    listing(healthy, folder, **only)

    assert healthy.mlops("run-node", "imported", cwd=folder, **only).returncode == 0

    (told,) = (folder / "data" / "imported").glob("*/modules.json")
    modules = set(json.loads(told.read_text()))
    assert "mlops.cli.single_node" in modules
    assert modules & {"click", "logging"} == set()
    assert sys.version_info < (3, 11) or "typing_extensions" not in modules


@pytest.mark.parametrize("node", ["plain", "fail", "no_such_node"])
def test_words_that_need_no_parser_do_what_click_makes_of_them(healthy, folder, node):
    alone = healthy.mlops("run-node", node, cwd=folder)
    parsed = healthy.mlops("run-node", "--node", node, cwd=folder)

    assert alone.returncode == parsed.returncode
    assert without_runs(alone.stderr) == without_runs(parsed.stderr)
    assert without_runs(alone.stdout) == without_runs(parsed.stdout)


def without_runs(text: str) -> str:
    return re.sub(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}|[0-9.]+ m?s", "…", text)


def test_msgspec_does_all_it_can_where_it_was_imported_without_what_it_seldom_uses(healthy):
    code = (
        "from mlops.light_msgspec import import_msgspec; import_msgspec()\n"
        "import sys\n"
        "left = {'textwrap', 'platform', 'msgspec.inspect', 'typing_extensions'} & set(sys.modules)\n"
        "assert not left or sys.version_info < (3, 11), left\n"
        "import msgspec, platform, textwrap, typing, typing_extensions, uuid\n"
        "class Row(typing_extensions.TypedDict, total=False):\n"
        "    key: typing_extensions.Required[int]\n"
        "    note: str\n"
        "class Point(msgspec.Struct):\n"
        "    'A place.'\n"
        "    x: float\n"
        "try: msgspec.convert({'note': 'x'}, Row)\n"
        "except msgspec.ValidationError as wrong: print(wrong)\n"
        "print(msgspec.convert({'key': 1}, Row))\n"
        "print(msgspec.json.schema(Point)['$defs']['Point']['description'], msgspec.inspect.type_info(int))\n"
        "print(platform.python_version() == sys.version.split()[0], textwrap.dedent('  x'), uuid.uuid1().version)\n"
    )

    told = subprocess.run([healthy.python, "-c", code], capture_output=True, text=True, check=True).stdout

    assert told.splitlines() == [
        "Object missing required field `key`",
        "{'key': 1}",
        "A place. IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None)",
        "True x 1",
    ]
