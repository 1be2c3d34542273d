"""The cache of what is known of the installed plugins: one file per Python environment, safe to delete at any time."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import msgspec

from mlops.plugins.knowledge import Knowledge
from mlops.plugins.place import cache_file, replace_file

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Known:
    """A distribution with the folder of its metadata, and what looking at it told."""

    metadata: str
    knowledge: Knowledge


@dataclass(frozen=True, slots=True)
class Cache:
    """All that is known of one environment. ``environment`` holds its folders and their times of change."""

    mlops: str
    environment: dict[str, int]
    known: tuple[Known, ...]
    schema: int = SCHEMA
    python: str = sys.version


def read(version: str) -> Cache | None:
    """Return the cache, or None where there is none that this version of mlops can use."""
    try:
        cache = msgspec.json.decode(cache_file("plugins").read_bytes(), type=Cache)
    except (OSError, msgspec.DecodeError, TypeError, ValueError):
        return None
    return cache if cache.schema == SCHEMA and cache.mlops == version and cache.python == sys.version else None


def write(cache: Cache) -> None:
    """Replace the cache file, where it can be written."""
    replace_file(cache_file("plugins"), msgspec.json.encode(cache))
