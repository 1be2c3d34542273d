"""Where runs in Snowflake are kept, on snowflake-core: files of a stage, and tables. Removing files is SQL: the API has no call."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from mlops.compile.statement import literal
from mlops.pruning.deployed import NotedTable, StoredFile
from mlops.snowflake.identifiers import qualified, quoted, stored, stored_parts
from mlops.snowflake.refusals import MissingError, refusals

if TYPE_CHECKING:
    from snowflake.core.schema import SchemaResource

    from mlops.snowflake.session import SnowflakeSession


class SnowflakeRunStorage:
    """One stage, and the schema that it and the tables are in; names are stored names."""

    def __init__(self, session: SnowflakeSession, *, database: str, schema: str, stage: str) -> None:
        self._session, self._stage = session, stage
        self._place = database, schema

    @property
    def _schema(self) -> SchemaResource:
        database, schema = self._place
        return self._session.root.databases[quoted(database)].schemas[quoted(schema)]

    def comment(self) -> str | None:
        """Return the comment of the stage; None if it has none, or is not there."""
        try:
            with refusals(f"stage {self._stage}"):
                found: str | None = self._schema.stages[quoted(self._stage)].fetch().comment
                return found
        except MissingError:
            return None

    def files(self) -> Iterator[StoredFile]:
        """Yield every file on the stage; none if there is no stage."""
        try:
            with refusals(f"the files of stage {self._stage}"):
                found = list(self._schema.stages[quoted(self._stage)].list_files())
        except MissingError:
            return
        for one in found:
            modified = parsedate_to_datetime(one.last_modified).timestamp() if one.last_modified else 0.0
            yield StoredFile((one.name or "").partition("/")[2], int(one.size or 0), modified)

    def paths(self, folder: str) -> list[str]:
        """Return the files below a folder, by their paths from the stage's root; none if there is no such folder."""
        location = f"@{qualified(*self._place, self._stage)}/{folder}/"
        rows = self._session.rows(f"LIST {literal(location)}")
        return [str(row[0]).partition("/")[2] for row in rows]

    def fetch(self, path: str, folder: str) -> None:
        """Copy a file of the stage into a folder of this machine, under its own name; what is there is replaced."""
        source = f"@{qualified(*self._place, self._stage)}/{path}"
        with refusals(f"{path} on stage {self._stage}"), self._session.connection.cursor() as cursor:
            cursor.execute(f"GET {literal(source)} {literal(f'file://{folder}')}")

    def tables(self) -> Iterator[NotedTable]:
        """Yield every table of the schema that the role sees."""
        with refusals("the tables of the schema"):
            for one in self._schema.tables.iter():
                created = one.created_on.timestamp() if one.created_on else 0.0
                yield NotedTable(stored(one.name), one.comment or "", created, one.bytes or 0, one.rows or 0)

    def remove(self, folder: str, *, pattern: str | None = None) -> None:
        """Remove the files of a folder, which ends with ``/`` so that it is no prefix of another's name."""
        location = literal(f"@{qualified(*self._place, self._stage)}/{folder}/")
        only = "" if pattern is None else f" PATTERN = {literal(pattern)}"
        what = f"{folder} on stage {self._stage} cannot be removed"
        with refusals(what), self._session.connection.cursor() as cursor:
            cursor.execute(f"REMOVE {location}{only}")

    def drop_table(self, name: str) -> None:
        """Drop a table; nothing happens if it is not there."""
        drop_table(self._session, qualified(*self._place, name))


def drop_table(session: SnowflakeSession, name: str) -> None:
    """Drop a table by its whole name, if it is there."""
    database, schema, table = stored_parts(name)
    with refusals(f"table {name} cannot be dropped"):
        session.root.databases[quoted(database)].schemas[quoted(schema)].tables[quoted(table)].drop(if_exists=True)
