"""The image: small, without secrets, run by nobody in particular, and ready at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mlops
from tests.container.conftest import ROOT, Image

pytestmark = [pytest.mark.container, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

SECRET = "planted-secret-7f3a"
MEGABYTE = 1_000_000
SERVED = {
    "MLOPS_PIPELINE": "churn", "MLOPS_DATA": "/mlops/data", "MLOPS_AUTH": "inherited",
    "MLOPS_PARAMETERS": '{"generate_data.customer_count": 50}', "SNOWFLAKE_HOST": "h", "SNOWFLAKE_ACCOUNT": "a",
}  # fmt: skip
"""What a task's container is told, where nothing needs to be asked of Snowflake."""


def test_a_node_runs_without_network_write_access_or_any_right(image: Image) -> None:
    code, said = image.run("generate_data", "--services", "none", "--inputs", '{"customer_count": 50}')

    assert code == 0, said
    assert "customers: tmp/data/" in said or "/tmp/data/" in said
    assert image.run("-c", "id -u", entrypoint=["sh"]) == (0, "10001\n")


@pytest.mark.parametrize("user", ["10001:10001", "12345:0", "54321:54321", "0"])
def test_any_user_runs_a_node_on_a_read_only_root_without_a_temporary_folder(image: Image, user: str) -> None:
    code, said = image.run(
        "--task", "mlops-churn:generate_data", environment=SERVED, user=user, tmpfs={"/tmp": "ro", "/mlops/data": "mode=1777"}
    )  # fmt: skip

    assert code == 0, said


@pytest.mark.parametrize(
    ("mounted", "problem"),
    [
        ({"/mlops/data": "mode=755"}, "cannot be written to by user 10001, group 10001: Permission denied"),
        ({"/mlops/data": "ro"}, "cannot be written to by user 10001, group 10001: Read-only file system"),
        ({}, "cannot be written to by user 10001, group 10001: Read-only file system"),
    ],
)
def test_a_stage_that_cannot_be_written_to_is_told_before_the_node_computes(
    image: Image, mounted: dict[str, str], problem: str
) -> None:
    code, said = image.run("--task", "mlops-churn:generate_data", environment=SERVED, tmpfs={"/tmp": "ro", **mounted})

    assert code == 12, said
    lines = [json.loads(line) for line in said.splitlines()]
    [error] = [line for line in lines if line["severity_text"] == "ERROR"]
    assert error["body"] == f"MLOPS_DATA: /mlops/data {problem}"
    assert "uid and gid of the volume" in error["attributes"]["mlops.hint"]
    assert not [line for line in lines if line["body"].startswith("node ")]


def test_it_says_what_it_holds_and_for_which_machine(image: Image) -> None:
    attributes = image.engine.images.get(image.tag).attrs

    versions = json.loads(attributes["Config"]["Labels"]["dev.mlops.versions"])
    assert versions == image.facts["versions"]
    assert (versions["mlops-framework"], versions["mlops-churn"]) == (mlops.__version__, "0.1.0")
    assert (attributes["Os"], attributes["Architecture"]) == ("linux", "amd64")
    assert attributes["Config"]["User"] == "10001:10001"


def test_a_plugin_adds_less_than_two_megabytes_to_base_and_dependencies(image: Image) -> None:
    layers = image.engine.images.get(image.tag).history()
    [deps] = [number for number, layer in enumerate(layers) if layer["Size"] > 300 * MEGABYTE]

    own = sum(layer["Size"] for layer in layers[:deps])

    assert own < 2 * MEGABYTE * len(image.facts["versions"]), [
        (layer["Size"], layer["CreatedBy"][:60]) for layer in layers
    ]


def test_numeric_libraries_start_as_many_threads_as_the_container_has_cpus(image: Image) -> None:
    code = "import os; from mlops.container.cpus import bound_threads; print(bound_threads(os.environ))"

    assert image.run("-c", code, entrypoint=["python"], cpus=0.5) == (0, "1\n")
    assert image.run("-c", code, entrypoint=["python"]) == (0, "None\n")


