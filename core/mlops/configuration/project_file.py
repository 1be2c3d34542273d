"""The project file: ``[tool.mlops]`` of pyproject.toml, or mlops.toml, in a folder or the nearest one above."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from mlops.errors import SettingsError


def project_file(start: str) -> tuple[str | None, Mapping[str, Any]]:  # Any: TOML
    """Return the path of the project file, None where there is none, and its table of settings.

    Raises:
        SettingsError: the file is not TOML.
    """
    folder = os.path.abspath(start)
    while True:
        own = os.path.join(folder, "mlops.toml")
        if os.path.isfile(own):
            return own, _toml(own)
        shared = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(shared):
            with open(shared, "rb") as file:
                mentioned = b"tool.mlops" in file.read()
            if mentioned:
                return shared, _toml(shared).get("tool", {}).get("mlops", {})
        above = os.path.dirname(folder)
        if above == folder:
            return None, {}
        folder = above


def project_name(root: str) -> tuple[str, str]:
    """Return the name of the project in a folder, and where it comes from."""
    shared = os.path.join(root, "pyproject.toml")
    if os.path.isfile(shared):
        name = _toml(shared).get("project", {}).get("name")
        if isinstance(name, str):
            return name, "pyproject.toml [project.name]"
    return os.path.basename(root) or "project", "name of the folder"


def place_of(file: str | None, name: str) -> str:
    """Return how a message names a setting of the project file."""
    if file is None:
        return name
    base = os.path.basename(file)
    return f"{base} [tool.mlops.{name}]" if base == "pyproject.toml" else f"{base} [{name}]"


def _toml(path: str) -> dict[str, Any]:  # Any: TOML
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        with open(path, encoding="utf-8-sig", newline="") as file:  # editors of Windows may begin a file with a mark
            return tomllib.loads(file.read())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise SettingsError(place=path, problem=f"it is not valid TOML: {cause}") from cause
