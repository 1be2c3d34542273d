"""Where the files of the plugin cache are: one set per Python environment, safe to delete at any time."""

from __future__ import annotations

import os
import sys
import tempfile
import zlib
from pathlib import Path


def cache_folder() -> Path:
    """Return ``MLOPS_CACHE_DIR``, or the folder that the operating system has for caches of this user."""
    chosen = os.environ.get("MLOPS_CACHE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("mlops-framework", appauthor=False)


def cache_file(kind: str) -> Path:
    """Return the file of one kind of the environment that this process runs in."""
    environment = zlib.crc32(f"{sys.prefix}\0{sys.version}\0{os.environ.get('PYTHONPATH', '')}".encode())
    return cache_folder() / f"{kind}-{environment:08x}.json"


def replace_file(target: Path, content: bytes) -> None:
    """Write a file whole or not at all; a folder that cannot be written to (a read-only container) is left as it is."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, target)
    except OSError:
        return
