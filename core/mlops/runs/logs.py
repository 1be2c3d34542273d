"""The log of a node: what it prints and logs while it runs, in a file of its own that appears with the first line."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class NodeLog(io.TextIOBase):
    """A text stream that opens its file when something is written, and can repeat each line elsewhere."""

    def __init__(self, path: str, *, echo: TextIO | None = None, label: str = "") -> None:
        super().__init__()
        self.path = path
        self._file: TextIO | None = None
        self._echo, self._label = echo, label
        self._at_start = True

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._file is None:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self._file = open(  # noqa: SIM115  it stays open until the node has ended
                self.path, "a", encoding="utf-8", errors="backslashreplace", buffering=1
            )
        self._file.write(text)
        if self._echo is not None:
            self._repeat(text)
        return len(text)

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()

    @property
    def used(self) -> bool:
        """Whether anything was written."""
        return self._file is not None

    def _repeat(self, text: str) -> None:
        assert self._echo is not None
        for line in text.splitlines(keepends=True):
            self._echo.write(f"{self._label} | {line}" if self._at_start else line)
            self._at_start = line.endswith("\n")


@contextmanager
def captured(log: NodeLog) -> Iterator[None]:
    """Send what is printed and logged in this process to ``log`` until the block ends."""
    root, handler = logging.getLogger(), _handler()
    handler.stream = log
    level, stdout, stderr = root.level, sys.stdout, sys.stderr
    root.addHandler(handler)
    if level > logging.INFO or level == logging.NOTSET:
        root.setLevel(logging.INFO)
    sys.stdout = sys.stderr = log
    try:
        yield
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        root.removeHandler(handler)
        root.setLevel(level)


@cache
def _handler() -> logging.StreamHandler[TextIO | NodeLog]:
    """The one handler of a process: a node that is forked after it was made need not make its own."""
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
