"""A session beside the caller's: what REST runs neither moves its current schema nor touches its transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlops_embedded.sql.session import Session


@contextmanager
def separate_session(session: Session, database: str | None = None, schema: str | None = None) -> Iterator[Session]:
    """Open a session of the same user and role, with a DuckDB connection of its own, for one piece of work."""
    own = session.account.open_session(
        session.principal, role=session.role, warehouse=session.warehouse, database=database, schema=schema
    )
    try:
        yield own
    finally:
        own.close()
