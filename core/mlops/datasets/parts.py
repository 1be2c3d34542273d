"""A part of a table: the rows that belong to one of several replicas, chosen by the hash of a key.

The hash is the lower half of the MD5 of the key's text, which Snowflake computes as ``MD5_NUMBER_LOWER64``: so a row
belongs to the same replica whether its table is a file, a value in memory or a table of Snowflake. That holds for keys
whose text is the same in both: texts, whole numbers, truth values and dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops.datasets.manifest import DatasetRecord
    from mlops.datasets.store import FileStore

    Table = Any  # Any: pandas, polars, pyarrow and Snowpark are imported only where a value of theirs is met

_ROWS = 131_072
"""How many rows of a file are looked at at once."""


class Part:
    """What one replica reads: of each table that has the key its own rows, of everything else all."""

    def __init__(self, key: str | None, index: int, count: int) -> None:
        self.key, self.index, self.count = key, index, count
        self._rows: list[int] = []

    @property
    def idle(self) -> bool:
        """Whether the replica has read tables that have the key, and none of them holds a row for it."""
        return bool(self._rows) and not any(self._rows)

    def of_record(self, store: FileStore, record: DatasetRecord, as_type: str | None) -> object:
        """Return this part of a committed dataset; of a Parquet file no more than this part is kept in memory.

        Raises:
            DatasetError: as ``FileStore.read``.
        """
        has_key = self.key is not None and any(name == self.key for name, _ in record.columns or ())
        if has_key and record.serializer == "parquet" and not _for_polars(store, record, as_type):
            if not store.verify(record):
                return store.read(record, as_type)  # it raises, and says what has become of the file
            value = self._of_file(Path(store.path(record)), as_type)
            self._rows.append(len(value))
            return value
        return self.of_value(store.read(record, as_type))

    def of_value(self, value: object) -> object:
        """Return this part of a value: its own rows of a table that has the key, anything else as it is."""
        table: Table = value
        package = type(value).__module__.partition(".")[0]
        if self.key is None or not hasattr(table, "columns"):
            return value
        if package == "snowflake":
            return self._of_snowpark(table)
        if package == "pyarrow" and self.key in table.column_names:
            part = table.filter(self._mask(table.column(self.key)))
        elif package in ("pandas", "polars") and self.key in table.columns:
            import pyarrow

            mask = self._mask(pyarrow.array(table[self.key])).to_numpy(zero_copy_only=False)
            part = table[mask] if package == "pandas" else table.filter(mask)
        else:
            return value
        self._rows.append(len(part))
        return part

    def _of_file(self, path: Path, as_type: str | None) -> Any:  # Any: a table of pandas or Arrow
        import pyarrow
        from pyarrow import parquet

        from mlops.datasets.tabular import from_arrow

        with parquet.ParquetFile(path) as file:
            batches = [
                pyarrow.Table.from_batches([batch]).filter(self._mask(batch.column(self.key)))
                for batch in file.iter_batches(batch_size=_ROWS)
            ]
            table = pyarrow.concat_tables(batches) if batches else file.schema_arrow.empty_table()
            table = table.replace_schema_metadata(file.schema_arrow.metadata)
        return from_arrow(table, path, as_type)

    def _mask(self, keys: Table) -> Table:
        """Return which of these keys are this replica's, as an Arrow array of truth values. Each key is hashed once."""
        import pyarrow

        chunks = keys.chunks if isinstance(keys, pyarrow.ChunkedArray) else [keys]
        masks = []
        for chunk in chunks:
            encoded = chunk if pyarrow.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
            own = pyarrow.array([replica_of(key, self.count) == self.index for key in encoded.dictionary.to_pylist()])
            mask = own.cast(pyarrow.bool_()).take(encoded.indices)
            masks.append(mask.fill_null(replica_of(None, self.count) == self.index))
        return pyarrow.chunked_array(masks, pyarrow.bool_()).combine_chunks()

    def _of_snowpark(self, table: Table) -> Table:
        column = next((name for name in table.columns if name.strip('"') in (self.key, str(self.key).upper())), None)
        if column is None:
            return table
        quoted = column if column.startswith('"') else f'"{column}"'
        text = f"COALESCE(TO_VARCHAR({quoted}), '')"
        return table.filter(f"MOD(MD5_NUMBER_LOWER64({text}), {self.count:d}) = {self.index:d}")


