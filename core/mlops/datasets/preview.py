"""A look at one dataset: its schema and its head, without loading the whole file where that can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.datasets.manifest import DatasetRecord

if TYPE_CHECKING:
    from pathlib import Path

Row = Any  # Any: JSON, a list of cells for tables and whatever there is for other formats

_TEXT_ENDINGS = frozenset(
    [
        ".txt",
        ".md",
        ".csv",
        ".tsv",
        ".json",
        ".jsonl",
        ".yaml",
        ".yml",
        ".toml",
        ".sql",
        ".html",
        ".svg",
        ".log",
        ".lgbm",
    ]
)
_HEAD_BYTES = 1 << 16
_WIDEST_CELL = 40
_WIDEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """How a dataset looks: ``schema`` is (column, type), ``rows`` are JSON, ``text`` is for a terminal."""

    schema: tuple[tuple[str, str], ...] | None
    rows: list[Row]
    text: str


def preview(path: Path, record: DatasetRecord, rows: int = 10) -> Preview:
    """Return the first ``rows`` rows (items, lines) of the dataset stored at ``path``.

    Raises:
        DatasetError: the file is gone, or is not what its record says.
    """
    from mlops.errors import DatasetError

    look = _LOOKS.get(record.serializer, _file)
    try:
        return look(path, rows)
    except ModuleNotFoundError as cause:
        problem = f"cannot be shown without {cause.name}, which is not installed"
        raise DatasetError(dataset=record.name, problem=problem, hint=f"pip install {cause.name}") from cause
    except FileNotFoundError as cause:
        problem, hint = f"its file {str(path)!r} is gone", "make it again: mlops run PIPELINE --resume RUN"
        raise DatasetError(dataset=record.name, problem=problem, hint=hint) from cause
    except Exception as cause:  # each format's reader has errors of its own
        raise DatasetError(dataset=record.name, problem=f"cannot be shown: {cause}") from cause


def _table(path: Path, rows: int) -> Preview:
    from json import loads

    from pyarrow import parquet

    from mlops.datasets.tabular import NOTE

    with parquet.ParquetFile(path) as file:
        note = loads((file.metadata.metadata or {}).get(NOTE, b"{}"))
        hidden = set(note.get("unnamed_index", ()))  # Arrow's name for an index that pandas has none for
        schema = tuple((field.name, str(field.type)) for field in file.schema_arrow if field.name not in hidden)
        batches = file.iter_batches(batch_size=rows) if rows else iter(())  # reads the first pages only
        head = next(batches, None)
        total = file.metadata.num_rows
    columns = (
        []
        if head is None
        else [
            column.to_pylist()
            for name, column in zip(head.schema.names, head.columns, strict=True)
            if name not in hidden
        ]
    )
    cells = [[_plain(cell) for cell in row] for row in zip(*columns, strict=True)]
    text = _aligned([name for name, _ in schema], cells) if rows else ""
    return Preview(schema, cells, text + _more(total, len(cells), "rows"))


def table_look(look: Preview, rows: Iterable[Iterable[object]]) -> Preview:
    """Return a look at a table of Snowflake with rows that were fetched."""
    names = [name for name, _ in look.schema or ()]
    cells = [[_plain(cell) for cell in row] for row in rows]
    return Preview(look.schema, cells, f"{_aligned(names, cells)}\n{look.text}" if cells else look.text)


def _snowflake_table(path: Path, rows: int) -> Preview:
    """Show what a table of Snowflake is called and which columns it has; who has a session adds rows, see ``table_look``."""
    from json import loads

    note = loads(path.read_bytes())
    schema = tuple((name, kind) for name, kind in note["columns"])
    return Preview(schema, [], f"{note['rows']:,} rows in the table {note['table']}" if rows else "")


def _array(path: Path, rows: int) -> Preview:
    import numpy

    array = numpy.load(path, mmap_mode="r", allow_pickle=False)
    schema = tuple((name, str(array.dtype[name])) for name in array.dtype.names or ()) or (
        ("values", str(array.dtype)),
    )
    head = array[:rows] if array.ndim else array
    shape = " by ".join(map(str, array.shape)) or "scalar"
    with numpy.printoptions(threshold=1000, edgeitems=3):
        text = f"{shape} of {array.dtype}\n{numpy.asarray(head)}"
    found = [_plain(item) for item in (head.tolist() if array.ndim else [array.item()])]
    return Preview(schema, found, text + (_more(len(array), len(head), "rows") if array.ndim else ""))


def _json(path: Path, rows: int) -> Preview:
    from json import dumps, loads

    tree = loads(path.read_bytes())
    inner = (
        next(iter(tree.values()))
        if isinstance(tree, dict) and set(tree) <= {"$tuple", "$set", "$frozenset"} and tree
        else tree
    )
    if isinstance(inner, dict):
        head: Any = dict(list(inner.items())[:rows])  # Any: JSON
        found: list[Row] = [[key, item] for key, item in head.items()]
    elif isinstance(inner, list):
        head = found = inner[:rows]
    else:
        head, found = inner, [inner]
    total = len(inner) if isinstance(inner, (dict, list)) else 1
    return Preview(None, found, dumps(head, indent=2, ensure_ascii=False) + _more(total, len(found), "items"))


def _bytes(path: Path, rows: int) -> Preview:
    with path.open("rb") as file:
        head = file.read(16 * rows)
    found = []
    for start in range(0, len(head), 16):
        line = head[start : start + 16]
        signs = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        found.append(f"{start:08x}  {line.hex(' '):<47}  {signs}")
    return Preview(None, found, "\n".join(found) + _more(path.stat().st_size, len(head), "bytes"))


def _model(path: Path, rows: int) -> Preview:
    """Show a model's class and parameters from the description in its file; nothing of it is built."""
    from json import loads
    from zipfile import ZipFile

    with ZipFile(path) as file:
        tree = loads(file.read("schema.json"))
    content = tree.get("content", {})
    state = content.get("content", {}) if isinstance(content, dict) else {}
    found = [
        [key, loads(item["content"])]
        for key, item in (state.items() if isinstance(state, dict) else ())
        if isinstance(item, dict) and item.get("__loader__") == "JsonNode" and not key.startswith("_")
    ]
    lines = [
        f"{tree['__module__']}.{tree['__class__']}",
        *(f"  {key} = {value!r}" for key, value in found[:rows]),
    ]
    return Preview(None, found[:rows], "\n".join(lines) + _more(len(found), len(found[:rows]), "parameters"))