def test_a_listing_in_a_container_imports_no_plugin_and_no_package_of_snowflake(image: Image) -> None:
    code, said = image.run("-X", "importtime", "-m", "mlops", "nodes", "list", entrypoint=["python"])

    assert code == 0, said
    assert "train_model" in said
    assert not [line for line in said.splitlines() if line.startswith("import time:") and "mlops_churn" in line]
    assert "snowflake" not in said


def test_a_container_looks_at_no_plugin_anew_not_even_in_another_process(image: Image) -> None:
    code, said = image.run("-m", "cProfile", "-m", "mlops", "nodes", "show", "generate_data", entrypoint=["python"])

    assert code == 0, said
    assert "function calls" in said
    assert "fork_exec" not in said


@pytest.mark.parametrize(
    ("environment", "code", "words"),
    [
        ({}, 12, "MLOPS_PIPELINE: it is not set"),
        ({"MLOPS_VERSIONS": '{"mlops-churn": "1.3"}'}, 14, "image has mlops-churn 0.1.0"),
        ({"SNOWFLAKE_HOST": "h", "SNOWFLAKE_ACCOUNT": "a"}, 13, "/snowflake/session/token"),
    ],
)
def test_the_exit_code_and_the_log_leave_the_container(image: Image, environment, code: int, words: str) -> None:
    task = {"MLOPS_PIPELINE": "churn", "MLOPS_AUTH": "inherited"} if environment else {}

    ended, said = image.run("--task", "mlops-churn:generate_data", environment={**task, **environment})

    assert ended == code, said
    [error] = [one for one in map(json.loads, said.splitlines()) if one["severity_text"] == "ERROR"]
    assert words in error["body"]


