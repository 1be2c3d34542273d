"""A new project folder: settings with every default in sight, what git leaves out, and a workflow for CI."""

from __future__ import annotations

import sys
from pathlib import Path

import mlops
from mlops.configuration.settings import KEYS, Key
from mlops.scaffold.rendering import Written, render


def new_project(folder: Path) -> tuple[Written, dict[str, str]]:
    """Write a project into a folder, leaving alone what is there; and what was left out, with the reason.

    Where pyproject.toml holds the settings already, no mlops.toml is written beside it: it would win.
    """
    left_out = {}
    shared = folder / "pyproject.toml"
    if shared.is_file() and "[tool.mlops" in shared.read_text(encoding="utf-8", errors="replace"):
        left_out["mlops.toml"] = "pyproject.toml has [tool.mlops], and mlops.toml would win over it"
    values = {
        "project": folder.resolve().name,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "mlops_version": mlops.__version__,
        "single": [_line(key, key.name) for key in KEYS if "." not in key.name],
        "tables": {
            table: [_line(key, key.name.partition(".")[2]) for key in KEYS if key.name.startswith(f"{table}.")]
            for table in dict.fromkeys(key.name.partition(".")[0] for key in KEYS if "." in key.name)
        },
    }
    return render("project", folder, values, leave_out=left_out), left_out


def _line(key: Key, name: str) -> str:
    """Return a setting as a comment with its default, as TOML spells it."""
    default = key.default
    if default is None:
        value = "[…]" if "list" in key.type else "…"
    elif isinstance(default, bool):
        value = str(default).lower()
    elif isinstance(default, str):
        value = f'"{default}"'
    elif isinstance(default, (tuple, list)):
        value = "[" + ", ".join(f'"{one}"' for one in default) + "]"
    else:
        value = str(default)
    return f"# {name} = {value}".ljust(32) + f"# {key.help}"
