"""Bytes, and files and folders that a node made itself."""

# os and not pathlib, which costs ten times as much: every dataset of every node comes through here.
from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mlops.datasets.hashes import files_below, pieces_of
from mlops.datasets.serializer import NO_FACTS, BytesSerializer, Facts, Serializer, UnstorableError
from mlops.datasets.whole_file import WholeFile

if TYPE_CHECKING:
    from pathlib import Path


class BinarySerializer(BytesSerializer):
    """Bytes as they are."""

    name = "bytes"
    extension = ".bin"
    types = ("builtins.bytes",)

    def encode(self, value: object) -> tuple[bytes, Facts]:
        if type(value) is not bytes:
            raise UnstorableError(f"a {type(value).__name__} would come back as bytes", hint="return bytes(value)")
        return value, NO_FACTS

    def decode(self, data: bytes, as_type: str | None) -> object:
        return data


class FileSerializer(Serializer):
    """A file or folder that a ``pathlib.Path`` points to, copied whole; a reader gets the path of the copy.

    A file keeps its extension. Of a folder the files below it are kept, not empty folders; links are followed
    to files.
    """

    name = "file"
    extension = ".file"
    types = ("pathlib.Path", "pathlib._local.Path")

    def extension_of(self, value: object) -> str:
        path = os.fspath(value)  # type: ignore[call-overload]  # for_value let only paths through
        return ".folder" if os.path.isdir(path) else os.path.splitext(path)[1].lower() or self.extension

    def write(self, value: object, path: Path) -> Facts:
        source = os.fspath(value)  # type: ignore[call-overload]  # as above
        if not os.path.exists(source):
            raise UnstorableError(
                f"there is no file {source!r}",
                hint="write the file before returning its path, or return text as str",
            )
        if not os.path.isdir(source):
            _copy(source, str(path))
            return NO_FACTS
        try:
            names = files_below(source)
        except ValueError as cause:
            raise UnstorableError(
                f"of the folder {source!r}, {cause}", hint="keep only files and folders in it"
            ) from cause
        made: set[str] = set()
        for name in names:
            target = f"{path}/{name}"
            if (folder := os.path.dirname(target)) not in made:
                os.makedirs(folder, exist_ok=True)
                made.add(folder)
            _copy(f"{source}/{name}", target)
        if not names:
            os.makedirs(path)
        return Facts(rows=len(names))

    def read(self, path: Path, as_type: str | None) -> object:
        return path


def _copy(source: str, target: str) -> None:
    with WholeFile(target, replace=True) as stream:
        for piece in pieces_of(source):
            stream.write(piece)
