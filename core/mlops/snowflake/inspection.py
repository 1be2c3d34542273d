"""A look at an account for ``mlops doctor``: who we are, what is there, and which privileges a role holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from snowflake.core.exceptions import NotFoundError
from snowflake.core.grant import Grantees

from mlops.compile.privileges import HeldPrivilege
from mlops.image.listing import ListedImage
from mlops.operate.inspection import PoolState, Visitor
from mlops.snowflake.event_tables import event_table
from mlops.snowflake.identifiers import quoted, stored_parts
from mlops.snowflake.images import listed_images
from mlops.snowflake.refusals import refusals

if TYPE_CHECKING:
    from mlops.snowflake.session import SnowflakeSession

Answer = TypeVar("Answer")


class SnowflakeInspection:
    """The account that a session is with."""

    def __init__(self, session: SnowflakeSession) -> None:
        self._session = session

    def visitor(self) -> Visitor:
        """Return who we are."""
        [row] = self._session.rows(
            "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_ACCOUNT(), CURRENT_VERSION(), CURRENT_WAREHOUSE(),"
            " CURRENT_DATABASE(), CURRENT_SCHEMA()"
        )
        return Visitor(*row)

    def has_schema(self, database: str, schema: str) -> bool:
        """Tell whether the schema exists, and the role may see it."""
        found = self._session.root.databases[quoted(database)].schemas[quoted(schema)]
        return _found(lambda: found.fetch(), f"schema {database}.{schema}") is not None

    def has_warehouse(self, name: str) -> bool:
        """Tell whether the warehouse exists, and the role may see it."""
        return _found(lambda: self._session.root.warehouses[quoted(name)].fetch(), f"warehouse {name}") is not None

    def has_stage(self, database: str, schema: str, name: str) -> bool:
        """Tell whether the stage exists, and the role may see it."""
        stages = self._session.root.databases[quoted(database)].schemas[quoted(schema)].stages
        return _found(lambda: stages[quoted(name)].fetch(), f"stage {name}") is not None

    def is_enabled(self, notification_integration: str) -> bool | None:
        """Tell whether a notification integration is enabled; None if there is none that the role may see."""
        integration = self._session.root.notification_integrations[quoted(notification_integration)]
        found = _found(lambda: integration.fetch(), f"notification integration {notification_integration}")
        return None if found is None else bool(found.enabled)

    def pool(self, name: str) -> PoolState | None:
        """Return a compute pool, or None if there is none that the role may see."""
        found = _found(lambda: self._session.root.compute_pools[quoted(name)].fetch(), f"compute pool {name}")
        if found is None:
            return None
        return PoolState(
            stored_parts(found.name)[-1],
            found.state or "",
            bool(found.auto_resume),
            found.max_nodes,
            found.instance_family,
        )

    def images(self, database: str, schema: str, repository: str) -> tuple[ListedImage, ...] | None:
        """Return the images of a repository; None if there is no such repository to see."""
        return listed_images(self._session, quoted(database), quoted(schema), quoted(repository))

    def held(self, role: str) -> list[HeldPrivilege]:
        """Return the privileges that a role holds, by itself and by the roles that it has."""
        found: list[HeldPrivilege] = []
        seen: set[str] = set()
        ahead = [role, "PUBLIC"]
        while ahead:
            name = ahead.pop()
            if name in seen:
                continue
            seen.add(name)
            with refusals(f"grants to role {name}"):
                grants = list(self._session.root.grants.to(Grantees.role(name=quoted(name))))
            for grant in grants:
                parts = stored_parts(grant.securable_name or "")
                kind = (grant.securable_type or "").replace("_", " ").upper()
                for privilege in grant.privileges or ():
                    if kind == "ROLE" and privilege == "USAGE":
                        ahead.append(parts[-1])
                    on = "" if kind == "ACCOUNT" else ".".join(quoted(part) for part in parts)
                    found.append(HeldPrivilege(kind, on, privilege))
        return found

    def event_table(self) -> str | None:
        """Return the event table of the account, or None if logs are not kept."""
        return event_table(self._session)


def _found(ask: Callable[[], Answer], what: str) -> Answer | None:
    with refusals(what):
        try:
            return ask()
        except NotFoundError:
            return None
