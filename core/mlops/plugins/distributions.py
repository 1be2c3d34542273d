"""Installed distributions that name themselves plugins, read from their metadata; nothing of them is imported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from mlops.plugins.knowledge import EntryPoint

if TYPE_CHECKING:
    import importlib_metadata

GROUPS = ("mlops.nodes", "mlops.pipelines", "mlops.plugins", "mlops.commands")


class Distribution(Struct, frozen=True):
    """An installed distribution with entry points of ours.

    ``metadata`` is the folder of its metadata. ``folders`` are the folders its code is in when it is installed in
    editable mode, and empty otherwise: an ordinary install changes only together with its metadata.
    """

    name: str
    version: str
    metadata: str
    entry_points: tuple[EntryPoint, ...]
    folders: tuple[str, ...] = ()


def normalized(name: str) -> str:
    """Return a distribution's name as package indexes compare it.

    Source: Python packaging specification, "Names and normalization".
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def plugin_distributions() -> tuple[Distribution, ...]:
    """Return every installed distribution that has entry points of ours, sorted by name; the first on the path counts."""
    import importlib_metadata

    found: dict[str, Distribution] = {}
    for distribution in importlib_metadata.distributions():
        text = distribution.read_text("entry_points.txt")
        if not text or "mlops." not in text:
            continue
        entry_points = tuple(
            EntryPoint(group=entry.group, name=entry.name, value=entry.value)
            for entry in distribution.entry_points
            if entry.group in GROUPS
        )
        name = normalized(distribution.name)
        if entry_points and name not in found:
            found[name] = Distribution(
                name=name,
                version=distribution.version,
                metadata=str(getattr(distribution, "_path", "")),
                entry_points=tuple(sorted(entry_points, key=lambda entry: (entry.group, entry.name))),
                folders=_editable_folders(distribution, entry_points),
            )
    return tuple(sorted(found.values(), key=lambda distribution: distribution.name))


def state(metadata: str, folders: Sequence[str]) -> str:
    """Return what the files of a distribution look like now, as a short text; equal text means that nothing changed."""
    try:
        times = f"{os.stat(os.path.join(metadata, 'entry_points.txt')).st_mtime_ns}.{os.stat(metadata).st_mtime_ns}"
    except OSError:
        return "gone"
    if not folders:
        return times
    import hashlib

    seen = hashlib.blake2b(digest_size=12)
    for folder in folders:
        for path, status in _code_files(folder):
            seen.update(f"{path}:{status.st_size}:{status.st_mtime_ns}".encode())
    return f"{times}.{seen.hexdigest()}"


def digest(metadata: str, folders: Sequence[str]) -> str:
    """Return a digest of the content of a distribution's code: equal code, equal digest, wherever it is installed."""
    import hashlib

    seen = hashlib.sha256()
    if folders:
        for folder in folders:
            for path, _ in _code_files(folder):
                with open(path, "rb") as file:
                    seen.update(os.path.relpath(path, folder).encode() + b"\0" + file.read() + b"\0")
        return seen.hexdigest()[:16]
    try:
        with open(os.path.join(metadata, "RECORD"), encoding="utf-8") as file:
            record = file.read()
    except OSError:
        return ""
    lines = (line.rpartition(",")[0] for line in record.splitlines())
    seen.update("\n".join(sorted(line for line in lines if ",sha256=" in line and "dist-info" not in line)).encode())
    return seen.hexdigest()[:16]


def _code_files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    if os.path.isfile(folder):
        yield folder, os.stat(folder)
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _code_files(entry.path)
        elif not entry.name.endswith((".pyc", ".pyo")):
            yield entry.path, entry.stat()


def _editable_folders(
    distribution: importlib_metadata.Distribution, entry_points: Sequence[EntryPoint]
) -> tuple[str, ...]:
    import json

    record = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not record.get("dir_info", {}).get("editable"):
        return ()
    from importlib.util import find_spec

    folders = set()
    for module in {entry.value.partition(":")[0].strip().partition(".")[0] for entry in entry_points}:
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            continue
        if spec is None:
            continue
        if spec.submodule_search_locations:
            folders.update(spec.submodule_search_locations)
        elif spec.origin:
            folders.add(spec.origin)
    return tuple(sorted(folders))
