"""In the worker: users' Python functions, table functions and procedures, as CREATE FUNCTION describes them."""

from __future__ import annotations

import atexit
import base64
import json
import shutil
import sys
import tempfile
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

_JSON = {"VARIANT", "ARRAY", "OBJECT"}
_imports: dict[str, str] = {}


def scalar(*, code: str, handler: str, imports: list[str], types: list[str], returns: str) -> Any:
    """A UDF: a table of arguments in, one column `result` out (JSON text for VARIANT, ARRAY and OBJECT)."""
    function = _handler(code, handler, imports)
    vectorized = getattr(function, "_sf_vectorized_input", None)

    def call(table: pa.Table | None, _arguments: dict[str, Any]) -> tuple[dict[str, Any], pa.Table]:
        assert table is not None
        if vectorized is not None:
            frame = table.select(range(1, table.num_columns)).to_pandas()
            frame.columns = range(len(frame.columns))
            for n, type_ in enumerate(types):
                if type_ in _JSON:
                    frame[n] = _decoded(frame[n].tolist(), type_)
            import pandas

            result = pandas.Series(function(frame) if vectorized is pandas.DataFrame else function(*_series(frame)))
            values = [None if _missing(v) else _plain(v) for v in result.tolist()]
        else:
            columns = [_decoded(c.to_pylist(), t) for c, t in zip(table.columns[1:], types, strict=True)]
            rows: Iterable[tuple[Any, ...]] = zip(*columns, strict=True) if columns else [()] * table.num_rows
            values = [_plain(function(*row)) for row in rows]
        return {}, pa.table({"result": _column(values, returns)})

    return call


def table(
    *, code: str, handler: str, imports: list[str], names: list[str], types: list[str], columns: list[list[str]]
) -> Any:
    """A UDTF: rows of arguments with the number of their partition in, the rows that its methods yield out.

    Beside them stand the row that each belongs to and whether it came of that row alone (`process`) or of the whole
    partition (`end_partition`).
    """
    handler_class = _handler(code, handler, imports)

    def call(given: pa.Table | None, _arguments: dict[str, Any]) -> tuple[dict[str, Any], pa.Table]:
        assert given is not None
        rows: list[tuple[Any, ...]] = []
        belongs: list[int] = []
        by_row: list[bool] = []

        def take(found: Iterable[tuple[Any, ...]], row: int, of_row: bool) -> None:
            before = len(rows)
            rows.extend(found)
            belongs.extend([row] * (len(rows) - before))
            by_row.extend([of_row] * (len(rows) - before))

        for start, end in _partitions(given.column(0).to_pylist()):
            part = given.slice(start, end - start)
            instance = handler_class()
            process, finish = getattr(instance, "process", None), getattr(instance, "end_partition", None)
            if process is not None and _takes_frame(process):
                take(_tuples(process(_frame(part, names))), end - 1, False)
            elif process is not None:
                arguments = [_decoded(c.to_pylist(), t) for c, t in zip(part.columns[1:], types, strict=True)]
                for n, each in enumerate(zip(*arguments, strict=True) if arguments else [()] * part.num_rows):
                    take(process(*each) or (), start + n, True)
            if finish is not None:
                take(_tuples(finish(_frame(part, names))) if _takes_frame(finish) else finish() or (), end - 1, False)
        arrays = [_column([_without_nan(row[n]) for row in rows], type_) for n, (_, type_) in enumerate(columns)]
        places = [pa.array(belongs, pa.int64()), pa.array(by_row, pa.bool_())]
        return {}, pa.Table.from_arrays([*places, *arrays], names=["row", "by_row", *(name for name, _ in columns)])

    return call


def _partitions(numbers: list[int]) -> Iterable[tuple[int, int]]:
    """Return where each partition starts and ends; the rows come sorted by its number."""
    start = 0
    for index in range(1, len(numbers) + 1):
        if index == len(numbers) or numbers[index] != numbers[start]:
            yield start, index
            start = index


def _takes_frame(method: Any) -> bool:
    return getattr(method, "_sf_vectorized_input", None) is not None


def _frame(part: pa.Table, names: list[str]) -> Any:
    frame = part.select(range(1, part.num_columns)).to_pandas()
    frame.columns = names
    return frame


def _tuples(found: Any) -> Iterable[tuple[Any, ...]]:
    """Return the rows of what a vectorized method gives back: a DataFrame, a tuple of columns, or an iterator of them."""
    import pandas

    if found is None:
        return
    for each in [found] if isinstance(found, (pandas.DataFrame, tuple)) else found:
        frame = each if isinstance(each, pandas.DataFrame) else pandas.DataFrame(dict(enumerate(each)))
        yield from frame.itertuples(index=False, name=None)


