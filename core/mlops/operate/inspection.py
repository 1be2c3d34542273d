"""What a check-up asks of Snowflake: one protocol, and the plain values that it answers with."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from mlops.compile.privileges import HeldPrivilege
from mlops.image.listing import ListedImage


class Visitor(Struct, frozen=True):
    """Who we are to Snowflake, in the session that the target's connection gives."""

    user: str
    role: str
    account: str
    version: str
    warehouse: str | None = None
    database: str | None = None
    schema: str | None = None


class PoolState(Struct, frozen=True):
    """A compute pool as it stands."""

    name: str
    state: str
    auto_resume: bool
    max_nodes: int = 0
    instance_family: str = ""


class Inspection(Protocol):
    """Snowflake, for who looks whether everything is there. Errors are ``AccountError``."""

    def visitor(self) -> Visitor:
        """Return who we are."""

    def has_schema(self, database: str, schema: str) -> bool:
        """Tell whether the schema exists, and the role may see it."""

    def has_warehouse(self, name: str) -> bool:
        """Tell whether the warehouse exists, and the role may see it."""

    def has_stage(self, database: str, schema: str, name: str) -> bool:
        """Tell whether the stage exists, and the role may see it."""

    def is_enabled(self, notification_integration: str) -> bool | None:
        """Tell whether a notification integration is enabled; None if there is none that the role may see."""

    def pool(self, name: str) -> PoolState | None:
        """Return a compute pool, or None if there is none that the role may see."""

    def images(self, database: str, schema: str, repository: str) -> tuple[ListedImage, ...] | None:
        """Return the images of a repository; None if there is no such repository to see."""

    def held(self, role: str) -> list[HeldPrivilege]:
        """Return the privileges that a role holds, by itself and by the roles that it has."""

    def event_table(self) -> str | None:
        """Return the event table of the account, or None if logs are not kept."""
