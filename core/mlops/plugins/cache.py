"""The cache of what is known of the installed plugins: one file per Python environment, safe to delete at any time.

What is known of a distribution is decoded only when it is asked for, so that finding one node among thousands costs
little more than reading the file.
"""

# annotations are no text here: msgspec would compile each of them whenever the plugin cache is read

import sys
from collections.abc import Iterable

from msgspec import DecodeError, Raw, Struct, json

from mlops.plugins.cache_files import cache_file, replace_file
from mlops.plugins.knowledge import Knowledge

SCHEMA = 4


class Entry(Struct, frozen=True):
    """What is known of one distribution: the folder of its metadata, its files, and the rest as JSON.

    ``hooks`` tells whether it implements any: its module is then needed in more processes than those of its own nodes.
    """

    metadata: str
    state: str
    folders: tuple[str, ...]
    nodes: tuple[str, ...]
    hooks: bool
    content: Raw

    @property
    def knowledge(self) -> Knowledge:
        """All that is known of it."""
        return json.decode(self.content, type=Knowledge)


class Cache(Struct, frozen=True):
    """All that is known of one environment by distribution; ``environment`` holds its folders and times of change."""

    mlops: str
    environment: dict[str, int]
    known: dict[str, Entry]
    schema: int = SCHEMA
    python: str = sys.version


def entry_of(metadata: str, knowledge: Knowledge) -> Entry:
    """Return the entry of a distribution; ``nodes`` are also those that its entry points promise and that are broken."""
    promised = (entry.name for entry in knowledge.entry_points if entry.group == "mlops.nodes")
    return Entry(
        metadata=metadata,
        state=knowledge.state,
        folders=knowledge.folders,
        nodes=tuple(dict.fromkeys((*(node.name for node in knowledge.nodes), *promised))),
        hooks=bool(knowledge.hooks),
        content=Raw(json.encode(knowledge)),
    )


def read(version: str) -> Cache | None:
    """Return the cache, or None where there is none that this version of mlops can use."""
    try:
        with open(cache_file("plugins"), "rb") as file:
            cache = json.decode(file.read(), type=Cache)
    except (OSError, DecodeError, TypeError, ValueError):
        return None
    return cache if cache.schema == SCHEMA and cache.mlops == version and cache.python == sys.version else None


def write(version: str, environment: dict[str, int], entries: Iterable[tuple[str, Entry]]) -> None:
    """Replace the cache file, where it can be written."""
    replace_file(cache_file("plugins"), json.encode(Cache(version, environment, dict(entries))))
