"""Volumes of a specification: a folder of the container, memory, a block device, or a stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_embedded.jobs.specifications.fields import (
    Fields,
    SpecificationError,
    flag,
    matching,
    one_of,
    text,
    whole_number,
)
from mlops_embedded.jobs.specifications.quantities import cpus, memory_bytes

_GIB = 2**30
part_name = matching(
    r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?",
    "1 to 63 lower-case letters, digits and '-', starting with a letter and ending with a letter or digit",
)
"""Reads the name of a container, endpoint or volume."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume; `stage` is the location of a stage volume, as in SQL (`@db.schema.stage/path`)."""

    name: str
    source: str
    size: int | None
    stage: str | None
    uid: int | None = None
    gid: int | None = None


def read_volume(value: Any, path: str) -> Volume:
    """Read one entry of spec.volumes, with the fields that its source allows and no other."""
    fields = Fields(value, path)
    named = fields.need("name", part_name)
    written = fields.need("source", text)
    source = (
        "stage"
        if written.startswith("@")
        else one_of("local", "stage", "memory", "block")(written, fields.at("source"))
    )
    size = fields.take("size", memory_bytes)
    uid, gid = fields.take("uid", whole_number(0, 2**31)), fields.take("gid", whole_number(0, 2**31))
    location = written if written.startswith("@") else fields.take("stageConfig", _stage_config)
    block = fields.take("blockConfig", _block_config)
    fields.done()
    if source in {"memory", "block"} and size is None:
        raise fields.refuse("size", f"is missing: a {source} volume needs one")
    if source in {"local", "stage"} and size is not None:
        raise fields.refuse("size", f"is not for a {source} volume")
    if source == "block" and size is not None and (size % _GIB or not 1 <= size // _GIB <= 65536):
        raise fields.refuse("size", "of a block volume must be 1Gi to 65536Gi in whole Gi")
    if source == "stage" and location is None:
        raise fields.refuse("stageConfig", "is missing: a stage volume needs one")
    for given, name, owner in (
        (location, "stageConfig", "stage"),
        (block, "blockConfig", "block"),
        (uid, "uid", "stage"),
        (gid, "gid", "stage"),
    ):
        if given is not None and source != owner:
            raise fields.refuse(name, f"is for {owner} volumes, not for a {source} volume")
    return Volume(named, source, size, location, uid, gid)


def _stage_config(value: Any, path: str) -> str:
    fields = Fields(value, path)
    location = fields.need("name", matching("@.+", "a stage such as @db.schema.stage/path"))
    fields.take("metadataCache", matching(r"\d+(s|m|h|d)", "a duration such as 1h"))
    fields.take("resources", _sidecar_resources)
    fields.done()
    return location


def _sidecar_resources(value: Any, path: str) -> None:
    fields = Fields(value, path)
    for name in ("requests", "limits"):
        amounts = fields.take(name, Fields)
        if amounts is not None:
            amounts.take("cpu", cpus)
            amounts.take("memory", memory_bytes)
            amounts.done()
    fields.done()


def _block_config(value: Any, path: str) -> bool:
    fields = Fields(value, path)
    contents = fields.take("initialContents", Fields)
    if contents is not None:
        contents.need("fromSnapshot", text)
        contents.done()
    fields.take("iops", whole_number(1, 1_000_000))
    fields.take("throughput", whole_number(1, 1_000_000))
    fields.take("encryption", one_of("SNOWFLAKE_SSE", "SNOWFLAKE_FULL"))
    fields.take("snapshotOnDelete", flag)
    fields.take("snapshotDeleteAfter", text)
    fields.done()
    if not isinstance(value, dict) or not value:
        raise SpecificationError(path, "must not be empty")
    return True
