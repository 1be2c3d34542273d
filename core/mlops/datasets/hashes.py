"""SHA-256 and size of what is on the disk: of a file, and of a folder as one thing."""

# os and not pathlib, which costs ten times as much: every dataset of every node comes through here.
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

PIECE = 1 << 20
"""Bytes that are read, written or hashed at a time."""

READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)


def new_sha256() -> Hash:
    """Return a hash that nothing went into yet."""
    from hashlib import sha256  # OpenSSL loads with the first byte that is hashed, not with `mlops --help`

    return sha256()


def pieces_of(path: str) -> Iterator[bytes]:
    """Yield the content of a file piece by piece."""
    descriptor = os.open(path, READ)
    try:
        while piece := os.read(descriptor, PIECE):
            yield piece
    finally:
        os.close(descriptor)


def sha256_of_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes in hand, in hexadecimal digits."""
    digest = new_sha256()
    digest.update(data)
    return digest.hexdigest()


def sha256_of_file(path: str) -> str:
    """Return the SHA-256 of a file, read piece by piece."""
    digest = new_sha256()
    for piece in pieces_of(path):
        digest.update(piece)
    return digest.hexdigest()


def files_below(folder: str) -> list[str]:
    """Return the regular files below a folder, relative and with ``/``, sorted.

    Raises:
        ValueError: something below is no regular file or folder; its message names it.
    """
    found: list[str] = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(os.path.join(folder, below)) as entries:
            for entry in entries:
                name = below + entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name + "/")
                elif entry.is_file():
                    found.append(name)
                else:
                    raise ValueError(f"{name!r} is neither a file nor a folder")
    return sorted(found)


def measure(path: str) -> tuple[str, int]:
    """Return SHA-256 and size of a file; of a folder, those of its sorted list as ``sha256sum`` prints it.

    Raises:
        OSError: it is not there, or not readable.
        ValueError: the folder holds something that is no regular file.
    """
    if not os.path.isdir(path):
        return sha256_of_file(path), os.stat(path).st_size
    digest, size = new_sha256(), 0
    for name in files_below(path):
        file = f"{path}/{name}"
        digest.update(f"{sha256_of_file(file)}  {name}\n".encode("utf-8", "surrogateescape"))
        size += os.stat(file).st_size
    return digest.hexdigest(), size


@contextmanager
def measured_meanwhile(path: str) -> Iterator[Callable[[], tuple[str, int]]]:
    """Hash a file or folder in a thread while the caller reads it; calling the value waits for the answer."""
    import threading

    answer: list[tuple[str, int] | Exception] = []

    def work() -> None:
        try:
            answer.append(measure(path))
        except (OSError, ValueError) as cause:
            answer.append(cause)

    thread = threading.Thread(target=work, name="mlops-sha256", daemon=True)
    thread.start()

    def wait() -> tuple[str, int]:
        thread.join()
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    try:
        yield wait
    finally:
        thread.join()
