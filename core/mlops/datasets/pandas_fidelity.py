"""What Parquet forgets of a pandas DataFrame, noted beside the table and put back when it is read.

pyarrow already keeps the index, time zones and nullable types. It loses the categories of a categorical (all
of them where they are no texts), units of seconds, the frequency of an index, ``object`` columns of numbers,
NaN in columns of texts, column names of mixed types, and Arrow's own string type. Other values that would
come back changed are refused, but for two habits of Arrow: a list in a cell comes back as an array, and
missing values of several kinds in one ``object`` column as one kind.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlops.datasets.plain_decoding import from_tree
from mlops.datasets.plain_encoding import to_tree
from mlops.datasets.serializer import UnstorableError

if TYPE_CHECKING:
    Pandas = Any  # Any: pandas and pyarrow are imported only where a value of theirs is met
    Arrow = Any  # Any: as above
    Note = dict[str, Any]  # Any: JSON

_MISSING = frozenset({"float", "Decimal", "NAType"})
"""Types whose missing value is not the None that Arrow gives."""

_TEXTS = frozenset({"string", "large_string", "string_view"})


def from_pandas(value: Pandas) -> tuple[Arrow, Note]:
    """Return a DataFrame or Series as an Arrow table, and the note that ``to_pandas`` needs.

    Raises:
        UnstorableError: a column has no type of its own, or would come back as something else.
    """
    import pandas
    import pyarrow

    note: Note = {"library": "pandas"}
    frame = value
    if isinstance(value, pandas.Series):
        note.update(kind="series", name=to_tree(value.name, (None, ".name", None)))
        frame = value.to_frame("values" if value.name is None else value.name)
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UnstorableError(f"two columns are named {twice!r}", hint="give each column a name of its own")
    if frame.columns.nlevels == 1 and frame.columns.dtype == object and names != list(frame.columns):
        note["columns"] = [to_tree(name, (None, ".columns[{}]", i)) for i, name in enumerate(frame.columns)]
        note["columns_name"] = to_tree(frame.columns.name, (None, ".columns.name", None))
        frame = frame.set_axis(names, axis=1)
    try:
        table = pyarrow.Table.from_pandas(frame)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as cause:
        reason = "; ".join(str(part) for part in cause.args[::-1]) or repr(cause)
        raise UnstorableError(
            f"a column fits no type of Parquet: {reason}",
            hint="give the column one type, for example frame[column].astype(str), or drop it",
        ) from cause
    index_names = [name for name in table.schema.pandas_metadata["index_columns"] if isinstance(name, str)]
    note["unnamed_index"] = [name for name in index_names if name.startswith("__index_level_")]
    levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)] if index_names else []
    pieces = [*(frame.iloc[:, position] for position in range(frame.shape[1])), *levels]
    if not index_names and not frame.shape[1]:  # Parquet counts rows by columns
        note["range"] = [frame.index.start, frame.index.stop, frame.index.step]
    note["pieces"] = []
    for position, piece in enumerate(pieces):
        noted, column = _noted(piece, table.column(position), table.field(position).name)
        note["pieces"].append(noted)
        if column is not None:
            field = pyarrow.field(table.field(position).name, column.type)
            table = table.set_column(position, field, column)
    if isinstance(frame.index, (pandas.DatetimeIndex, pandas.TimedeltaIndex)) and frame.index.freq is not None:
        note["frequency"] = frame.index.freqstr
    return table, note


def to_pandas(table: Arrow, note: Note, *, series: bool) -> Pandas:
    """Return the DataFrame (or Series) that ``from_pandas`` turned into this table."""
    import pandas

    noted = note.get("pieces", [])
    if "range" in note:
        frame = table.to_pandas()
        return frame.reindex(pandas.RangeIndex(*note["range"], name=frame.index.name))
    columns = [table.column(position) for position in range(table.num_columns)] if noted else []
    frame = table.to_pandas(ignore_metadata=False)
    width = frame.shape[1]
    for position, one in enumerate(noted[:width]):
        piece = frame.iloc[:, position]
        restored = _restored(piece, columns[position], one)
        if restored is not piece:
            frame.isetitem(position, restored)
    if len(noted) > width:
        levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
        restored_levels = [
            pandas.Index(_restored(level, column, one), name=level.name)
            for level, column, one in zip(levels, columns[width:], noted[width:], strict=True)
        ]
        if any(
            _spelled(now.dtype) != _spelled(was.dtype) or now.dtype == "category"
            for now, was in zip(restored_levels, levels, strict=True)
        ):
            several = len(levels) > 1
            frame.index = (
                pandas.MultiIndex.from_arrays(restored_levels, names=frame.index.names)
                if several
                else restored_levels[0]
            )
    if "frequency" in note:
        frame.index.freq = note["frequency"]
    if "columns" in note:
        frame.columns = pandas.Index(
            [from_tree(name) for name in note["columns"]], dtype=object, name=from_tree(note["columns_name"])
        )
    if series:
        column = frame.iloc[:, 0]
        column.name = from_tree(note["name"]) if "name" in note else column.name
        return column
    return frame


def _noted(piece: Pandas, column: Arrow, name: str) -> tuple[Note, Arrow | None]:
    """Return what to note of one column or index level, and the Arrow column to store instead, if any."""
    import pandas
    import pyarrow

    dtype = piece.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        categories = pyarrow.Array.from_pandas(dtype.categories)
        noted: Note = {
            "dtype": "category",
            "ordered": bool(dtype.ordered),
            "categories": _packed(pandas.DataFrame({"": dtype.categories})),
        }
        if str(categories.type) in _TEXTS:
            return noted, None
        codes = piece.array.codes
        return noted, categories.take(pyarrow.array(codes, mask=codes < 0))
    noted = {"dtype": _spelled(dtype)}
    if dtype.kind == "O" and dtype.name == "object":
        _refuse_changed(piece, column, name)
        if column.null_count:
            missing = piece[piece.isna()]
            noted["missing"] = type(missing.iloc[0] if isinstance(piece, pandas.Series) else missing[0]).__name__
    return noted, None


def _refuse_changed(piece: Pandas, column: Arrow, name: str) -> None:
    """Refuse values that Arrow would take and give back as something else."""
    from pandas.api.types import infer_dtype
    from pyarrow import types

    kind = column.type
    if types.is_struct(kind) and any(child.null_count > column.null_count for child in column.flatten()):
        raise UnstorableError(
            f"column {name!r} holds dicts with different keys or missing values, which Parquet would fill up",
            hint="make columns of the keys, or texts of the dicts with json.dumps",
        )
    if (types.is_list(kind) or types.is_large_list(kind)) and any(
        isinstance(value, (set, frozenset)) for value in piece
    ):
        raise UnstorableError(f"column {name!r} holds sets", hint="make them sorted lists")
    for alike, family in (
        (types.is_binary, "bytes"),
        (types.is_date, "date"),
        (types.is_timestamp, "datetime"),
    ):
        if alike(kind) and (found := infer_dtype(piece, skipna=True)) != family:
            raise UnstorableError(
                f"column {name!r} holds {found} values, which Parquet would turn into {kind}",
                hint=f"give the column one type, for example frame[{name!r}].astype(str)",
            )


def _restored(piece: Pandas, column: Arrow, noted: Note) -> Pandas:
    """Return a column or index level with the dtype it had; the same object where nothing was lost."""
    import numpy
    import pandas

    wanted = noted["dtype"]
    if wanted == "category":
        return _as_category(piece, column, noted)
    if wanted == "object" and piece.dtype != object:
        values: Pandas = numpy.empty(len(piece), dtype=object)
        values[:] = column.to_pylist()
        piece = pandas.Series(values, dtype=object, index=getattr(piece, "index", None), name=piece.name)
    elif wanted == "arrow":
        if not isinstance(piece.dtype, pandas.ArrowDtype):
            piece = piece.astype(pandas.ArrowDtype(column.type))
    elif _spelled(piece.dtype) != wanted:
        piece = piece.astype(wanted)
    if noted.get("missing") in _MISSING:
        value = {"float": numpy.nan, "Decimal": Decimal("NaN"), "NAType": pandas.NA}[noted["missing"]]
        piece = piece.where(piece.notna(), value)
    return piece


def _as_category(piece: Pandas, column: Arrow, noted: Note) -> Pandas:
    import pandas
    from pyarrow import ArrowNotImplementedError, compute

    categories = _unpacked(noted["categories"])
    kind = pandas.CategoricalDtype(categories, ordered=noted["ordered"])
    index = getattr(piece, "index", None)
    if isinstance(piece.dtype, pandas.CategoricalDtype):
        if piece.dtype == kind and list(piece.dtype.categories) == list(categories):
            return piece
        values = piece.array.set_categories(categories, ordered=noted["ordered"])
        return pandas.Series(values, index=index, name=piece.name)
    try:
        import pyarrow

        known = pyarrow.Array.from_pandas(categories).cast(column.type)
        codes = compute.index_in(column, value_set=known, skip_nulls=True).fill_null(-1).to_numpy()
        values = pandas.Categorical.from_codes(codes, dtype=kind)
    except (
        ArrowNotImplementedError,
        TypeError,
    ):  # intervals and periods, whose Arrow type cannot be looked up in
        values = pandas.Categorical(piece, dtype=kind)
    return pandas.Series(values, index=index, name=piece.name)


def _spelled(dtype: Pandas) -> str:
    """Return a dtype as text from which ``astype`` makes it again; ``arrow`` for what Arrow describes."""
    import pandas

    if isinstance(dtype, pandas.ArrowDtype):
        return "arrow"
    if isinstance(dtype, pandas.StringDtype) and dtype.na_value is pandas.NA:
        return f"string[{dtype.storage}]"
    return str(dtype)


def _packed(frame: Pandas) -> str:
    import pyarrow

    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema, options=pyarrow.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return b64encode(sink.getvalue()).decode()


def _unpacked(text: str) -> Pandas:
    import pandas
    import pyarrow

    with pyarrow.ipc.open_stream(b64decode(text)) as reader:
        return pandas.Index(reader.read_all().to_pandas().iloc[:, 0]).rename(None)
