"""A model archive: the ZIP file that skops writes, made anew so that equal models are equal bytes.

skops names what a model is made of by addresses in memory, and stamps each file with the time. Neither says anything of the
model, and both differ with every write: a model that was trained again to the same weights would count as changed, and
all that reads it would run again. Here parts are numbered in the order in which they are met instead.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from zipfile import ZipFile, ZipInfo

SCHEMA = "schema.json"
_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that a ZIP file can say."""


def reproducible(data: bytes) -> bytes:
    """Return an archive of skops with the same content, and bytes that depend on nothing but that."""
    made = BytesIO()
    with ZipFile(BytesIO(data)) as source, ZipFile(made, "w") as target:
        parts = _Parts(frozenset(source.namelist()) - {SCHEMA})
        schema = parts.numbered(json.loads(source.read(SCHEMA)))
        for name in sorted(parts.names - parts.files.keys()):
            parts.files[name] = name
        for old, new in parts.files.items():
            _add(target, new, source.read(old))
        _add(target, SCHEMA, json.dumps(schema, separators=(",", ":")).encode())
    return made.getvalue()


class _Parts:
    """The parts of a model by what skops calls them: objects by their address, files by their name."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.files: dict[str, str] = {}
        self._objects: dict[int, int] = {}

    def numbered(self, node: Any) -> Any:  # Any: JSON
        """Return a part of the schema with the numbers of objects and files in place of what skops calls them."""
        if isinstance(node, list):
            return [self.numbered(one) for one in node]
        if not isinstance(node, dict):
            return node
        loader = node.get("__loader__")
        if loader == "SetNode":
            node = {**node, "content": _in_order(node["content"])}
        found: dict[str, Any] = {}
        for key, value in node.items():
            if key == "__id__" and isinstance(value, int):
                if loader != "JsonNode":  # whether two equal numbers or texts are one object is chance
                    found[key] = self._objects.setdefault(value, len(self._objects) + 1)
            elif key == "file" and isinstance(value, str) and value in self.names:
                ending = value.rpartition(".")[2]
                found[key] = self.files.setdefault(value, f"{len(self.files) + 1}.{ending}")
            else:
                found[key] = self.numbered(value)
        return found


def _in_order(items: Any) -> Any:  # Any: JSON
    """Return the items of a set of texts or numbers in an order that is the same in every process."""
    plain = isinstance(items, list) and all(item.get("__loader__") == "JsonNode" for item in items)
    return sorted(items, key=lambda item: str(item["content"])) if plain else items


def _add(archive: ZipFile, name: str, content: bytes) -> None:
    entry = ZipInfo(name, _TIME)
    entry.create_system, entry.external_attr = 3, 0o600 << 16
    archive.writestr(entry, content)
