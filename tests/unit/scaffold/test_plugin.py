"""What is written into a new plugin is valid wherever it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.errors import UsageError
from mlops.scaffold.plugin import new_plugin


@pytest.mark.parametrize("description", ['The "best" one.', "a\nb", "back\\slash"])
def test_a_description_that_would_break_a_file_is_refused_before_anything_is_written(
    tmp_path: Path, description: str
) -> None:
    with pytest.raises(UsageError, match="is not a sentence"):
        new_plugin("team-demand", tmp_path, description=description)

    assert list(tmp_path.iterdir()) == []
