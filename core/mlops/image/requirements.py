"""What an image installs besides its own parts: every package with its version and hash, for linux/amd64."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote, urlparse

from mlops.errors import ProjectError

FILE = "requirements.image.lock"
"""The file in a project's folder that is used when it is there."""

PYTHON = "3.11"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
_SHOWN = 5
_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;,*]+)\s*(?:;.*)?\Z")


class RequirementsError(ProjectError):
    """The packages of an image do not fit together, cannot be found, or are not locked."""


def locked(requirements: Sequence[str], wheels: Sequence[str], constraints: str | None = None) -> str:
    """Return a requirements file with a hash a package; ``wheels`` are the files whose dependencies count, too.

    pip decides, with the index that is configured on this machine; nothing of that index is in the file. ``constraints``
    is a file whose pinned versions are kept to.

    Raises:
        RequirementsError: with what pip says.
    """
    with tempfile.TemporaryDirectory() as folder:
        report, kept = os.path.join(folder, "report.json"), os.path.join(folder, "constraints.txt")
        if constraints:
            with open(constraints, encoding="utf-8") as read, open(kept, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in _without_hashes(read.read()))
        command = [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run",
            "--ignore-installed", "--report", report, "--target", folder, "--only-binary=:all:",
            "--python-version", PYTHON, *(word for name in PLATFORMS for word in ("--platform", name)),
            *(("-c", kept) if constraints else ()), *requirements, *wheels,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RequirementsError(
                f"the packages of the image cannot be settled: {_last_line(done.stderr)}",
                hint=f"give a file with every version and hash, --requirements FILE, or write {FILE}",
            )
        with open(report, encoding="utf-8") as file:
            installs: list[dict[str, Any]] = json.load(file)["install"]  # Any: pip's report
    own = {os.path.basename(wheel).partition("[")[0] for wheel in wheels}
    return "".join(sorted(_line(one) for one in installs if _file_of(one["download_info"]["url"]) not in own))


def check_locked(file: str, needed: Iterable[tuple[str, str]]) -> None:
    """Refuse a file that does not lock what an image installs; ``needed`` are names and versions that it must have.

    Raises:
        RequirementsError: a line without a version or a hash, a path or an address, or a part that it lacks.
    """
    with open(file, encoding="utf-8") as read:
        text = read.read()
    problems: list[str] = []
    versions: dict[str, str] = {}
    for line in _logical_lines(text):
        if line.startswith("-"):
            if "@" in line and "://" in line:
                problems.append(f"{line.split()[0]} with a user or password in its address")
            elif line.startswith(("-e", "--editable", "-r", "--requirement", "-c", "--constraint")):
                problems.append(f"{line}: another file or folder is not in the image's context")
            continue
        plain, hashed, _ = line.partition("--hash=")
        found = _PINNED.match(plain.strip())
        if "://" in plain or plain.startswith((".", "/")):
            problems.append(f"{plain.strip().partition('@')[0].strip()}: from a path or an address, not from an index")
        elif found is None:
            problems.append(f"{plain.strip()}: without a version of its own (==)")
        elif not hashed:
            problems.append(f"{plain.strip()}: without a hash")
        else:
            versions[normal(found[1])] = found[2]
    for name, version in needed:
        if (held := versions.get(normal(name))) != version:
            problems.append(f"{name} {version} is installed here, the file has {held or 'none'}")
    if problems:
        more = len(problems) - _SHOWN
        lines = [*problems[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
        raise RequirementsError(
            f"{file} does not lock what the image installs:\n" + "\n".join(f"    {line}" for line in lines),
            hint="uv pip compile --generate-hashes, or pip-compile --generate-hashes, writes one; without a file pip settles it",
        )


def normal(name: str) -> str:
    """Return the name of a distribution as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _logical_lines(text: str) -> list[str]:
    """Return the lines of a requirements file, with those that go on put together and comments left out."""
    lines = (re.sub(r"(^|\s)#.*", "", line).rstrip() for line in text.splitlines())
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [line.strip() for line in joined.splitlines() if line.strip()]


def _without_hashes(text: str) -> list[str]:
    """Return the pinned versions of a lock file: with hashes pip would want one of the wheels that are built here, too."""
    lines = (line.partition("--hash=")[0].strip() for line in _logical_lines(text))
    return [re.sub(r"\[[^\]]*\]", "", line) for line in lines if line and not line.startswith("-")]


def _line(one: dict[str, Any]) -> str:  # Any: pip's report
    metadata, download = one["metadata"], one["download_info"]
    sha256 = (download.get("archive_info") or {}).get("hashes", {}).get("sha256")
    if sha256 is None:
        with open(unquote(urlparse(download["url"]).path), "rb") as file:  # of a folder of wheels
            sha256 = hashlib.sha256(file.read()).hexdigest()
    return f"{metadata['name'].lower()}=={metadata['version']} \\\n    --hash=sha256:{sha256}\n"


def _file_of(url: str) -> str:
    return os.path.basename(unquote(urlparse(url).path))


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return re.sub(r"//[^/\s@]+@", "//***@", lines[-1].removeprefix("ERROR: ")) if lines else "pip failed"
