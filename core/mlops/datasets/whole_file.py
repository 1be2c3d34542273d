"""A file that is written from front to back, once, and knows its size and SHA-256 at the end.

Stage volumes of Snowflake allow neither append nor seek nor rename, so nothing else is offered. Nothing is
flushed to the disk either (fsync): a killed process loses nothing by that, and after a power failure the hash
tells.
"""

# os and not pathlib, which costs ten times as much: every dataset of every node comes through here.
from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from mlops.datasets.hashes import PIECE, READ, new_sha256

if TYPE_CHECKING:
    from queue import Queue

Bytes = bytes | bytearray | memoryview

_SMALL = 1 << 16
_WORTH_A_THREAD = 4 * PIECE
_IN_FLIGHT = 16
_CREATE = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)


class WholeFile:
    """A file being written. ``size`` and, once it is closed, ``sha256`` describe what went in.

    It has the few methods that writers of formats call on a stream (write, tell, flush, close); seeking is an
    error. When it grows large, a thread hashes while the writer produces the next piece.
    """

    __slots__ = ("_descriptor", "_hash", "_hasher", "_pending", "closed", "path", "sha256", "size")

    def __init__(self, path: str, *, replace: bool = False) -> None:
        """Create the file.

        Raises:
            FileExistsError: there is one already, and ``replace`` is not set.
        """
        self.path = path
        self.size = 0
        self.sha256 = ""
        self.closed = False
        self._pending = bytearray()
        self._hash = new_sha256()
        self._hasher: _Hasher | None = None
        self._descriptor = os.open(path, _CREATE | (os.O_TRUNC if replace else os.O_EXCL), 0o666)

    def write(self, data: Bytes) -> int:
        """Add bytes at the end and return how many."""
        count = data.nbytes if isinstance(data, memoryview) else len(data)
        self.size += count
        if count < _SMALL:
            self._pending += data
            if len(self._pending) >= PIECE:
                self._empty_pending()
            return count
        self._empty_pending()
        if isinstance(data, bytes) and count <= 4 * PIECE:
            self._emit(data)
            return count
        with memoryview(data).cast("B") as view:
            for start in range(0, count, PIECE):
                self._emit(bytes(view[start : start + PIECE]))  # the caller may change its buffer while we hash
        return count

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Do nothing: the file counts when it is closed."""

    def seekable(self) -> bool:
        return False

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Write what is left and compute ``sha256``."""
        if self.closed:
            return
        if self._hasher is None:  # the whole file is in hand: one write, no thread
            last = bytes(self._pending)
            self._hash.update(last)
            _write_all(self._descriptor, last)
        else:
            self._empty_pending()
            self._hasher.join()
        self.closed = True
        os.close(self._descriptor)
        self.sha256 = self._hash.hexdigest()

    def abandon(self) -> None:
        """Remove the file: the value could not be written to its end."""
        if not self.closed:
            if self._hasher is not None:
                self._hasher.join()
            self.closed = True
            os.close(self._descriptor)
        with suppress(OSError):
            os.unlink(self.path)

    def __enter__(self) -> WholeFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.abandon()
            return
        try:
            self.close()
        except BaseException:
            self.abandon()
            raise

    def _empty_pending(self) -> None:
        if self._pending:
            self._emit(bytes(self._pending))
            self._pending.clear()

    def _emit(self, piece: bytes) -> None:
        if self._hasher is not None:
            self._hasher.put(piece)
        elif self.size < _WORTH_A_THREAD:
            self._hash.update(piece)
        else:
            self._hasher = _Hasher(self._hash.update)
            self._hasher.put(piece)
        _write_all(self._descriptor, piece)


class _Hasher:
    """A thread that hashes pieces in order. A bounded number waits, so memory stays flat."""

    def __init__(self, update: Callable[[bytes], None]) -> None:
        import queue
        import threading

        self._update = update
        self._pieces: Queue[bytes | None] = queue.Queue(_IN_FLIGHT)
        self._thread = threading.Thread(target=self._work, name="mlops-sha256", daemon=True)
        self._thread.start()

    def put(self, piece: bytes) -> None:
        self._pieces.put(piece)

    def join(self) -> None:
        self._pieces.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._update(piece)


def read_whole(path: str) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: it is not there, or not readable.
    """
    descriptor = os.open(path, READ)
    try:
        pieces = []
        while piece := os.read(descriptor, PIECE):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):  # a signal or a full pipe cuts a write short
        written += os.write(descriptor, memoryview(data)[written:])
