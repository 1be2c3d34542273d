"""File names for datasets and nodes: portable, and never one file for two names.

A name of lower-case ASCII letters, digits, ``_`` and ``-`` is its own file name. Every other name keeps a
readable form and gets ``~`` and ten hexadecimal digits of its SHA-256. So ``Train`` and ``train`` are two
files also where the file system ignores case (macOS, Windows), two Unicode spellings of ``é`` are, and a
run's folder can move between machines. A file name holds no dot, therefore the first dot of a file always
starts its extension.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mlops.errors import DatasetError, NodeDefinitionError

MAX_NAME_BYTES = 200
MANIFEST_SUFFIX = ".manifest.json"

_AS_IT_STANDS = re.compile(r"[a-z0-9_-]+").fullmatch
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])").fullmatch


def name_problem(name: str) -> str | None:
    """Say in words why a dataset or node cannot have this name; None when it can."""
    if not name or name.isspace():
        return "it is empty"
    if "/" in name or "\\" in name:
        return "it holds a path separator"
    if ".." in name:
        return "it holds '..'"
    if not name.isprintable():
        return "it holds a control character"
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return None


@lru_cache(maxsize=4096)
def dataset_file_name(name: str) -> str:
    """Return the file name of a dataset, without its extension.

    Raises:
        DatasetError: the name cannot be a file name on every system.
    """
    if problem := name_problem(name):
        raise DatasetError(dataset=name, problem=f"cannot be stored under this name: {problem}", hint=_HINT)
    return _portable(name)


@lru_cache(maxsize=4096)
def manifest_file_name(node: str) -> str:
    """Return the file name of the manifest of a node, given by its full name ``distribution:node``.

    Raises:
        NodeDefinitionError: the name cannot be a file name on every system.
    """
    if problem := name_problem(node):
        raise NodeDefinitionError(node=node, problem=f"cannot be stored under this name: {problem}", hint=_HINT)
    return ".".join(_portable(part) for part in node.split(":", 1)) + MANIFEST_SUFFIX


def _portable(name: str) -> str:
    if _AS_IT_STANDS(name) and not _WINDOWS_DEVICE(name):
        return name
    import hashlib

    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_UNSAFE.sub('_', name)}~{digest[:10]}"


_HINT = "use letters, digits, '_' and '-'"
