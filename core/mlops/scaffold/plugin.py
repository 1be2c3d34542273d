"""A new plugin: a distribution with one node, one pipeline and tests that pass."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

import mlops
from mlops.errors import UsageError
from mlops.scaffold.rendering import Written, render

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*\Z")


def new_plugin(name: str, folder: Path, *, description: str = "") -> Written:
    """Write a plugin of this distribution name into a folder, leaving alone what is there.

    Raises:
        UsageError: the name cannot be that of a distribution and of a module of its own, or the description is no sentence.
    """
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} is not a name for a distribution",
            hint="use letters, digits and '-', and start with a letter: team-demand",
        )
    package = re.sub(r"[-.]+", "_", name).lower()
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package == "mlops":
        raise UsageError(
            f"the module of {name!r} would be {package!r}, which is Python's own or that of mlops",
            hint=f"choose another name, for example team-{name}",
        )
    if not description.isprintable() or '"' in description or "\\" in description:
        raise UsageError(
            f"{description!r} is not a sentence for pyproject.toml and a docstring",
            hint="write one line without double quotes and backslashes",
        )
    title = re.sub(r"[-_.]+", " ", name)
    values = {
        "name": name,
        "package": package,
        "title": title,
        "description": description or f"Nodes for {title}.",
        "mlops_version": mlops.__version__,
    }
    return render("plugin", folder, values)
