"""Datasets that stay in Snowflake: a table holds the rows, and a small file in the run's folder says which.

The file is what a manifest commits, and what the dataset is known by: it holds the table's name, its columns, its number of
rows and Snowflake's own hash of the content. So a table dataset is committed, found and reused like any other, while
nothing of it passes through the process that runs the node.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, ClassVar

from mlops.datasets.serializer import Facts, Serializer, UnstorableError
from mlops.datasets.whole_file import WholeFile, read_whole

EXTENSION = ".table.json"
SNOWPARK = ("snowflake.snowpark.dataframe.DataFrame", "snowflake.snowpark.DataFrame", "snowflake.snowpark.Table")
PACKAGES = ("snowflake", "pandas", "polars", "pyarrow")
"""Whose tables can become a table of Snowflake."""

_LONGEST_NAME = 255

Session = Any  # Any: snowflake.snowpark.Session, which this room does not import


class TableSerializer(Serializer):
    """Keeps Snowpark, pandas, polars and Arrow tables as Snowflake tables; ``session`` is called when one is needed."""

    name: ClassVar[str] = "table"
    extension: ClassVar[str] = EXTENSION
    types: ClassVar[tuple[str, ...]] = SNOWPARK

    def __init__(self, session: Callable[[], Session | None] | None = None) -> None:
        self._session = session

    @property
    def available(self) -> bool:
        """Whether this process has a session to keep tables with."""
        return self._session is not None and self._session() is not None

    def write(self, value: object, path: Path) -> Facts:
        session = self._open()
        table = table_name(path)
        frame = _snowpark_frame(value, session)
        frame.write.save_as_table(table, mode="overwrite", table_type="transient", comment=f"dataset {path}")
        stored = session.table(table)
        columns = tuple((field.name, field.datatype.simple_string()) for field in stored.schema.fields)
        rows, content = _measured(session, table, stored.schema.names)
        note = {
            "table": ".".join((session.get_current_database(), session.get_current_schema(), table)),
            "rows": rows,
            "content": content,
            "columns": [list(column) for column in columns],
        }
        with WholeFile(str(path), replace=True) as stream:
            stream.write(json.dumps(note, indent=1).encode())
        return Facts(rows=rows, columns=columns)

    def read(self, path: Path, as_type: str | None) -> object:
        session = self._open()
        note = json.loads(read_whole(str(path)))
        name = note["table"]
        try:
            frame = session.table(name)
            rows = frame.count()
        except Exception as cause:  # Snowpark's errors have no base class that this room may import
            raise UnstorableError(
                f"its table {name} cannot be read: {cause}",
                hint="make it again: mlops run --from the node that writes it",
            ) from cause
        if rows != note["rows"]:
            raise UnstorableError(
                f"its table {name} has {rows:,} rows, and {note['rows']:,} were committed",
                hint="make it again: mlops run --from the node that writes it",
            )
        return _in_form(frame, (as_type or "snowpark").partition(".")[0])

    def _open(self) -> Session:
        session = self._session() if self._session is not None else None
        if session is None:
            raise UnstorableError(
                "it is a table of Snowflake, and this run has no session",
                hint="run it with a connection, or with --services embedded",
            )
        return session


def table_name(path: PurePath) -> str:
    """Return the name of the table that the dataset file at ``pipeline/run/dataset.table.json`` stands for.

    Upper case letters, digits and ``_``, at most 255: pipeline, dataset and run, the same for the same path.
    """
    parts = (path.parent.parent.name, path.name.removesuffix(EXTENSION), path.parent.name)
    name = "__".join(re.sub(r"[^A-Za-z0-9]", "_", part).upper() for part in parts)
    if not name[0].isalpha():
        name = f"_{name}"
    if len(name) > _LONGEST_NAME:
        from hashlib import sha256

        name = f"{name[:190]}_{sha256(name.encode()).hexdigest()[:60].upper()}"
    return name


def content_of_table(path: Path) -> str:
    """Return Snowflake's hash of the rows of the table that the file at ``path`` stands for.

    Raises:
        OSError: the file is gone.
    """
    return str(json.loads(read_whole(str(path)))["content"])


def noted_table(path: Path) -> tuple[str, int] | None:
    """Return the table that the dataset file at a path stands for, with database and schema, and its number of rows.

    None for a file that is damaged, or names a table that is not of this dataset.
    """
    try:
        note = json.loads(read_whole(str(path)))
        name, rows = str(note["table"]), int(note["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (name, rows) if name.endswith(f".{table_name(path)}") else None


def name_of_table(path: Path) -> str:
    """Return the whole name of the table that the file at ``path`` stands for.

    Raises:
        OSError: the file is gone.
    """
    return str(json.loads(read_whole(str(path)))["table"])


def _snowpark_frame(value: object, session: Session) -> Any:  # Any: snowflake.snowpark.DataFrame
    package = type(value).__module__.partition(".")[0]
    if package == "snowflake":
        return value
    if package == "polars":
        value = value.to_arrow()  # type: ignore[attr-defined]  # a polars.DataFrame
    elif package not in PACKAGES:
        raise UnstorableError(
            f"a {type(value).__module__}.{type(value).__qualname__} cannot become a table of Snowflake",
            hint='return a Snowpark, pandas, polars or Arrow table, or leave out storage="table"',
        )
    return session.create_dataframe(value)


def _measured(session: Session, table: str, columns: list[str]) -> tuple[int, str]:
    """Return the number of rows, and Snowflake's hash of all of them, which does not depend on their order."""
    ((rows, content),) = session.sql(f"SELECT COUNT(*), HASH_AGG({', '.join(columns)}) FROM {table}").collect()
    return int(rows), str(content)


def _in_form(frame: Any, form: str) -> object:  # Any: snowflake.snowpark.DataFrame
    match form:
        case "snowpark" | "snowflake":
            return frame
        case "pandas":
            return frame.to_pandas()
        case "arrow" | "pyarrow":
            return frame.to_arrow()
        case "polars":
            import polars

            return polars.from_arrow(frame.to_arrow())
    raise UnstorableError(
        f"a table of Snowflake cannot be read as {form!r}", hint="ask for snowpark, pandas, polars or arrow"
    )