def test_no_secret_and_no_configuration_gets_into_the_context_or_the_image(image: Image, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".snowflake").mkdir(parents=True)
    (home / ".snowflake" / "connections.toml").write_text(f'[dev]\npassword = "{SECRET}"\n')
    project = tmp_path / "project"
    project.mkdir()
    (project / "mlops.toml").write_text(f'[targets.prod]\nconnection = "dev"\nenv = {{A = "{SECRET}"}}\n')
    (project / ".env").write_text(f"SNOWFLAKE_PASSWORD={SECRET}\n")
    secret = dict.fromkeys(("SNOWFLAKE_PASSWORD", "SNOWFLAKE_TOKEN", "SNOWFLAKE_PRIVATE_KEY_FILE_PWD"), SECRET)
    secret["PIP_EXTRA_INDEX_URL"] = f"https://ana:{SECRET}@127.0.0.1:9/simple"

    made = subprocess.run(
        [sys.executable, "-m", "mlops", "image", "context", tmp_path / "context",
         "--requirements", ROOT / "requirements.image.lock"],
        cwd=project, env={**os.environ, **secret, "HOME": str(home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert made.returncode == 0, made.stderr
    assert SECRET not in made.stdout + made.stderr
    files = [path for path in (tmp_path / "context").rglob("*") if path.is_file()]
    assert {path.name for path in files if path.suffix != ".whl"} == {"Dockerfile", "requirements.image.lock"}
    for path in files:
        assert SECRET.encode() not in path.read_bytes()
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                assert not [name for name in wheel.namelist() if SECRET.encode() in wheel.read(name)]
    config = image.engine.images.get(image.tag).attrs["Config"]
    assert not [line for line in config["Env"] if line.startswith("SNOWFLAKE_")]
    found = image.run("-c", "find / -xdev \\( -name '*.toml' -o -name '.env' -o -name '*.p8' \\) -path '*nowflake*'",
                      entrypoint=["sh"])[1]  # fmt: skip
    assert "connections.toml" not in found


@pytest.fixture(scope="module")
def context(image: Image, make_environment: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the command wrote where a plugin is installed editable."""
    folder: Path = tmp_path_factory.mktemp("editable")
    environment = make_environment([])
    shutil.copytree(ROOT / "tests" / "plugins" / "kit-tasks", folder / "kit-tasks")
    environment.install(folder / "kit-tasks", editable=True)
    made = environment.mlops(
        "image", "context", "context", "--plugin", "kit-tasks", "--requirements", str(ROOT / "requirements.image.lock"),
        cwd=folder,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return folder / "context"


@pytest.fixture(scope="module")
def tasks(image: Image, context: Path) -> Image:
    """The image that the engine makes of that folder by itself."""
    image.engine.images.build(path=str(context), tag="mlops:context", rm=True)
    return replace(image, tag="mlops:context")


def test_any_builder_makes_the_image_of_a_written_folder_with_a_plugin_that_is_editable(tasks: Image) -> None:
    code, said = tasks.run("kit-tasks:numbers", "--services", "none", "--inputs", '{"count": 2}')

    assert code == 0, said
    assert "count=2" in said
    labels = tasks.engine.images.get(tasks.tag).attrs["Config"]["Labels"]
    assert json.loads(labels["dev.mlops.versions"]) == {"kit-tasks": "0.3.0", "mlops-framework": mlops.__version__}


def test_equal_lists_and_sources_give_layers_of_equal_bytes(tasks: Image, context: Path) -> None:
    (context / "unused.txt").touch()  # what is not used makes every step after the dependencies run again

    again, _ = tasks.engine.images.build(path=str(context), rm=True)

    assert again.attrs["RootFS"]["Layers"] == tasks.engine.images.get(tasks.tag).attrs["RootFS"]["Layers"]


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (["kit-tasks:patient"], "stopped: kit-tasks:patient"),
        (["kit-tasks:deaf"], "the node does not end: it is killed"),
        (["--task", "kit-tasks:patient"], "stopped by SIGTERM; what was not committed is lost"),
        (["--task", "kit-tasks:deaf"], "the node does not end: it is killed"),
    ],
)
def test_a_container_that_is_told_to_end_does_so_within_its_grace(tasks: Image, words: list[str], last: str) -> None:
    node = words[-1].rpartition(":")[2]
    given = {f"{node}.sign": "/tmp/sign"} if "--task" in words else {"sign": "/tmp/sign"}
    inputs = [] if "--task" in words else ["--services", "none", "--inputs", json.dumps(given)]
    environment = {**SERVED, "MLOPS_DATA": "/tmp/data", "MLOPS_PARAMETERS": json.dumps(given), "MLOPS_GRACE": "1"}
    container = tasks.engine.containers.create(
        tasks.tag, [*words, *inputs], environment=environment, network_mode="none", read_only=True, tmpfs={"/tmp": ""}
    )
    try:
        container.start()
        wait_for_sign(container)
        container.stop(timeout=30)
        code, said = container.wait()["StatusCode"], container.logs().decode()
    finally:
        container.remove(force=True)

    assert code == 143, said
    assert last in said.splitlines()[-1]


SLOW_IMPORT = """
import sys, time

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "kit_tasks":
            open("/tmp/sign", "w").write("importing")
            time.sleep(60)

sys.meta_path.insert(0, Slow())
sys.argv = ["mlops", "run-node", "kit-tasks:numbers"]
from mlops.__main__ import main
main()
"""


def test_a_container_that_is_told_to_end_while_it_imports_a_plugin_ends_at_once(tasks: Image) -> None:
    container = tasks.engine.containers.create(
        tasks.tag, ["-c", SLOW_IMPORT], entrypoint=["python"], network_mode="none", tmpfs={"/tmp": ""}
    )
    try:
        container.start()
        wait_for_sign(container)
        asked = time.monotonic()
        container.stop(timeout=30)
        took = time.monotonic() - asked
        code, said = container.wait()["StatusCode"], container.logs().decode()
    finally:
        container.remove(force=True)

    assert (code, said, took < 15) == (143, "stopped by SIGTERM\n", True)


def wait_for_sign(container: Any) -> None:
    until = time.monotonic() + 60
    while container.exec_run(["test", "-s", "/tmp/sign"]).exit_code:
        assert time.monotonic() < until, "the node does not start"
        time.sleep(0.1)


def test_a_folder_without_wheels_installs_everything_from_its_list(image: Image, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    for file in ("Dockerfile", "requirements.image.lock"):
        shutil.copy(ROOT / file, tmp_path)

    built, _ = image.engine.images.build(path=str(tmp_path), target="project", rm=True)

    assert built.id
