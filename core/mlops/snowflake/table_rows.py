"""The first rows of a table, for a look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.snowflake.identifiers import qualified, stored_parts
from mlops.snowflake.refusals import refusals

if TYPE_CHECKING:
    from mlops.snowflake.session import SnowflakeSession


def first_rows(session: SnowflakeSession, table: str, count: int) -> list[tuple[Any, ...]]:  # Any: values of SQL
    """Return up to ``count`` rows of the table that a whole name means.

    Raises:
        AccountError: it is gone, the role may not read it, or Snowflake is out of reach.
    """
    with refusals(f"table {table} cannot be read"):
        return session.rows(f"SELECT * FROM {qualified(*stored_parts(table))} LIMIT {count:d}")
