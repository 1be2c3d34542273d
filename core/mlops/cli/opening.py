"""The project that a command works on, opened where the command was called."""

from __future__ import annotations

import os
import sys

from mlops.project import Project


def project(**flags: object) -> Project:
    """Return the project of the current folder; names of settings are given with ``__`` for the dot."""
    return Project(flags={name.replace("__", "."): value for name, value in flags.items()}, progress=_tell_import)


def _tell_import(distribution: str) -> None:
    if sys.stderr.isatty() and "_MLOPS_COMPLETE" not in os.environ:
        print(f"looking at {distribution} …", file=sys.stderr, flush=True)
