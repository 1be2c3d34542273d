"""What an image installs besides its own parts: every package with its version and hash, for linux/amd64."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from mlops.errors import ProjectError

FILE = "requirements.image.lock"
"""The file in a project's folder that is used when it is there."""

PYTHON = "3.11"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")


class RequirementsError(ProjectError):
    """The packages of an image do not fit together, or cannot be found."""


def locked(requirements: Sequence[str], wheels: Sequence[str], constraints: str | None = None) -> str:
    """Return a requirements file with a hash a package; ``wheels`` are the files whose dependencies count, too.

    pip decides, with the index that is configured on this machine; nothing of that index is in the file.

    Raises:
        RequirementsError: with what pip says.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        command = [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run",
            "--ignore-installed", "--report", report, "--target", folder, "--only-binary=:all:",
            "--python-version", PYTHON, *(word for name in PLATFORMS for word in ("--platform", name)),
            *(("-c", constraints) if constraints else ()), *requirements, *wheels,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RequirementsError(
                f"the packages of the image cannot be settled: {_last_line(done.stderr)}",
                hint=f"give a file with every version and hash, --requirements FILE, or write {FILE}",
            )
        with open(report, encoding="utf-8") as file:
            installs: list[dict[str, Any]] = json.load(file)["install"]  # Any: pip's report
    own = {os.path.basename(wheel) for wheel in wheels}
    lines = sorted(_line(one) for one in installs if os.path.basename(one["download_info"]["url"]) not in own)
    return "".join(lines)


def _line(one: dict[str, Any]) -> str:
    metadata, archive = one["metadata"], one["download_info"]["archive_info"]
    sha256 = archive["hashes"]["sha256"]
    return f"{metadata['name'].lower()}=={metadata['version']} \\\n    --hash=sha256:{sha256}\n"


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ") if lines else "pip failed"
