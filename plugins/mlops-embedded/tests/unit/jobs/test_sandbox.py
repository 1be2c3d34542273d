"""What a process gets in place of a container: images by explicit entries, folders, variables, a token, a death."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.jobs.logs import ContainerLog
from mlops_embedded.jobs.runtimes.images import Image, find_image, image_file, write_first_entries
from mlops_embedded.jobs.runtimes.process import ContainerProcess, end_orphan
from mlops_embedded.jobs.runtimes.runtime import ContainerPlan, Exit, MountedVolume, Place, TokenFile
from mlops_embedded.jobs.runtimes.sandbox import Sandbox, prepare
from mlops_embedded.jobs.specifications.containers import Container, read_container
from mlops_embedded.jobs.specifications.volumes import Volume

PLACE = Place("DB", "S", "JOB", 4711)


def container(**fields: object) -> Container:
    return read_container({"name": "main", "image": "/d/s/r/x", **fields}, "container")


def sandbox(folder: Path, image: Image, **fields: object) -> Sandbox:
    data = MountedVolume(Volume("data", "local", None, None), folder / "volume")
    return prepare(ContainerPlan(folder, container(**fields), PLACE, {"data": data}, {}, {}, lambda: "token"), image)


IMAGES = """
/db/schema/repo/train:2: {entrypoint: [second]}
/db/schema/repo/train: {entrypoint: [any, tag], command: [run], workdir: /tmp, env: {A: 1}}
"""


@pytest.mark.parametrize(
    ("name", "entrypoint"),
    [
        ("/db/schema/repo/train:2", ("second",)),
        ("/db/schema/repo/train:1", ("any", "tag")),
        ("registry.example.com:5000/db/schema/repo/train", ("any", "tag")),
        ("/db/schema/repo/train@sha256:00", ("any", "tag")),
        ("/db/schema/repo/train:1@sha256:00", ("any", "tag")),
    ],
)
def test_an_image_is_found_with_its_tag_first(tmp_path: Path, name: str, entrypoint: tuple[str, ...]) -> None:
    file = tmp_path / "images.yaml"
    file.write_text(IMAGES)

    assert find_image(file, name).entrypoint == entrypoint


@pytest.mark.parametrize(
    ("name", "entrypoint"),
    [("/db/schema/repo/score:1", ("anywhere",)), ("/a/b/c/score", ("anywhere",)), ("/a/b/c/train:1", ("any", "tag"))],
)
def test_a_key_without_a_repository_stands_for_an_image_of_any(
    tmp_path: Path, name: str, entrypoint: tuple[str, ...]
) -> None:
    file = tmp_path / "images.yaml"
    file.write_text(
        '"*/score": {entrypoint: [anywhere]}\n/a/b/c/train: {entrypoint: [any, tag]}\n"*/train": {entrypoint: [x]}'
    )

    assert find_image(file, name).entrypoint == entrypoint


def test_a_new_folder_runs_the_image_of_a_deployment_in_the_servers_environment(tmp_path: Path) -> None:
    write_first_entries(tmp_path)

    found = find_image(image_file(tmp_path), "/db/schema/mlops_images/mlops:0.1.0")

    assert found.entrypoint == ("python", "-m", "mlops", "run-node")


def test_what_stands_in_the_file_of_images_stays(tmp_path: Path) -> None:
    image_file(tmp_path).write_text("/a/b/c/train: {entrypoint: [mine]}")

    write_first_entries(tmp_path)

    assert image_file(tmp_path).read_text() == "/a/b/c/train: {entrypoint: [mine]}"


def test_an_image_without_an_entry_is_refused_with_what_to_write_where(tmp_path: Path) -> None:
    file = tmp_path / "images.yaml"

    with pytest.raises(SnowflakeError) as caught:
        find_image(file, "/db/schema/repo/other:1")

    assert f"Add an entry '/db/schema/repo/other' with `entrypoint` to {file}" in caught.value.message


def test_a_misspelt_entry_is_refused_by_file_and_field(tmp_path: Path) -> None:
    file = tmp_path / "images.yaml"
    file.write_text("/db/s/r/x: {entry_point: [x]}")

    with pytest.raises(SnowflakeError, match=r"images.yaml: /db/s/r/x.entry_point: .*did you mean 'entrypoint'"):
        find_image(file, "/db/s/r/x")


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({}, ("entry", "default")),
        ({"args": ["given"]}, ("entry", "given")),
        ({"command": ["other"]}, ("other",)),
        ({"command": ["other"], "args": ["given"]}, ("other", "given")),
    ],
)
def test_command_and_args_override_the_images_as_in_a_container(
    tmp_path: Path, fields: dict[str, object], command: tuple[str, ...]
) -> None:
    assert sandbox(tmp_path, Image(("entry",), ("default",)), **fields).command == command


def test_a_mounted_path_becomes_the_local_one_where_a_value_starts_with_it(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()

    made = sandbox(
        tmp_path, Image(("run",)),
        args=["/data/in.csv", "/database", "--in=/data"], env={"OUT": "/data"},
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
    )  # fmt: skip

    inside = f"{made.root}/data"
    assert made.command == ("run", f"{inside}/in.csv", "/database", "--in=/data")
    assert made.environment["OUT"] == inside
    assert Path(inside).resolve() == (tmp_path / "volume").resolve()


def test_the_servers_own_variables_stay_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")

    environment = sandbox(tmp_path, Image(("run",))).environment

    assert not {"SNOWFLAKE_PASSWORD", "PYTHONPATH"} & set(environment)
    assert "SNOWFLAKE_JOB_INDEX" not in environment
    assert environment["SNOWFLAKE_PORT"] == "4711"


def test_no_token_is_written_for_a_container_that_wants_none(tmp_path: Path) -> None:
    made = sandbox(tmp_path, Image(("run",)), mountSessionToken=False)

    assert made.token is None
    assert "SNOWFLAKE_TOKEN_FILE" not in made.environment


def test_a_rotated_token_replaces_the_file_at_once_and_keeps_its_mode(tmp_path: Path) -> None:
    tokens = iter(["first", "second"])
    file = TokenFile(tmp_path / "token", 0o600, lambda: next(tokens))
    file.rotate()
    with file.path.open() as reader:
        file.rotate()

        assert reader.read() == "first"

    assert file.path.read_text() == "second"
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["token"]


def _process(tmp_path: Path, script: str) -> ContainerProcess:
    image = Image((sys.executable, "-c", script))
    return _run(tmp_path, image)


def _run(tmp_path: Path, image: Image) -> ContainerProcess:
    log = ContainerLog(tmp_path / "log.txt")
    log.begin()
    return ContainerProcess(sandbox(tmp_path, image), log)


def test_a_command_that_is_not_there_ends_like_in_a_shell(tmp_path: Path) -> None:
    process = _run(tmp_path, Image(("no-such-command",)))

    assert process.wait() == Exit(127)
    assert "no-such-command" in (tmp_path / "log.txt").read_text()


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = _process(tmp_path, script)
    while "up" not in (tmp_path / "log.txt").read_text():
        time.sleep(0.01)
    begun = time.monotonic()

    process.terminate(0.3)

    assert process.wait() == Exit(128 + 9)
    assert 0.3 <= time.monotonic() - begun < 5


def test_an_orphan_is_ended_only_if_it_is_still_the_same_process(tmp_path: Path) -> None:
    process = _process(tmp_path, "import time; time.sleep(60)")
    pid, mark = process.facts["pid"], process.facts["mark"]

    assert not end_orphan(pid, "another")
    assert not end_orphan(pid, None)
    assert end_orphan(pid, mark)
    assert process.wait() == Exit(128 + 9)
