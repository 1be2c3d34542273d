"""The context of an image: one folder with a Dockerfile, wheels and requirements, from which any builder makes the image."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from msgspec import Struct

from mlops.errors import ProjectError
from mlops.image.parts import Part
from mlops.image.requirements import FILE, locked

DOCKERFILE = os.path.join(os.path.dirname(__file__), "Dockerfile")


class ContextError(ProjectError):
    """The folder cannot be made: a plugin does not build, or something else is there."""


class ImageContext(Struct, frozen=True):
    """A folder that is ready to be built, and the versions of the parts in it."""

    folder: str
    versions: dict[str, str]

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the image: what it holds."""
        return {"dev.mlops.versions": json.dumps(self.versions, sort_keys=True)}


def write_context(
    folder: str,
    parts: Sequence[Part],
    *,
    requirements: str | None = None,
    constraints: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> ImageContext:
    """Write the context into an empty or new folder.

    ``requirements`` is a hash-locked file of everything else; without one pip settles it, within ``constraints``.

    Raises:
        ContextError: the folder is not empty, or a part cannot be built.
        RequirementsError: the packages do not fit together.
    """
    if os.path.isdir(folder) and os.listdir(folder):
        raise ContextError(f"the folder {folder!r} is not empty", hint="name a new one")
    wheels = os.path.join(folder, "wheels")
    os.makedirs(wheels, exist_ok=True)
    for part in parts:
        if part.source is not None:
            say(f"building {part.name} {part.version} from {part.source}")
            _build(part.name, part.source, wheels)
    files = sorted(os.path.join(wheels, name) for name in os.listdir(wheels))
    target = os.path.join(folder, FILE)
    from_index = [part.requirement for part in parts if part.source is None]
    if requirements is not None:
        shutil.copyfile(requirements, target)
    else:
        say("settling the versions of all other packages")
        with open(target, "w", encoding="utf-8") as file:
            file.write(locked(from_index, [_with_extras(wheel) for wheel in files], constraints))
    shutil.copyfile(DOCKERFILE, os.path.join(folder, "Dockerfile"))
    versions = {part.name: part.version for part in parts} | {
        name: version for name, version in map(_of_wheel, files) if name in {part.name for part in parts}
    }
    return ImageContext(folder, versions)


def _build(name: str, source: str, wheels: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "-w",
        wheels,
    ]
    isolation = [] if _backend_is_here(source) else ["--no-build-isolation"]
    done = subprocess.run([*command, *isolation, source], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ContextError(
            f"{name} cannot be built from {source!r}: {said[-1] if said else 'pip failed'}",
            hint=f"mend it until this works: python -m pip wheel --no-deps {source}",
        )


def _backend_is_here(source: str) -> bool:
    """Whether building needs an environment of its own: the build backend is not installed beside mlops."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        with open(os.path.join(source, "pyproject.toml"), "rb") as file:
            table: dict[str, Any] = tomllib.load(file)  # Any: TOML
    except (OSError, tomllib.TOMLDecodeError):
        return True
    backend = str(table.get("build-system", {}).get("build-backend", "setuptools")).partition(".")[0].partition(":")[0]
    return find_spec(backend) is None


def _with_extras(wheel: str) -> str:
    from mlops.image.parts import EXTRAS, FRAMEWORK

    return f"{wheel}[{','.join(EXTRAS)}]" if _of_wheel(wheel)[0] == FRAMEWORK else wheel


def _of_wheel(path: str) -> tuple[str, str]:
    """Return name and version that the name of a wheel's file tells."""
    name, version, *_ = os.path.basename(path).split("-")
    return name.replace("_", "-").lower(), version
