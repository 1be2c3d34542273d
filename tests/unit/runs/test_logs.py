"""The log of a node: of a line that is overwritten again and again, the last state is kept."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.runs.logs import NodeLog, _Line, captured, last_lines


def written(*chunks: str) -> str:
    line = _Line()
    return "".join([*map(line.add, chunks), line.end()])


@given(st.lists(st.text(st.characters(exclude_characters="\r"))))
def test_text_that_overwrites_nothing_is_written_at_once_and_as_it_is(chunks: list[str]) -> None:
    line = _Line()

    assert [line.add(chunk) for chunk in chunks] == chunks


@pytest.mark.parametrize(
    ("chunks", "kept"),
    [
        (["\r 0%", "\r 50%", "\r100%\n", "done\n"], "100%\ndone\n"),
        (["10%\r", "20%\r", "30%\r"], "30%\n"),
        (["10%\r20%\r30%\nthen\r\n"], "30%\nthen\n"),
        (["windows\r\n", "ends\r", "\n"], "windows\nends\n"),
        (["loading", "\r10%", "\r20%", "\n"], "loading\n20%\n"),
        (["a\rb", "c", "\n"], "bc\n"),
        (["\r"], ""),
        (["first\n\r1\r2"], "first\n2\n"),
    ],
)
def test_of_what_is_overwritten_the_last_state_is_kept(chunks: list[str], kept: str) -> None:
    assert written(*chunks) == kept


@given(st.lists(st.sampled_from(["a", "bc", "\r", "\n", "\r\n"]), max_size=12))
def test_lines_never_hold_a_carriage_return_and_none_but_overwritten_ones_are_lost(pieces: list[str]) -> None:
    text = "".join(pieces)

    kept = written(text)

    assert "\r" not in kept
    finals = [[state for state in line.split("\r") if state][-1:] for line in text.split("\n")]
    assert kept.split("\n")[: len(finals)] == ["".join(final) for final in finals]


def test_a_line_that_is_overwritten_for_long_shows_how_far_it_has_come() -> None:
    moments = iter([100.0, 101.0, 111.0, 112.0])
    line = _Line(clock=lambda: next(moments))

    assert "".join(line.add(f"\r{percent}%") for percent in (1, 2, 3, 4)) == "2%\n"
    assert line.end() == "4%\n"


def test_the_file_appears_with_the_first_line_and_each_line_is_repeated_with_the_name_of_the_node(
    tmp_path: Path,
) -> None:
    echo = io.StringIO()
    log = NodeLog(str(tmp_path / "logs" / "train.log"), echo=echo, label="train")
    assert not log.used

    log.write("epoch ")
    log.write("1\n\r 10%\r 20%")
    assert log.used
    log.close()

    assert (tmp_path / "logs" / "train.log").read_text() == "epoch 1\n 20%\n"
    assert echo.getvalue() == "train | epoch 1\ntrain |  20%\n"


def test_the_last_lines_of_a_log_that_is_not_there_are_none(tmp_path: Path) -> None:
    assert last_lines(str(tmp_path / "nothing.log"), 3) == []
    assert last_lines(None, 3) == []


LATE = """
import sys
from mlops.runs.logs import NodeLog, captured
finders = list(sys.meta_path)
assert "logging" not in sys.modules
log = NodeLog(sys.argv[1])
with captured(log):
    print("printed")
    if sys.argv[2] == "logs":
        import logging.handlers
        logging.getLogger("node").info("logged")
log.close()
assert sys.meta_path == finders
if sys.argv[2] == "logs":
    assert type(logging.__loader__) is type(logging.__spec__.loader) is type(logging.handlers.__loader__)
    assert (logging.getLogger().handlers, logging.getLogger().level) == ([], logging.WARNING)
else:
    assert "logging" not in sys.modules
"""


@pytest.mark.parametrize(("does", "lines"), [("logs", ["printed", "INFO    node: logged"]), ("prints", ["printed"])])
def test_what_a_node_logs_is_kept_also_where_it_is_the_first_to_import_logging(
    tmp_path: Path, does: str, lines: list[str]
) -> None:
    path = tmp_path / "node.log"

    subprocess.run([sys.executable, "-c", LATE, path, does], check=True)

    assert [line[-len(wanted) :] for line, wanted in zip(path.read_text().splitlines(), lines, strict=True)] == lines


def test_bytes_are_written_as_text_and_what_is_no_text_escaped(tmp_path: Path) -> None:
    log = NodeLog(str(tmp_path / "node.log"))

    with captured(log):
        sys.stdout.buffer.write("grün".encode(sys.stdout.encoding) + b" \xff\n")
        print("done")
    log.close()

    assert (tmp_path / "node.log").read_text(encoding="utf-8") == "grün \\xff\ndone\n"
