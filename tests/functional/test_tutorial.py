"""The tutorial is followed as a reader would: files are written, commands typed, and what the page shows is what they print."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEP = re.compile(r"(?:`([\w./-]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


@pytest.fixture(scope="module")
def environment(make_environment):
    made = make_environment([])
    made.install(ROOT, *(ROOT / "plugins" / name for name in ("mlops-churn", "mlops-embedded")))
    return made


def test_following_the_tutorial_gives_what_it_shows(environment, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(environment.folder)
    activate = f". {tmp_path}/.venv/bin/activate\n"
    # without a network, pip builds with what is installed; the plugins of the test run itself are not a reader's
    environ = environment.environ(
        PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1", OMP_NUM_THREADS="1",
        MLOPS_DISABLE_PLUGINS="mlops-open*,mlops-quality,mlops-transit,mlops-calendar",
    )  # fmt: skip
    printed, commands, shown = "", 0, 0
    try:
        for path, language, text in STEP.findall((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")):
            if path:
                (tmp_path / path).write_text(text, encoding="utf-8")
            elif language == "sh":
                ended = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", activate + text], cwd=tmp_path, env=environ,
                    capture_output=True, text=True, timeout=400, check=False,
                )  # fmt: skip
                printed = words(ended.stdout + ended.stderr)
                assert ended.returncode == 0, f"{text}\n{ended.stdout}\n{ended.stderr}"
                commands += len(text.splitlines())
            elif language == "text":
                for line in text.splitlines():
                    assert words(line) in printed, f"{line!r} is not in {printed}"
                    shown += 1
    finally:
        subprocess.run(
            ["bash", "-c", activate + "mlops embedded stop"],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            check=False,
        )

    assert commands >= 20
    assert shown >= 15
