"""Reuse: which nodes of a continued run need not run again, and for every node why or why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mlops.credentials import hide_credentials
from mlops.nodes import Node

if TYPE_CHECKING:
    from mlops.datasets.manifest import DatasetRecord, Manifest


class Reuse(Struct, frozen=True):
    """Whether what a node has committed still fits, and the reason in words."""

    fits: bool
    reason: str


def reuse(
    node: Node,
    manifest: Manifest | None,
    *,
    parameters: Mapping[str, Any],  # Any: JSON
    inputs: Mapping[str, str],
    intact: Callable[[DatasetRecord], bool],
    outputs: Sequence[str] | None = None,
) -> Reuse:
    """Say whether a node's committed outputs are what it would write now.

    ``inputs`` holds the sha256 of each dataset it would read, ``intact`` tells whether a file still has its hash.
    ``outputs`` are those it must have written, all that it declares where none are given.
    """
    if manifest is None:
        return Reuse(False, "it had not committed anything")
    before, now = hide_credentials(manifest.parameters), hide_credentials(parameters)
    changes = [
        f"parameter {name} changed from {before.get(name)!r} to {now.get(name)!r}"
        if before.get(name) != now.get(name)
        else f"parameter {name} changed"
        for name in dict.fromkeys((*manifest.parameters, *parameters))
        if not _same(manifest, name, parameters.get(name))
    ]
    if manifest.version != node.origin.version:
        changes.append(f"{node.origin.distribution} changed from {manifest.version} to {node.origin.version}")
    elif manifest.source != node.origin.digest:
        changes.append(f"the code of {node.origin.distribution} {node.origin.version} changed")
    changes += [
        f"its input {name!r} changed"
        for name in dict.fromkeys((*manifest.inputs, *inputs))
        if manifest.inputs.get(name) != inputs.get(name)
    ]
    if missing := sorted(
        set(node.outputs if outputs is None else outputs) - {record.name for record in manifest.outputs}
    ):
        changes.append(f"it did not write {', '.join(missing)}")
    changes += [
        f"the file of {record.name!r} is gone or was changed" for record in manifest.outputs if not intact(record)
    ]
    if changes:
        return Reuse(False, "; ".join(changes))
    return Reuse(True, "committed before, and its parameters, plugin and inputs are the same")


def _same(manifest: Manifest, name: str, value: object) -> bool:
    """Whether a parameter has the value that it was committed with; of a credential only that is known."""
    if (kept := manifest.hidden.get(name)) is None:
        return bool(manifest.parameters.get(name) == value)
    from mlops.datasets.hidden import is_same

    return is_same(kept, value)
