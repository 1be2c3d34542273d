"""In the worker process: a method of a packaged model, run by the code that Snowflake's own packager wrote for it.

A package has one module a method (functions/predict.py): it loads the model and defines a vectorized function, or a
table function's class, for a runtime that offers a module `_snowflake` and an import directory. Both are given here.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

_JSON = {"VARIANT", "ARRAY", "OBJECT"}
_INTEGERS = {pa.int64(): pd.Int64Dtype()}  # a float would not hold every integer beside a NULL

Answer = tuple[dict[str, Any], pa.Table]


def function(*, folder: str, handler: str, types: list[str]) -> Callable[[pa.Table | None, dict[str, Any]], Answer]:
    """A method for each row: a table of arguments in, one column `result` out, JSON text where it is an object."""
    infer = _handler(folder, handler)

    def call(table: pa.Table | None, _arguments: dict[str, Any]) -> Answer:
        assert table is not None
        results = infer(_frame(table, types, infer))
        return {}, pa.table({"result": _column(results)})

    return call


def table_function(
    *, folder: str, handler: str, types: list[str], outputs: list[list[str]]
) -> Callable[[pa.Table | None, dict[str, Any]], Answer]:
    """A method for each partition: its number and the arguments in, the rows of all partitions out.

    The first column out is the row that came in to which a row belongs: its own for a method that goes row by row
    (`process`), the first one of its partition for a method that sees the partition as a whole (`end_partition`).
    """
    handler_class = _handler(folder, handler)
    by_row = not hasattr(handler_class, "end_partition")
    infer = handler_class.process if by_row else handler_class.end_partition

    def call(table: pa.Table | None, _arguments: dict[str, Any]) -> Answer:
        assert table is not None
        frame = _frame(table, types, infer)
        rows: list[int] = []
        results = []
        for _, numbers in pd.Series(table.column(0).to_numpy()).groupby(table.column(0).to_numpy()):
            positions = numbers.index
            result = infer(handler_class(), frame.iloc[positions].reset_index(drop=True))
            if len(result.columns) != len(outputs):
                raise ValueError(f"the method returned the columns {list(result.columns)}, declared are {outputs}")
            if by_row and len(result) != len(positions):
                raise ValueError(f"the method returned {len(result)} rows for {len(positions)}")
            rows += positions.tolist() if by_row else [int(positions[0])] * len(result)
            results.append(result)
        arrays = [
            _typed([value for result in results for value in result.iloc[:, position]], type_)
            for position, (_, type_) in enumerate(outputs)
        ]
        return {"by_row": by_row}, pa.table([pa.array(rows, pa.int64()), *arrays], ["row", *(o[0] for o in outputs)])

    return call


def _typed(values: list[Any], type_: str) -> pa.Array:
    if type_ in _JSON:
        return pa.array([None if value is None else json.dumps(_plain(value), default=str) for value in values])
    arrow = {
        "FIXED": pa.int64(), "REAL": pa.float64(), "DECIMAL": pa.float64(), "TEXT": pa.string(), "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(), "TIME": pa.time64("us"), "TIMESTAMP_NTZ": pa.timestamp("us"),
        "TIMESTAMP_TZ": pa.timestamp("us", tz="UTC"), "BINARY": pa.binary(),
    }  # fmt: skip
    return pa.array(values, arrow[type_], from_pandas=True)


def _handler(folder: str, handler: str) -> Any:
    """Import the method's module (`functions.predict.infer` is in functions/predict.py) and return what it defines."""
    sys.modules.setdefault("_snowflake", _snowflake())
    sys._xoptions["snowflake_import_directory"] = folder + "/"
    *path, name = handler.split(".")
    file = Path(folder, *path).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(f"_model_method_{len(sys.modules)}", file)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"the model has no {file.relative_to(folder)}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if hasattr(module, "load_model"):
        module.load_model()  # a model that is loaded once only: now, while the import directory is its own
    return getattr(module, name)


def _snowflake() -> types.ModuleType:
    """The module that Snowflake's runtime offers: decorators that say how a function wants to be called."""
    module = types.ModuleType("_snowflake")

    def vectorized(**options: Any) -> Callable[[Any], Any]:
        def mark(function: Any) -> Any:
            function.flattens_objects = bool(options.get("flatten_object_input"))
            return function

        return mark

    module.vectorized = vectorized  # type: ignore[attr-defined] # a module made by hand
    module.udf_init_once = lambda function: function  # type: ignore[attr-defined] # a module made by hand
    return module


def _frame(table: pa.Table, types: list[str], infer: Any) -> pd.DataFrame:
    """Return the arguments as pandas; the first column only counts the rows."""
    frame = table.drop_columns(table.column_names[:1]).to_pandas(types_mapper=_INTEGERS.get)
    for position, type_ in enumerate(types):
        if type_ in _JSON:
            name = frame.columns[position]
            frame[name] = [None if value is None else json.loads(value) for value in frame[name]]
    if infer.flattens_objects:  # more columns than a function has arguments come as one object
        return pd.DataFrame(list(frame.iloc[:, 0]))
    return frame


def _column(results: Iterable[Any]) -> pa.Array:
    if isinstance(results, pd.Series):
        return pa.array([_plain(value) for value in results.tolist()])
    return pa.array([json.dumps(_plain(result), default=str) for result in results], pa.string())


def _plain(value: Any) -> Any:
    """Return what JSON can hold without losing a bit: numpy scalars as Python's, infinity as text that casts back."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
