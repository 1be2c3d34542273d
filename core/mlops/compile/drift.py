"""Drift: where files on disk are not what a project generates, and how they become so."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from difflib import unified_diff
from enum import Enum
from pathlib import Path

from msgspec import Struct

from mlops.compile.files import MARK
from mlops.errors import ProjectError


class State(str, Enum):
    """What a file on disk is beside what is wanted. A stale one was generated once, and nothing generates it now."""

    UNCHANGED = "unchanged"
    MISSING = "missing"
    CHANGED = "changed"
    STALE = "stale"


class FileState(Struct, frozen=True):
    """One file: its path, its state, what it holds and what it should hold (None where there is no file)."""

    path: str
    state: State
    found: str | None
    wanted: str | None

    def diff(self) -> str:
        """Return the change from what is found to what is wanted, as a unified diff."""
        before, after = ("" if text is None else text for text in (self.found, self.wanted))
        return "".join(
            unified_diff(
                before.splitlines(True), after.splitlines(True), f"{self.path} (found)", f"{self.path} (wanted)"
            )
        )


class StaleJobsError(ProjectError):
    """Files are not what the project generates; ``files`` are their paths."""

    def __init__(self, *, files: Sequence[str], command: str) -> None:
        self.files = tuple(files)
        several = "1 file is" if len(self.files) == 1 else f"{len(self.files)} files are"
        super().__init__(
            f"{several} not what this project generates: {', '.join(self.files[:5])}{' …' if len(self.files) > 5 else ''}",
            hint=f"write them anew: {command}",
        )


def compared(wanted: Mapping[str, str], folder: str, folders: Iterable[str], suffix: str) -> list[FileState]:
    """Return the state of every wanted file under ``folder``, and of those that were generated once.

    ``folders`` below it are searched for these: files with ``suffix`` and our first line.
    """
    states = [_state(os.path.join(folder, path), text) for path, text in sorted(wanted.items())]
    known = {state.path for state in states}
    for one in sorted(folders):
        below = Path(folder, one)
        for file in sorted(below.glob(f"*{suffix}")) if below.is_dir() else ():
            if (
                (path := os.fspath(file)) not in known
                and (text := _read(path)) is not None
                and text.startswith((MARK, MARK.replace("#", "--")))
            ):
                states.append(FileState(path, State.STALE, text, None))
    return states


def written(states: Iterable[FileState]) -> list[FileState]:
    """Make the files what is wanted, touching no other, and return those that were not."""
    changed = [state for state in states if state.state is not State.UNCHANGED]
    for state in changed:
        path = Path(state.path)
        if state.wanted is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(state.wanted, encoding="utf-8", newline="\n")
    return changed


def _state(path: str, wanted: str) -> FileState:
    found = _read(path)
    state = State.MISSING if found is None else State.UNCHANGED if found == wanted else State.CHANGED
    return FileState(path, state, found, wanted)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as cause:
        raise ProjectError(f"{path} cannot be read: {cause}", hint="remove it, or choose another --output") from cause
