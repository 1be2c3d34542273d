"""The command line as a person meets it: no traceback for what is not our fault, colours, completion, JSON for programs."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from mlops.cli.app import _without


def complete(environment, folder: Path, shell: str, *words: str) -> list[str]:
    """What a shell offers for the last of these words."""
    asked = {"bash": "bash_complete", "zsh": "zsh_complete", "fish": "fish_complete"}[shell]
    line = " ".join(["mlops", *words])
    variables = {"_MLOPS_COMPLETE": asked, "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    if shell == "fish":
        variables["COMP_CWORD"] = words[-1]
    ended = subprocess.run(
        [environment.python, "-c", "import sys; sys.argv = ['mlops']; from mlops.__main__ import main; main()"],
        cwd=folder, env=environment.environ(**variables), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in ended.stderr, ended.stderr
    return [line for line in ended.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_offered_names_of_nodes(healthy, folder, shell):
    offered = complete(healthy, folder, shell, "nodes", "show", "make_n")

    assert any("make_numbers" in line for line in offered)
    assert not any("summarise" in line for line in offered)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("run", "numb"), "numbers"),
        (("run", "numbers", "--from", "summ"), "summarise"),
        (("plugins", "show", "kit-tr"), "kit-troubled"),
        (("run", "numbers", "--target", "sta"), "staging"),
        (("runs", "show", "lat"), "latest"),
        (("datasets", "show", "larg"), "largest"),
        (("run", "--exec"), "--executor"),
    ],
)
def test_names_of_pipelines_plugins_targets_runs_and_datasets_are_offered(used, words, name):
    environment, folder = used

    offered = complete(environment, folder, "bash", *words)

    assert [line.partition(",")[2] for line in offered] == [name]


@pytest.fixture(scope="module")
def used(healthy, tmp_path_factory):
    """A project in which a pipeline has run."""
    folder = tmp_path_factory.mktemp("used")
    (folder / "mlops.toml").write_text("[targets.staging]\n")
    assert healthy.mlops("run", "numbers", cwd=folder).returncode == 0
    return healthy, folder


def test_a_shell_gets_nothing_from_a_broken_project_and_leaves_no_trace(healthy, folder):
    (folder / "mlops.toml").write_text("data = 1")

    assert complete(healthy, folder, "bash", "run", "") == []
    (folder / "mlops.toml").write_text("")
    assert complete(healthy, folder, "bash", "runs", "show", "") == []
    assert complete(healthy, folder, "bash", "nods", "sh") == []
    assert not (folder / "data").exists()


def terminal(environment, folder: Path, *words: str, **variables: str) -> str:
    """What a command prints on a terminal, both streams."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [environment.python, "-m", "mlops", *words],
        cwd=folder, env=environment.environ(TERM="xterm", **variables), stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(mine, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    process.wait()
    os.close(mine)
    return said.decode()


def test_a_terminal_shows_colours_unless_it_is_told_not_to(used):
    environment, folder = used

    assert "\x1b[" in terminal(environment, folder, "plugins", "show", "kit-hooks")
    assert "\x1b[" not in terminal(environment, folder, "plugins", "show", "kit-hooks", "--no-color")
    assert "\x1b[" not in terminal(environment, folder, "plugins", "show", "kit-hooks", NO_COLOR="1")
    assert "\x1b[" not in terminal(environment, folder, "runs", "show", "latest", "--no-color")


def test_flags_that_may_stand_anywhere_are_taken_out_up_to_the_end_of_options():
    assert _without(["run", "churn", "--debug", "--", "--no-color"], "--debug", "--no-color") == (
        ["run", "churn", "--", "--no-color"],
        {"--debug"},
    )


@pytest.mark.parametrize("words", [("--debug", "run", "nope"), ("run", "nope", "--debug")])
def test_debug_shows_the_traceback_of_an_error_wherever_it_stands(healthy, folder, words):
    with_it, without = (healthy.mlops(*chosen, cwd=folder) for chosen in (words, ("run", "nope")))

    assert "Traceback" in with_it.stderr
    assert "Traceback" not in without.stderr
    assert "Error: there is no pipeline 'nope'" in without.stderr


def damaged_records(folder: Path) -> None:
    (folder / "data" / ".mlops").mkdir(parents=True)
    (folder / "data" / ".mlops" / "runs.db").write_text("no database")


@pytest.mark.parametrize(
    ("damage", "words", "told"),
    [
        (lambda folder: (folder / "mlops.toml").write_text("data = "), ("nodes", "list"), "is not valid TOML"),
        (lambda folder: (folder / "mlops.toml").write_bytes(b"\xff\xfe"), ("nodes", "list"), "is not valid TOML"),
        (lambda folder: (folder / "data").write_text(""), ("run", "numbers"), "a file is where a folder must be"),
        (damaged_records, ("runs", "list"), "file is not a database"),
        (damaged_records, ("run", "numbers"), "file is not a database"),
    ],
)
def test_what_is_damaged_is_told_with_its_place_and_mend_and_without_a_traceback(healthy, folder, damage, words, told):
    damage(folder)

    plain, as_json = healthy.mlops(*words, cwd=folder), healthy.mlops(*words, "--json", cwd=folder)

    assert (plain.returncode, as_json.returncode) == (1, 1)
    assert told in plain.stderr
    assert "Traceback" not in plain.stderr + as_json.stderr + as_json.stdout
    assert json.loads(as_json.stdout)["error"]["exit_code"] == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("nods", "list"), 2, "Did you mean 'nodes'?"),
        (("nodes", "lst"), 2, "lst"),
        (("run", "--exeutor", "process"), 2, "--executor"),
        (("run", "numbrs"), 1, "did you mean 'numbers'?"),
        (("run", "numbers", "--target", "stagin"), 1, "did you mean 'staging'?"),
        (("nodes", "show", "make_numbrs"), 1, "did you mean 'make_numbers'?"),
        (("plugins", "show", "kit-helthy"), 1, "did you mean 'kit-healthy'?"),
        (("datasets", "show", "larges"), 1, "did you mean 'largest'?"),
        (("run-node", "make_numbrs"), 11, "did you mean 'make_numbers'?"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_closest_one_and_as_json_when_asked(used, words, code, told):
    environment, folder = used

    ended = environment.mlops(*words, "--json", cwd=folder)

    error = json.loads(ended.stdout)["error"]
    assert (ended.returncode, error["exit_code"]) == (code, code)
    assert told in f"{error['message']} {error['hint']}"


def test_what_a_terminal_of_another_encoding_cannot_show_is_no_reason_to_fail(healthy, folder):
    drawn, listed = (
        healthy.mlops(*words, cwd=folder, PYTHONIOENCODING="latin-1")
        for words in (("graph", "numbers"), ("nodes", "list", "--json"))
    )

    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert "?" in drawn.stdout
    assert json.loads(listed.stdout)["nodes"]
