"""Whose an object is: the comment that is put on everything we write, and read back from everything we find.

A comment is compact JSON, so there is no state file: what Snowflake holds tells the project and pipeline it belongs to,
the nodes it runs, and by a hash whether it is still what was wanted. An object without such a comment is not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct, field

from mlops.compile.objects import (
    ComputePool,
    Deployment,
    ImageRepository,
    Service,
    ServiceFunction,
    Stage,
    Task,
)

MANAGED_BY = "mlops-framework"
Object = ComputePool | ImageRepository | Stage | Service | ServiceFunction | Task
SHARED = (ComputePool, ImageRepository, Stage)
"""What all pipelines of a project have together: it belongs to the project, and to none of its pipelines."""


class Ownership(Struct, frozen=True, omit_defaults=True):
    """What the comment of an object says. ``graph``, on a root task alone, is the hash of the whole deployment."""

    project: str
    pipeline: str | None = None
    nodes: tuple[str, ...] = ()
    hash: str = ""
    graph: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def comment_of(ownership: Ownership) -> str:
    """Return the comment that says this."""
    return msgspec.json.encode({"managed-by": MANAGED_BY, **msgspec.to_builtins(ownership)}).decode()


def ownership_of(comment: str | None) -> Ownership | None:
    """Return what a comment says; None for a comment that we did not write. Keys of a later version are passed over."""
    if not comment or MANAGED_BY not in comment:
        return None
    try:
        said: Any = msgspec.json.decode(comment)  # Any: JSON
        if not isinstance(said, dict) or said.pop("managed-by", None) != MANAGED_BY:
            return None
        return msgspec.convert(said, Ownership)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def content_hash(value: object) -> str:
    """Return 16 hexadecimal digits that are the same for equal values of compile/objects.py, on every machine."""
    text = msgspec.json.encode([type(value).__name__, value], order="deterministic")
    return sha256(text).hexdigest()[:16]


def ownership_in(deployment: Deployment, wanted: Object) -> Ownership:
    """Return what the comment of an object of this deployment says.

    Versions are those of the distributions whose nodes the object runs, and of mlops-framework.
    """
    found = content_hash(wanted)
    if isinstance(wanted, SHARED):
        return Ownership(deployment.project, hash=found)
    nodes = wanted.nodes if isinstance(wanted, Task) else (wanted.node,) if isinstance(wanted, Service) else ()
    distributions = {MANAGED_BY, *(node.partition(":")[0] for node in nodes)}
    return Ownership(
        deployment.project,
        deployment.pipeline,
        nodes,
        found,
        content_hash(deployment) if wanted == deployment.root else None,
        {name: version for name, version in deployment.versions.items() if name in distributions},
    )
