"""Tables as Parquet: pandas and polars DataFrames and Series, and pyarrow Tables.

A reader gets the library that wrote the table, or asks for ``"pandas"``, ``"polars"`` or ``"arrow"`` (or
names the type it wants). Between libraries a named index becomes a column and an unnamed one is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.datasets.pandas_fidelity import from_pandas, to_pandas
from mlops.datasets.serializer import Facts, StreamSerializer, UnstorableError

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.datasets.whole_file import WholeFile

    Table = Any  # Any: pyarrow, pandas and polars are imported only where a value of theirs is met

LIBRARIES = {"pandas": "pandas", "polars": "polars", "arrow": "arrow", "pyarrow": "arrow"}
NOTE = b"mlops"
"""Key of the Parquet metadata that holds what wrote the table, as JSON."""

_SAMPLE = 1000
_WORTH_A_SAMPLE = 20 * _SAMPLE
_INSTALL = 'pip install "mlops-framework[data]"'


class ParquetSerializer(StreamSerializer):
    """A table. The index, the column names and every dtype of pandas come back, and the schema of polars."""

    name = "parquet"
    extension = ".parquet"
    types = (
        "pandas.core.frame.DataFrame",
        "pandas.DataFrame",
        "pandas.core.series.Series",
        "pandas.Series",
        "polars.dataframe.frame.DataFrame",
        "polars.DataFrame",
        "polars.series.series.Series",
        "polars.Series",
        "pyarrow.lib.Table",
        "pyarrow.Table",
    )

    def write_to(self, value: Any, stream: WholeFile) -> Facts:  # Any: one of the types above
        libraries = {base.__module__.partition(".")[0] for base in type(value).__mro__}
        if "polars" in libraries:
            return _write_polars(value, stream)
        pyarrow = _pyarrow()
        if "pandas" in libraries:
            table, note = from_pandas(value)
        elif "pyarrow" in libraries:
            table, note = value, {"library": "arrow"}
        else:
            raise UnstorableError(f"a {type(value).__name__} is no table", hint="return a pandas or polars DataFrame")
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), NOTE: _to_json(note)})
        from pyarrow import parquet

        # Parquet wants the items of a list named "element"; a Table of Arrow keeps the name it gave them.
        compliant = note["library"] != "arrow"
        try:
            sink = pyarrow.PythonFile(stream, mode="w")
            repeating = _repeating_columns(table)
            with parquet.ParquetWriter(
                sink, table.schema, use_dictionary=repeating, use_compliant_nested_type=compliant
            ) as writer:
                writer.write_table(table)
        except (pyarrow.ArrowException, ValueError) as cause:
            raise UnstorableError(f"Parquet cannot hold this table: {cause}") from cause
        unnamed = note.get("unnamed_index", ())
        columns = tuple((field.name, str(field.type)) for field in table.schema if field.name not in unnamed)
        return Facts(rows=table.num_rows, columns=columns)

    def read(self, path: Path, as_type: str | None) -> object:
        note = note_of(path)
        library, series = _form(note, as_type)
        if library == "polars":
            return _read_polars(path, note.get("unnamed_index", []), series=series)
        _pyarrow()
        from pyarrow import parquet

        with parquet.ParquetFile(path) as file:
            table = file.read()
        return _from_arrow(table, note, library, series=series)


def in_form(value: object, as_type: str) -> object:
    """Return a table of one library as another has it, as if it had been stored and read; anything else as it is."""
    names = {f"{base.__module__}.{base.__qualname__}" for base in type(value).__mro__}
    wanted = LIBRARIES.get(as_type.partition(".")[0])
    own = {LIBRARIES.get(name.partition(".")[0]) for name in names}
    if wanted is None or wanted in own or not names.intersection(ParquetSerializer.types):
        return value
    from pathlib import Path
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder, "table.parquet")
        serializer = ParquetSerializer()
        serializer.write(value, path)
        return serializer.read(path, as_type)


def from_arrow(table: Table, path: Path, as_type: str | None) -> object:
    """Return some of the rows of a Parquet file as ``ParquetSerializer.read`` returns all of them; not for polars."""
    note = {key: value for key, value in note_of(path).items() if key not in ("range", "frequency")}
    library, series = _form(note, as_type)
    return _from_arrow(table, note, library, series=series)


def _from_arrow(table: Table, note: dict[str, Any], library: str, *, series: bool) -> object:  # Any: JSON
    if library == "pandas":
        return to_pandas(table.replace_schema_metadata(_without_note(table)), note, series=series)
    unnamed = note.get("unnamed_index", [])
    kept = table.drop_columns(unnamed) if unnamed else table
    kept = kept.replace_schema_metadata(_without_note(kept))
    return kept.column(0) if series else kept


def note_of(path: Path) -> dict[str, Any]:  # Any: JSON
    """Return what the writer noted in a Parquet file; for a foreign file, which library reads it best."""
    try:
        from pyarrow import ArrowNotImplementedError, parquet

        with parquet.ParquetFile(path) as file:
            text = (file.metadata.metadata or {}).get(NOTE)
            foreign = "polars" if (file.metadata.created_by or "").startswith("Polars") else "pandas"
    except (ImportError, ArrowNotImplementedError):  # no pyarrow here, or a type that polars alone has
        text, foreign = _polars().read_parquet_metadata(path).get(NOTE.decode()), "polars"
    if text is None:
        return {"library": foreign}
    from json import loads

    note: dict[str, Any] = loads(text)  # Any: as above
    return note


def _form(note: dict[str, Any], as_type: str | None) -> tuple[str, bool]:  # Any: JSON
    """Return the library to read with and whether a Series is wanted.

    Raises:
        UnstorableError: the word is not one of the forms. A qualified type name of something else asks for
        nothing.
    """
    series = note.get("kind") == "series"
    written = str(note["library"])
    if as_type is None:
        return written, series
    package, dot, _ = as_type.partition(".")
    if package in LIBRARIES:
        return LIBRARIES[package], series and not as_type.endswith((".DataFrame", ".Table"))
    if dot:
        return written, series
    raise UnstorableError(
        f"a table cannot be read as {as_type!r}",
        hint='ask for "pandas", "polars" or "arrow", or leave it out',
    )


def _repeating_columns(table: Table) -> bool | list[str]:
    """Return the columns that a dictionary makes smaller: all, where finding out would not pay.

    Arrow otherwise builds a dictionary of every column, and gives up when it has grown too large. For columns of measured
    numbers that is nearly half of the time it takes to write them.
    """
    from pyarrow import compute, types

    rows = table.num_rows
    if rows < _WORTH_A_SAMPLE or any(types.is_nested(field.type) for field in table.schema):
        return True
    repeating = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        sampled = types.is_floating(column.type) or types.is_integer(column.type) or types.is_temporal(column.type)
        sample = column.slice(rows // 2, _SAMPLE)
        if not sampled or compute.count_distinct(sample, mode="all").as_py() < len(sample) // 2:
            repeating.append(name)
    return repeating


def _write_polars(value: Table, stream: WholeFile) -> Facts:
    import polars

    series = isinstance(value, polars.Series)
    frame = value.to_frame(value.name or "values") if series else value
    note = {"library": "polars", **({"kind": "series", "name": value.name} if series else {})}
    if objects := [name for name, kind in frame.schema.items() if kind == polars.Object]:
        raise UnstorableError(
            f"column {objects[0]!r} holds Python objects (dtype Object), which Parquet cannot",
            hint="give the column a type, for example pl.col(name).map_elements(str, return_dtype=pl.String)",
        )
    frame.write_parquet(stream, metadata={NOTE.decode(): _to_json(note).decode()})
    return Facts(rows=frame.height, columns=tuple((name, str(kind)) for name, kind in frame.schema.items()))


def _read_polars(path: Path, unnamed: list[str], *, series: bool) -> object:
    with path.open("rb") as file:
        frame = _polars().read_parquet(file)
    frame = frame.drop(unnamed)
    return frame.to_series(0) if series else frame


def _polars() -> Any:  # Any: polars is imported late
    try:
        import polars
    except ImportError as cause:
        raise UnstorableError(
            "polars is asked for, or wrote this table, and is not installed",
            hint="pip install polars, or ask for the table as pandas",
        ) from cause
    return polars


def _without_note(table: Table) -> dict[bytes, bytes] | None:
    kept = {key: value for key, value in (table.schema.metadata or {}).items() if key != NOTE}
    return kept or None


def _to_json(note: dict[str, Any]) -> bytes:  # Any: JSON
    from json import dumps

    return dumps(note, separators=(",", ":")).encode()


def _pyarrow() -> Any:  # Any: pyarrow has no types
    try:
        import pyarrow
    except ImportError as cause:
        raise UnstorableError("tables are stored with pyarrow, which is not installed", hint=_INSTALL) from cause
    return pyarrow