def _file(path: Path, rows: int) -> Preview:
    """Show the list of a folder, the first lines of a text, and of anything else where it is."""
    if path.is_dir():
        from mlops.datasets.hashes import files_below

        names = files_below(str(path))
        found = [[name, (path / name).stat().st_size] for name in names[:rows]]
        text = "\n".join(f"{size:>12,}  {name}" for name, size in found)
        return Preview((("file", "str"), ("bytes", "int")), found, text + _more(len(names), len(found), "files"))
    if path.suffix in _TEXT_ENDINGS:
        with path.open("rb") as file:
            lines = file.read(_HEAD_BYTES).decode("utf-8", "replace").splitlines()
        head = [_short(line, _WIDEST_LINE) for line in lines[:rows]]
        return Preview(None, head, "\n".join(head))
    path.stat()
    return Preview(None, [], str(path))


def _plain(cell: Any) -> Row:  # Any: whatever a table or an array holds
    if cell is None or isinstance(cell, (bool, int, str)):
        return cell
    if isinstance(cell, float):
        return cell if cell - cell == 0 else str(cell)
    if isinstance(cell, dict):
        return {str(key): _plain(item) for key, item in cell.items()}
    if isinstance(cell, (list, tuple)):
        return [_plain(item) for item in cell]
    return cell.hex() if isinstance(cell, bytes) else str(cell)


def _aligned(names: list[str], rows: list[list[Row]]) -> str:
    cells = [
        [_short("" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else str(cell)) for cell in row]
        for row in rows
    ]
    numeric = [all(isinstance(row[i], (int, float, type(None))) for row in rows) for i in range(len(names))]
    widths = [max(len(_short(name)), *(len(row[i]) for row in cells), 0) for i, name in enumerate(names)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in [[_short(name) for name in names], *cells]
    )


def _short(text: str, width: int = _WIDEST_CELL) -> str:
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _more(total: int, shown: int, noun: str) -> str:
    return f"\n… {total - shown:,} more {noun}" if total > shown else ""


_LOOKS: dict[str, Callable[[Path, int], Preview]] = {
    "parquet": _table,
    "table": _snowflake_table,
    "npy": _array,
    "json": _json,
    "bytes": _bytes,
    "pickle": _bytes,
    "skops": _model,
}