def _without_nan(value: Any) -> Any:
    value = _plain(value)
    return None if isinstance(value, float) and value != value else None if _is_missing_mark(value) else value


def _is_missing_mark(value: Any) -> bool:
    return type(value).__name__ in {"NAType", "NaTType"}


def procedure(*, code: str, handler: str, imports: list[str], types: list[str]) -> Any:
    """A stored procedure: arguments as JSON, a Snowpark session of its own to this server, one value or rows back."""
    function = _handler(code, handler, imports)

    def call(_table: pa.Table | None, arguments: dict[str, Any]) -> tuple[dict[str, Any], pa.Table | None]:
        from snowflake.snowpark import DataFrame, Session

        given = [_decoded([value], type_)[0] for value, type_ in zip(arguments["values"], types, strict=True)]
        session = Session.builder.configs(arguments["connection"]).create()
        try:
            result = function(session, *given)
            if isinstance(result, DataFrame):
                rows = result.to_pandas()
                return {"columns": list(rows.columns)}, pa.Table.from_pandas(rows, preserve_index=False)
            if isinstance(result, (bytes, bytearray)):
                return {"value": base64.b64encode(result).decode()}, None
            return {"value": json.loads(json.dumps(_plain(result), default=str))}, None
        finally:
            session.close()

    return call


def _handler(code: str, handler: str, imports: list[str]) -> Any:
    _provide(imports)
    module = types.ModuleType("udf")
    if code:
        exec(compile(code, "<function>", "exec"), module.__dict__)
        first, _, rest = handler.partition(".")
        found = module.__dict__.get(first)
        if found is None:
            raise AttributeError(f"the code defines no {handler!r}")
        return getattr(found, rest) if rest else found
    name, _, function = handler.rpartition(".")
    from importlib import import_module

    return getattr(import_module(name), function)


def _provide(imports: list[str]) -> None:
    """Put the imported files where Snowflake would: in one folder, on the module path."""
    if "folder" not in _imports:
        _imports["folder"] = tempfile.mkdtemp(prefix="mlops-imports-")
        atexit.register(shutil.rmtree, _imports["folder"], True)
        sys._xoptions["snowflake_import_directory"] = _imports["folder"] + "/"
        sys.path.insert(0, _imports["folder"])
    for each in imports:
        target = Path(_imports["folder"]) / Path(each).name
        shutil.copy2(each, target)
        if target.suffix in {".zip", ".egg", ".whl"} and str(target) not in sys.path:
            sys.path.insert(0, str(target))


def _series(frame: Any) -> list[Any]:
    return [frame[c] for c in frame.columns]


def _missing(value: Any) -> bool:
    return value is None or value != value


def _decoded(values: list[Any], type_: str) -> list[Any]:
    if type_ in _JSON:
        return [None if v is None else json.loads(v) if isinstance(v, str) else v for v in values]
    if type_ == "BINARY":
        return [base64.b64decode(v) if isinstance(v, str) else v for v in values]
    if type_ == "FIXED":
        return [int(v) if v is not None and v == int(v) else v for v in values]
    return values


def _plain(value: Any) -> Any:
    """Return a numpy scalar as Python's own."""
    is_numpy = type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0
    return value.item() if is_numpy else value


def _as_json(value: Any) -> Any:
    """Return numpy's numbers and arrays as Python's, and what JSON has no word for as text."""
    return value.tolist() if type(value).__module__ == "numpy" else str(value)


def _column(values: list[Any], type_: str) -> pa.Array:
    arrow: dict[str, Callable[[], pa.DataType]] = {
        "FIXED": pa.int64, "REAL": pa.float64, "BOOLEAN": pa.bool_, "DATE": pa.date32, "BINARY": pa.binary,
        "TIMESTAMP_NTZ": lambda: pa.timestamp("us"), "TIMESTAMP_TZ": lambda: pa.timestamp("us", tz="UTC"),
        "TIME": lambda: pa.time64("us"),
    }  # fmt: skip
    if type_ in _JSON:
        return pa.array([None if v is None else json.dumps(v, default=_as_json) for v in values], pa.string())
    if type_ == "TEXT":
        return pa.array([None if v is None else str(v) for v in values], pa.string())
    if type_ == "DECIMAL":
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.array(values, arrow[type_]())
