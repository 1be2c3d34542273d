"""How answers look: tables and JSON on standard output, everything else on standard error."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import click

from mlops.errors import MlopsError

_COLOURS = {
    "ok": "green", "succeeded": "green", "reused": "cyan", "running": "blue", "pending": "bright_black", "failed": "red",
    "broken": "red", "skipped": "yellow", "stopped": "yellow", "blocked": "bright_black", "warning": "yellow",
}  # fmt: skip


def print_json(value: object) -> None:
    """Print a value as JSON; a number that is none, or infinite, is null."""
    escaped = not str(getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    try:
        text = json.dumps(value, indent=2, ensure_ascii=escaped, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=2, ensure_ascii=escaped, default=str)
    click.echo(text)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value


def print_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, empty: str = "nothing") -> None:
    """Print rows as columns under their headings; on a terminal the last column is cut at its edge."""
    if not rows:
        click.echo(empty, err=True)
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(row[at]) for row in cells)) for at, column in enumerate(columns)]
    edge = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = [_line([column.upper().replace("_", " ") for column in columns], widths, edge)]
    lines += [_line(row, widths, edge) for row in cells]
    if coloured():
        lines[0] = click.style(lines[0], bold=True)
        lines[1:] = [_painted(line, row) for line, row in zip(lines[1:], cells, strict=True)]
    click.echo("\n".join(lines))


def coloured() -> bool:
    """Tell whether standard output shows colours: a terminal, unless NO_COLOR is set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(word: str, text: str | None = None) -> str:
    """Return ``text`` in the colour of a state."""
    text = word if text is None else text
    return click.style(text, fg=_COLOURS[word]) if coloured() and word in _COLOURS else text


def moment(value: float | None) -> str:
    """Return a time as the local clock shows it."""
    return "" if value is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))


def tell_error(wrong: Exception, *, as_json: bool, debug: bool) -> int:
    """Print an error as its reader needs it and return the exit code: ours without a traceback, a fault with one."""
    wrong = _of_the_machine(wrong) or wrong
    ours = isinstance(wrong, MlopsError)
    code = wrong.exit_code if isinstance(wrong, MlopsError) else 1
    if as_json:
        error: dict[str, Any] = {  # Any: JSON
            "type": type(wrong).__name__,
            "message": str(wrong),
            "hint": wrong.hint if isinstance(wrong, MlopsError) else None,
            "exit_code": code,
        }
        if not ours:
            error["traceback"] = traceback.format_exc()
        print_json({"error": error})
    else:
        if debug or not ours:
            traceback.print_exception(wrong)
        if ours:
            click.echo(f"{click.style('Error:', fg='red') if _errors_coloured() else 'Error:'} {wrong}", err=True)
            if hint := getattr(wrong, "hint", None):
                click.echo(f"  hint: {hint}", err=True)
        else:
            click.echo("This is a fault of mlops or of a plugin, not of your words: please report it.", err=True)
    return code


def _of_the_machine(wrong: Exception) -> MlopsError | None:
    """Return what the operating system has refused as an error of ours: it is no fault of the code, and can be mended."""
    if type(wrong).__module__ == "sqlite3":  # not imported for this: it is there if it has raised
        full = "disk is full" in str(wrong)
        return MlopsError(
            f"the records of runs, .mlops/runs.db in the data folder, cannot be used: {wrong}",
            hint=_MENDS[errno.ENOSPC if full else errno.EACCES],
        )
    if not isinstance(wrong, OSError) or wrong.errno is None or wrong.strerror is None:
        return None
    what = repr(str(wrong.filename)) if wrong.filename is not None else "the machine"
    refusal = MlopsError(f"{what}: {wrong.strerror[:1].lower()}{wrong.strerror[1:]}", hint=_MENDS.get(wrong.errno))
    refusal.__cause__ = wrong
    return refusal


_MENDS = {
    errno.EACCES: "change its permissions, or choose another folder (data = … in the settings)",
    errno.EPERM: "change its permissions, or choose another folder (data = … in the settings)",
    errno.EROFS: "choose another folder (data = … in the settings): this one is read-only",
    errno.ENOSPC: "make room: mlops runs prune --keep 5",
    errno.EDQUOT: "make room: mlops runs prune --keep 5",
    errno.ENOTDIR: "a file is where a folder must be: move it away",
    errno.EISDIR: "a folder is where a file must be: move it away",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or run fewer nodes at once (--max-workers)",
}


def _errors_coloured() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(one) for one in value)
    return str(value)


def _line(cells: Sequence[str], widths: Sequence[int], edge: int | None) -> str:
    line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
    return line if edge is None or len(line) <= edge else line[: edge - 1] + "…"


def _painted(line: str, cells: Sequence[str]) -> str:
    for cell in cells:
        if cell in _COLOURS:
            return line.replace(cell, click.style(cell, fg=_COLOURS[cell]), 1)
    return line
