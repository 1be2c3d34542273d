"""Files of the plugin cache: whole or not there, and readable where another user runs what an image holds."""

from __future__ import annotations

from pathlib import Path

from mlops.plugins.cache_files import replace_file


def test_what_an_image_has_looked_up_at_its_build_another_user_may_read(tmp_path: Path) -> None:
    file = tmp_path / "share" / "plugins.json"

    replace_file(str(file), b"{}")

    assert file.read_bytes() == b"{}"
    assert file.stat().st_mode & 0o777 == 0o644
