"""The event table of an account: where the logs of containers go, and stay when the containers are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake.connector import DictCursor

from mlops.snowflake.refusals import refusals

if TYPE_CHECKING:
    from mlops.snowflake.session import SnowflakeSession


def event_table(session: SnowflakeSession) -> str | None:
    """Return the qualified name of the account's event table, or None if logs are not kept.

    Raises:
        AccountError: Snowflake is out of reach.
    """
    with refusals("the event table of the account"), session.connection.cursor(DictCursor) as cursor:
        cursor.execute("SHOW PARAMETERS LIKE 'event_table' IN ACCOUNT")
        return next((str(row["value"]) for row in cursor.fetchall() if row["value"]), None)
