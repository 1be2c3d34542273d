"""What a node raised is told with the frames of the node, and what the machine refused with its mend."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mlops.datasets.whole_file import WholeFile
from mlops.runs.failure import error_info


def test_a_full_disk_is_told_without_the_frames_of_mlops(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(OSError) as caught, WholeFile(str(tmp_path / "full"), replace=True) as stream:
        stream.write(b"x" * 100)

    frames = caught.value.__traceback__.tb_next  # without that of this test
    error = error_info(caught.value.with_traceback(frames))

    assert "No space left on device" in error.message
    assert (error.traceback, error.hint.partition(":")[0]) == ("", "make room")


def test_an_exception_whose_own_text_raises_is_told_by_its_type() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert error_info(Mute()).message == "Mute"


def test_what_the_node_itself_could_not_write_keeps_its_frames() -> None:
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    except OSError as cause:
        error = error_info(cause)

    assert "test_failure.py" in error.traceback
    assert error.hint.startswith("make room")
