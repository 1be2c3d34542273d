"""An installation to check a plugin in: built from its folder or wheel, beside what is installed.

It is put into a folder of its own that only the checking process has on its path; nothing is downloaded, and neither the
environment nor the plugin's folder is touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mlops.errors import ProjectError

_NOT_SOURCE = (".git", ".venv", "venv", "build", "dist", "data", ".tox", ".nox", "node_modules")
"""What stands at the top of a project's folder and is no part of what is built from it."""


@contextmanager
def installed_aside(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name of the distribution in a folder or wheel, and the folder that it is installed in for this block.

    Raises:
        ProjectError: it cannot be built; the message holds the last words of the build.
    """
    with TemporaryDirectory(prefix="mlops-check-") as temporary:
        site = Path(temporary, "site")
        if source.is_dir():
            if not (source / "pyproject.toml").is_file():
                raise ProjectError(
                    f"{str(source)!r} has no pyproject.toml", hint="give the folder of a distribution, or a wheel"
                )
            copy = Path(temporary, "source")
            shutil.copytree(source, copy, ignore=_left_out(source))
            _install(copy, site)
        else:
            _install(source.resolve(), site)
        yield _name(site, source), site


def _left_out(top: Path) -> Callable[[str, list[str]], set[str]]:
    def ignored(folder: str, names: list[str]) -> set[str]:
        out = {name for name in names if name == "__pycache__" or name.endswith((".egg-info", ".pyc"))}
        return out | (set(names) & set(_NOT_SOURCE) if Path(folder) == top else set())

    return ignored


def _install(source: Path, site: Path) -> None:
    from importlib.util import find_spec

    words = [f"--target={site}", "--no-deps", "--no-build-isolation", "--quiet", str(source)]
    if find_spec("uv"):
        command = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-config", "--python", sys.executable]
    elif find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--no-index", "--disable-pip-version-check"]
    elif found := shutil.which("uv"):
        command = [found, "pip", "install", "--offline", "--no-config", "--python", sys.executable]
    else:
        raise ProjectError("neither pip nor uv is installed here", hint="python -m ensurepip, or pip install uv")
    ended = subprocess.run(
        [*command, *words], capture_output=True, text=True, check=False, cwd=site.parent, env={**os.environ}
    )
    if ended.returncode != 0:
        last = "\n".join((ended.stderr or ended.stdout).strip().splitlines()[-8:])
        raise ProjectError(
            f"{source.name} cannot be built: {last}",
            hint="nothing is downloaded for a check: install the build backend that its pyproject.toml names beside mlops",
        )


def _name(site: Path, source: Path) -> str:
    import importlib_metadata

    from mlops.plugins.distributions import normalized

    names = [normalized(found.name) for found in importlib_metadata.distributions(path=[str(site)])]
    if len(names) != 1:
        raise ProjectError(f"{str(source)!r} holds {len(names)} distributions, not one")
    return names[0]
