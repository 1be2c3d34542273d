"""Golden drawings: MLOPS_REWRITE_GOLDEN=1 writes them anew, and the difference is read like code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, os.fspath(Path(__file__).parent))

GOLDEN = Path(__file__).parents[2] / "golden" / "graphs"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a drawing with the one that is kept under a name."""

    def compare(name: str, drawing: str) -> None:
        path = GOLDEN / name
        if os.environ.get("MLOPS_REWRITE_GOLDEN"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(drawing, encoding="utf-8", newline="\n")
        assert path.is_file(), f"{path} is missing: MLOPS_REWRITE_GOLDEN=1 writes it"
        assert drawing == path.read_text(encoding="utf-8")

    return compare
