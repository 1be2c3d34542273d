"""The log of a node: what it prints and logs while it runs, in a file of its own that appears with the first line."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TextIO

from mlops.runs.when_imported import when_imported

if TYPE_CHECKING:
    import logging

    from _typeshed import ReadableBuffer

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class NodeLog(io.TextIOBase):
    """A text stream that opens its file when something is written, and can repeat each line elsewhere."""

    def __init__(self, path: str, *, echo: TextIO | None = None, label: str = "") -> None:
        super().__init__()
        self.path = path
        self._file: TextIO | None = None
        self._echo, self._label = echo, label
        self._line = _Line()
        self._at_start = True

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base class has none
        return "utf-8"

    @property
    def buffer(self) -> io.RawIOBase:
        """The same stream for bytes, which libraries write to as ``sys.stdout.buffer``."""
        return _Bytes(self)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._put(self._line.add(text))
        return len(text)

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        self._put(self._line.end())
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()

    @property
    def used(self) -> bool:
        """Whether anything was written."""
        return self._file is not None or bool(self._line.held)

    def _put(self, text: str) -> None:
        if not text:
            return
        if self._file is None:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self._file = open(  # noqa: SIM115  it stays open until the node has ended
                self.path, "a", encoding="utf-8", errors="backslashreplace", buffering=1
            )
        self._file.write(text)
        if self._echo is not None:
            self._repeat(text)

    def _repeat(self, text: str) -> None:
        assert self._echo is not None
        for line in text.splitlines(keepends=True):
            self._echo.write(f"{self._label} | {line}" if self._at_start else line)
            self._at_start = line.endswith("\n")


class _Bytes(io.RawIOBase):
    """What is written in bytes, as text of a log; what is no UTF-8 is written escaped."""

    def __init__(self, log: NodeLog) -> None:
        self._log = log

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        content = bytes(data)
        self._log.write(content.decode("utf-8", "backslashreplace"))
        return len(content)


_EVERY = 10.0
"""Seconds after which a line that is still being overwritten is kept as it is, so that a log shows progress."""


class _Line:
    """The line that is being written: of a progress bar, which returns to its start, only the last state is kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.held: str | None = None
        self._clock = clock
        self._returned = False
        self._begun = False
        self._kept = 0.0

    def add(self, text: str) -> str:
        """Return what is to be written of the line so far; what may yet be overwritten is held."""
        if self.held is None and "\r" not in text:
            if text:
                self._begun = not text.endswith("\n")
            return text
        return "".join(self._added(text))

    def end(self) -> str:
        """Return what is held as a line of its own."""
        held, self.held = self.held, None
        return f"{held}\n" if held else ""

    def _added(self, text: str) -> Iterator[str]:
        for number, line in enumerate(text.split("\n")):
            if number:
                yield f"{self.held or ''}\n"
                self.held, self._returned, self._begun = None, False, False
            for place, piece in enumerate(line.split("\r")):
                if place:
                    self._returned = True
                    self.held = self.held or ""
                if piece and self._returned:
                    yield from self._overwritten()
                    self.held, self._returned = piece, False
                elif piece and (self.held is not None or "\r" in line):
                    self.held = (self.held or "") + piece
                elif piece:
                    self._begun = True
                    yield piece

    def _overwritten(self) -> Iterator[str]:
        """Keep what is overwritten when it is time for that, or when its first part is written already."""
        now = self._clock()
        if self._begun or (self.held and self._kept and now - self._kept >= _EVERY):
            yield f"{self.held or ''}\n"
            self._begun, self._kept = False, now
        self._kept = self._kept or now


@contextmanager
def captured(log: NodeLog) -> Iterator[None]:
    """Send what is printed and logged in this process to ``log`` until the block ends.

    logging is not imported for that: a node that does not log would wait for it, a tenth of a container's start.
    """
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = log
    before: list[int] = []
    try:
        with when_imported("logging", lambda: before.append(_attach(log))):
            yield
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        if before:
            _detach(before[0])


def _attach(log: NodeLog) -> int:
    """Send what is logged to ``log``, from INFO on, and return the level that the root logger had."""
    import logging

    root, handler = logging.getLogger(), _handler()
    handler.stream = log
    level = root.level
    root.addHandler(handler)
    if level > logging.INFO or level == logging.NOTSET:
        root.setLevel(logging.INFO)
    return level


def _detach(level: int) -> None:
    import logging

    root = logging.getLogger()
    root.removeHandler(_handler())
    root.setLevel(level)


@cache
def _handler() -> logging.StreamHandler[TextIO | NodeLog]:
    """The one handler of a process: a node that is forked after it was made need not make its own."""
    import logging

    handler: logging.StreamHandler[TextIO | NodeLog] = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(FORMAT))
    return handler


def last_lines(path: str | None, count: int) -> list[str]:
    """Return the last lines of a log; none where there is no log."""
    if path is None:
        return []
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 65536))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return []
