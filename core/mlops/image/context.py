"""The context of an image: one folder with a Dockerfile, wheels and requirements, from which any builder makes the image."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from msgspec import Struct

from mlops.image.parts import EXTRAS, FRAMEWORK, Part
from mlops.image.requirements import FILE, check_locked, locked, normal
from mlops.image.wheels import ContextError, check_wheel, of_wheel

DOCKERFILE = os.path.join(os.path.dirname(__file__), "Dockerfile")


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
    """Write the context into an empty or new folder, all of it or nothing.

    ``requirements`` is a hash-locked file of everything else; without one pip settles it, within ``constraints``.

    Raises:
        ContextError: the folder is not empty, or a part cannot be built or must not be in an image.
        RequirementsError: the packages do not fit together, or the file does not lock them.
    """
    if os.path.isdir(folder) and os.listdir(folder):
        raise ContextError(f"the folder {folder!r} is not empty", hint="name a new one")
    from_index = [part for part in parts if part.source is None]
    if requirements is not None:
        check_locked(requirements, [(part.name, part.version) for part in from_index])
    with tempfile.TemporaryDirectory(prefix="mlops-context-") as whole:
        wheels = os.path.join(whole, "wheels")
        os.mkdir(wheels)
        for part in parts:
            if part.source is not None:
                say(f"building {part.name} {part.version} from {part.source}")
                _build(part.name, part.source, wheels)
        files = sorted(os.path.join(wheels, name) for name in os.listdir(wheels))
        for file in files:
            check_wheel(file)
        target = os.path.join(whole, FILE)
        if requirements is not None:
            shutil.copyfile(requirements, target)
        else:
            say("settling the versions of all other packages")
            with open(target, "w", encoding="utf-8") as written:
                settled = [part.requirement for part in from_index]
                written.write(locked(settled, [one for file in files for one in _with_extras(file)], constraints))
        named = {normal(part.name): part.name for part in parts}
        versions = {part.name: part.version for part in parts} | {
            named[name]: version for name, version in map(of_wheel, files) if name in named
        }
        _write_dockerfile(os.path.join(whole, "Dockerfile"), versions)
        shutil.copytree(whole, folder, dirs_exist_ok=True)
    return ImageContext(folder, versions)


def _write_dockerfile(path: str, versions: Mapping[str, str]) -> None:
    """Write the Dockerfile, with the versions as the default of its argument: another builder gives none."""
    with open(DOCKERFILE, encoding="utf-8") as read, open(path, "w", encoding="utf-8") as written:
        written.write(
            read.read().replace('ARG VERSIONS="{}"', f"ARG VERSIONS='{json.dumps(versions, sort_keys=True)}'")
        )


def _build(name: str, source: str, wheels: str) -> None:
    if source.endswith(".whl"):
        shutil.copy(source, wheels)
        return
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


def _with_extras(wheel: str) -> tuple[str, ...]:
    """Return what pip is to be given for a wheel. The framework is named with its extras, too: pip takes that for another."""
    return (wheel, f"{wheel}[{','.join(EXTRAS)}]") if of_wheel(wheel)[0] == FRAMEWORK else (wheel,)
