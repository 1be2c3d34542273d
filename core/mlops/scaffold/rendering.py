"""Rendering a folder of templates with Jinja2, which is imported by the commands that need it and by no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from mlops.errors import ProjectError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

ENDING = ".jinja"


class Written(Struct, frozen=True):
    """What rendering has done to a folder: files written, and files that were there and stay as they are."""

    folder: str
    written: tuple[str, ...]
    kept: tuple[str, ...]


def render(
    template: str, folder: Path, values: Mapping[str, object], *, leave_out: Mapping[str, str] | None = None
) -> Written:
    """Render the templates of one kind into a folder; a file that is there is kept, whatever it holds.

    ``leave_out`` names files that are not to be written at all, each with the reason. Names of files and folders are
    templates, too.

    Raises:
        ProjectError: the folder cannot be written to, or a file is where a folder must be.
    """
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    written, kept = [], []
    for place, source in _templates(files("mlops.scaffold") / "templates" / template):
        name = environment.from_string(place.removesuffix(ENDING)).render(values)
        if name in (leave_out or {}):
            continue
        target = folder / name
        if target.exists() or target.is_symlink():
            kept.append(name)
            continue
        text = environment.from_string(source.read_text(encoding="utf-8")).render(values)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except OSError as cause:
            raise ProjectError(
                f"{str(target)!r} cannot be written: {cause.strerror or cause}",
                hint="what was written before stays; run the command again once it can be",
            ) from cause
        written.append(name)
    return Written(str(folder), tuple(written), tuple(kept))


def _templates(folder: Traversable, place: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{place}/{entry.name}" if place else entry.name
        if entry.is_dir():
            yield from _templates(entry, name)
        elif entry.name.endswith(ENDING):
            yield name, entry
