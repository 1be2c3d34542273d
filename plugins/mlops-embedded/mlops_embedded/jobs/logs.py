"""A container's output: kept in one file as it was written, and handed on line by line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

MAX_READ_BYTES = 100_000
_LONGEST_LINE = 65_536
PREVIOUS = "previous.txt"

Collect = Callable[[datetime, str, str], None]
"""Takes the time, the stream (stdout, stderr) and the text of one line."""


class ContainerLog:
    """Both streams of a container in one file, in the order in which they were written."""

    def __init__(self, file: Path, collect: Collect | None = None) -> None:
        self._file, self._collect = file, collect
        self._lock = threading.Lock()
        self._rest = {"stdout": b"", "stderr": b""}

    def begin(self) -> None:
        """Start a new run's log; the one of the run before is kept as the previous one."""
        if self._file.exists():
            self._file.replace(self._file.with_name(PREVIOUS))
        self._file.touch()

    def pump(self, stream: str, source: IO[bytes]) -> threading.Thread:
        """Copy a stream until its end, in a thread of its own."""
        thread = threading.Thread(
            target=self._pump, args=(stream, source), name=f"{stream} of a container", daemon=True
        )
        thread.start()
        return thread

    def write(self, stream: str, text: bytes) -> None:
        """Take a piece of a stream, which need not end where a line does."""
        with self._lock:
            with self._file.open("ab") as file:
                file.write(text)
            *lines, self._rest[stream] = (self._rest[stream] + text).split(b"\n")
        self._hand_on(stream, lines)

    def end(self) -> None:
        """Hand on what has no line end."""
        for stream, rest in self._rest.items():
            self._rest[stream] = b""
            if rest:
                self._hand_on(stream, [rest])

    def _pump(self, stream: str, source: IO[bytes]) -> None:
        with source:
            while text := source.readline(_LONGEST_LINE):
                self.write(stream, text)

    def _hand_on(self, stream: str, lines: list[bytes]) -> None:
        if self._collect is not None:
            now = datetime.now(timezone.utc)
            for line in lines:
                self._collect(now, stream, line.decode(errors="replace").removesuffix("\r"))


def tail(file: Path, lines: int | None) -> str:
    """Return the last lines of a log, at most 100 KB of it; all if None."""
    if not file.is_file():
        return ""
    with file.open("rb") as log:
        size = log.seek(0, 2)
        log.seek(max(0, size - MAX_READ_BYTES))
        text = log.read().decode(errors="replace")
    text = text.removesuffix("\n")
    if lines is None or not text:
        return text
    return "\n".join(text.split("\n")[-lines:]) if lines else ""
