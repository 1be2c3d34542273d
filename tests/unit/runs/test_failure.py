"""What an exception of a node is told as."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from mlops.runs.failure import error_info


def test_a_place_without_any_temporary_folder_is_told_with_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "gone")])
    monkeypatch.setattr(tempfile, "tempdir", None)

    with pytest.raises(FileNotFoundError) as caught:
        tempfile.mkdtemp()

    assert "mount a volume (of memory, or local) at /tmp" in str(error_info(caught.value).hint)


@pytest.mark.parametrize(("number", "told"), [(errno.EROFS, True), (errno.EACCES, False)])
def test_a_read_only_file_system_is_told_from_a_missing_permission(number: int, told: bool) -> None:
    failed = error_info(OSError(number, os.strerror(number), "/opt/model.bin"))

    assert failed.type in ("OSError", "PermissionError")
    assert ("read-only" in str(failed.hint)) is told
