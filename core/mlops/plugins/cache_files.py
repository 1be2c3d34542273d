"""Where the files of the plugin cache are: one set per Python environment, safe to delete at any time."""

from __future__ import annotations

import os
import sys
import zlib


def cache_folder() -> str:
    """Return ``MLOPS_CACHE_DIR``, or the folder that the operating system has for caches of this user."""
    chosen = os.environ.get("MLOPS_CACHE_DIR")
    if chosen:
        return chosen
    from platformdirs import user_cache_dir

    return user_cache_dir("mlops-framework", appauthor=False)


def cache_file(kind: str) -> str:
    """Return the file of one kind of the environment that this process runs in."""
    environment = zlib.crc32(f"{sys.prefix}\0{sys.version}\0{os.environ.get('PYTHONPATH', '')}".encode())
    return os.path.join(cache_folder(), f"{kind}-{environment:08x}.json")


def replace_file(target: str, content: bytes) -> None:
    """Write a file whole or not at all; a folder that cannot be written to (a read-only container) is left as it is."""
    import tempfile  # costs as much as the whole lookup, and is needed only when something has changed

    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        handle, name = tempfile.mkstemp(dir=os.path.dirname(target), prefix=os.path.basename(target))
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)  # what an image's build has looked up, another user reads in its containers
        os.replace(name, target)
    except OSError:
        return