def replica_of(key: object, count: int) -> int:
    """Return which of ``count`` replicas a key belongs to; a missing key is that of an empty text."""
    text = "" if key is None else str(key)
    if isinstance(key, bool):
        text = text.lower()
    elif isinstance(key, float) and key.is_integer():  # of whole numbers of which some are missing pandas makes these
        text = str(int(key))
    return int.from_bytes(md5(text.encode(), usedforsecurity=False).digest()[8:], "big") % count


def _for_polars(store: FileStore, record: DatasetRecord, as_type: str | None) -> bool:
    """Tell whether a Parquet file is read with polars, which does that as a whole."""
    from mlops.datasets.tabular import note_of

    wanted = as_type or str(note_of(Path(store.path(record)))["library"])
    return wanted.partition(".")[0] == "polars"


class Ungatherable(ValueError):
    """Values of the replicas that cannot be put together."""


def gathered(values: Iterable[object]) -> object:
    """Return what the values of all replicas are together, in the order of the replicas.

    Tables and arrays are put below each other, lists after each other, dicts and sets into one.

    Raises:
        Ungatherable: they are none of these, of different types, or two replicas have one key of a dict.
    """
    parts = list(values)
    kinds = dict.fromkeys(type(part) for part in parts)
    if len(kinds) > 1:
        raise Ungatherable(f"replicas wrote it as {' and '.join(kind.__qualname__ for kind in kinds)}")
    (kind,) = kinds
    first: Any = parts[0]
    package = kind.__module__.partition(".")[0]
    if kind is dict:
        return _one_dict(parts)
    if kind in (list, tuple):
        return kind(one for part in parts for one in part)  # type: ignore[attr-defined]  # a list or a tuple
    if kind in (set, frozenset):
        return first.union(*parts[1:])
    if package == "numpy" and getattr(first, "ndim", 0) > 0:
        import numpy

        return numpy.concatenate(parts)
    if package == "pandas":
        return _one_frame(parts)
    if package == "polars":
        import polars

        return polars.concat(parts, how="vertical_relaxed")
    if package == "pyarrow" and hasattr(first, "column_names"):
        import pyarrow

        return pyarrow.concat_tables(parts, promote_options="permissive")
    if package == "snowflake" and hasattr(first, "union_all"):
        for part in parts[1:]:
            first = first.union_all(part)
        return first
    raise Ungatherable(f"it is {kind.__qualname__} in each replica")


def _one_dict(parts: list[Any]) -> dict[object, object]:
    whole: dict[object, object] = {}
    for part in parts:
        if twice := sorted(map(str, whole.keys() & part.keys())):
            raise Ungatherable(f"two replicas wrote the key {twice[0]!r} of a dict")
        whole.update(part)
    return whole


def _one_frame(parts: list[Table]) -> Table:
    """Put pandas tables below each other; an index that only counts rows counts on, and categories stay categories."""
    import pandas
    from pandas.api.types import union_categoricals

    counting = all(isinstance(part.index, pandas.RangeIndex) for part in parts)
    if isinstance(parts[0], pandas.DataFrame):
        for name in parts[0].columns:
            columns = [part[name] for part in parts if name in part.columns]
            if all(isinstance(column.dtype, pandas.CategoricalDtype) for column in columns):
                categories = union_categoricals(columns, ignore_order=not columns[0].cat.ordered).categories
                parts = [part.assign(**{str(name): part[name].cat.set_categories(categories)}) for part in parts]
    return pandas.concat(parts, ignore_index=counting)
