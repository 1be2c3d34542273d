"""Tags on objects: which tag has which value where. The tags themselves are documents of kind `tag`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from mlops_embedded.catalog.identifiers import ObjectName
from mlops_embedded.catalog.store import Catalog, Document
from mlops_embedded.errors import invalid_value

_KIND = "tag_reference"


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a tag is set on: a domain as Snowflake reports it (TABLE also for views, MODULE for models) and a name."""

    domain: str
    name: ObjectName
    column: str | None = None


@dataclass(frozen=True, slots=True)
class TagReference:
    """One tag on one object."""

    tag: ObjectName
    on: Tagged
    value: str


def set_tag(catalog: Catalog, on: Tagged, tag: ObjectName, value: str) -> None:
    """Set a tag's value on an object, over the one it has; 002003 if there is no such tag."""
    allowed = catalog.get("tag", tag).body.get("allowed_values")
    if allowed is not None and value not in allowed:
        raise invalid_value(f"tag value {value!r} is not one of the allowed values of tag '{tag}': {allowed}")
    body = {"tag": _parts(tag), "domain": on.domain, "on": _parts(on.name), "column": on.column, "value": value}
    catalog.put(Document(_KIND, _key(on, tag), body))


def unset_tag(catalog: Catalog, on: Tagged, tag: ObjectName) -> None:
    """Take a tag off an object; nothing happens if it is not on it."""
    catalog.delete(_KIND, _key(on, tag), if_exists=True)


def tags_of(catalog: Catalog, on: Tagged) -> list[TagReference]:
    """Return the tags of one object, by name."""
    found = catalog.list(_KIND, database=on.name.database or None, schema=on.name.schema or None)
    return sorted((r for d in found if (r := _reference(d)).on == on), key=lambda r: r.tag)


def references_to(catalog: Catalog, tag: ObjectName) -> list[TagReference]:
    """Return every object that has this tag, by name."""
    found = (r for d in catalog.list(_KIND) if (r := _reference(d)).tag == tag)
    return sorted(found, key=lambda r: (r.on.domain, r.on.name))


def untag(catalog: Catalog, on: Tagged) -> None:
    """Take all tags off an object that is dropped."""
    for reference in tags_of(catalog, on):
        unset_tag(catalog, on, reference.tag)


def move_tags(catalog: Catalog, on: Tagged, to: Tagged) -> None:
    """Let the tags of an object go with it to its new name."""
    with catalog.transaction():
        for reference in tags_of(catalog, on):
            unset_tag(catalog, on, reference.tag)
            set_tag(catalog, to, reference.tag, reference.value)


def _reference(document: Document) -> TagReference:
    body = document.body
    on = Tagged(body["domain"], ObjectName(*body["on"]), body["column"])
    return TagReference(ObjectName(*body["tag"]), on, body["value"])


def _parts(name: ObjectName) -> list[str | None]:
    return [name.database, name.schema, name.name]


def _key(on: Tagged, tag: ObjectName) -> ObjectName:
    """A document's key that lives (and is dropped) with the tagged object's schema."""
    named = json.dumps([on.domain, *_parts(on.name), on.column, *_parts(tag)])
    return ObjectName(on.name.database, on.name.schema, hashlib.sha256(named.encode()).hexdigest())
