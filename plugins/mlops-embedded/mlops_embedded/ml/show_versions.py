"""SHOW VERSIONS [LIKE '...'] IN <kind> <name>: one statement for every kind of object that has versions.

@versions_of("MODEL")
def model_versions(session: Session, name: ObjectName, like: str | None) -> Rowset: ...
"""

from __future__ import annotations

from collections.abc import Callable

from mlops_embedded.catalog import ObjectName
from mlops_embedded.errors import unknown_here
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.results import Rowset
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement

Versions = Callable[[Session, ObjectName, str | None], Rowset]
_KINDS: dict[str, Versions] = {}


def versions_of(kind: str) -> Callable[[Versions], Versions]:
    """Register the function that lists the versions of one kind; it gets the name and LIKE's pattern."""

    def register(function: Versions) -> Versions:
        _KINDS[kind] = function
        return function

    return register


@statement("SHOW", "VERSIONS")
def show_versions(session: Session, found: Statement) -> Rowset:
    reader = found.after("SHOW", "VERSIONS")
    like = reader.string() if reader.accept("LIKE") else None
    reader.expect("IN")
    kind = reader.accept_any(_KINDS)
    if kind is None:
        raise unknown_here(f"SHOW VERSIONS IN {reader.rest()}; it knows {', '.join(sorted(_KINDS))}")
    name = session.resolve(reader.name(), "SHOW VERSIONS")
    reader.finish()
    return _KINDS[kind](session, name, like)
