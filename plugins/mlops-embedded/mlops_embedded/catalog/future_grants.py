"""Grants on objects that are still to come: GRANT ... ON FUTURE SERVICES IN SCHEMA s counts for what is made after it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timezone

from mlops_embedded.catalog.identifiers import ObjectName
from mlops_embedded.catalog.store import Catalog, Document

_KIND = "future_grant"


@dataclass(frozen=True, slots=True)
class FutureGrant:
    """One privilege on all objects of a kind that a database or schema will have, held by a role."""

    privilege: str
    type: str
    """The kind in Snowflake's words: COMPUTE POOL, DYNAMIC TABLE."""
    database: str
    schema: str | None
    role: str
    granted_by: str = ""
    created_on: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    def covers(self, kind: str, document: Document) -> bool:
        """Whether an object of a kind, which this is the catalog's document of, came after the grant and inside its scope."""
        name = document.name
        return (
            self.type == kind
            and self.database == name.database
            and self.schema in {None, name.schema}
            and document.created_on >= self.created_on
        )


def grant_future(catalog: Catalog, given: FutureGrant) -> None:
    """Write a future grant down; one that is there stays as it is."""
    if catalog.find(_KIND, _key(given)) is None:
        body = {"privilege": given.privilege, "type": given.type, "scope": [given.database, given.schema],
                "role": given.role, "granted_by": given.granted_by}  # fmt: skip
        catalog.put(Document(_KIND, _key(given), body, given.created_on))


def revoke_future(catalog: Catalog, given: FutureGrant) -> None:
    """Take a future grant away, and with it what it gave."""
    catalog.delete(_KIND, _key(given), if_exists=True)


def future_grants(catalog: Catalog) -> list[FutureGrant]:
    """Return all of them."""
    return [_future(document) for document in catalog.list(_KIND)]


def _future(document: Document) -> FutureGrant:
    body = document.body
    database, schema = body["scope"]
    return FutureGrant(
        body["privilege"], body["type"], database, schema, body["role"], body["granted_by"], document.created_on
    )


def _key(given: FutureGrant) -> ObjectName:
    named = json.dumps([given.privilege, given.type, given.role])
    return ObjectName(given.database, given.schema, hashlib.sha256(named.encode()).hexdigest())
