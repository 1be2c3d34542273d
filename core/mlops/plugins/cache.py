"""The cache of what is known of the installed plugins: one file per Python environment, safe to delete at any time."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mlops.plugins.knowledge import Knowledge

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Known:
    """A distribution with the folder of its metadata, and what looking at it told."""

    metadata: str
    knowledge: Knowledge


@dataclass(frozen=True, slots=True)
class Cache:
    """All that is known of one environment. ``environment`` holds its folders and their times of change."""

    schema: int
    mlops: str
    python: str
    environment: dict[str, int]
    known: tuple[Known, ...]


def folder() -> Path:
    """Return the folder of the cache: ``MLOPS_CACHE_DIR``, or the user's cache folder of the operating system."""
    chosen = os.environ.get("MLOPS_CACHE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("mlops-framework", appauthor=False)


def path() -> Path:
    """Return the cache file of the environment that this process runs in."""
    environment = hashlib.sha256(f"{sys.prefix}\0{sys.version}".encode()).hexdigest()[:16]
    return folder() / f"plugins-{environment}.json"


def read(version: str) -> Cache | None:
    """Return the cache, or None where there is none that this version of mlops can use."""
    try:
        cache = msgspec.json.decode(path().read_bytes(), type=Cache)
    except (OSError, msgspec.DecodeError, TypeError, ValueError):
        return None
    return cache if cache.schema == SCHEMA and cache.mlops == version and cache.python == sys.version else None


def write(cache: Cache) -> None:
    """Replace the cache file; a folder that cannot be written to (a read-only container) leaves everything as it was."""
    target = path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(cache))
        os.replace(name, target)
    except OSError:
        return
