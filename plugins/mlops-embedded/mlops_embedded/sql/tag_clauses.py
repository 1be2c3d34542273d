"""`TAG (name = 'value', ...)` in CREATE, and `SET TAG` / `UNSET TAG` in ALTER, for every kind of object."""

from __future__ import annotations

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.tags import Tagged, set_tag, unset_tag
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader


def read_tags(session: Session, reader: Reader) -> dict[ObjectName, str]:
    """Read `(name = 'value', ...)`, the word TAG being behind the reader already; 002003 for an unknown tag."""
    reader.expect("(")
    tags = _assignments(session, reader)
    reader.expect(")")
    return tags


def set_tags(session: Session, on: Tagged, tags: dict[ObjectName, str]) -> None:
    """Set tags on an object, all of them or none."""
    with session.catalog.transaction():
        for tag, value in tags.items():
            set_tag(session.catalog, on, tag, value)


def alter_tags(session: Session, reader: Reader, on: Tagged) -> bool:
    """Do what SET TAG or UNSET TAG says, if that comes next; False if something else does."""
    if reader.accept("SET", "TAG"):
        set_tags(session, on, _assignments(session, reader))
    elif reader.accept("UNSET", "TAG"):
        while True:
            unset_tag(session.catalog, on, session.resolve(reader.name(), "UNSET TAG"))
            if not reader.accept(","):
                break
    else:
        return False
    reader.finish()
    return True


def _assignments(session: Session, reader: Reader) -> dict[ObjectName, str]:
    tags = {}
    while True:
        tag = session.resolve(reader.name(), "SET TAG")
        session.catalog.get("tag", tag)
        reader.expect("=")
        tags[tag] = reader.string()
        if not reader.accept(","):
            return tags
