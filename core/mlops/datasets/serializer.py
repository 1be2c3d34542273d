"""What a serializer is: the one way a type of value becomes a file, and a value again.

Plugin authors subclass ``Serializer``: two methods on a path. The built-in ones subclass ``StreamSerializer``
(they write to a stream, and are hashed while the bytes go by) or ``BytesSerializer`` (the value fits in
memory as bytes).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlops.datasets.whole_file import WholeFile, read_whole
from mlops.errors import ProjectError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a value after it was written. ``columns`` holds (name, type) of a table."""

    rows: int | None = None
    columns: tuple[tuple[str, str], ...] | None = None


NO_FACTS = Facts()


class UnstorableError(ProjectError):
    """A serializer cannot hold this value, or cannot read this file. The store adds which dataset it is."""

    def __init__(self, problem: str, *, hint: str | None = None) -> None:
        super().__init__(problem, hint=hint)
        self.problem = problem


class Serializer(ABC):
    """One format for some types.

    ``name`` is recorded with each dataset and is unique, ``extension`` starts with a dot, ``types`` are the
    qualified names (``pandas.core.frame.DataFrame``) of the types it stores; a base stands for its
    subclasses.
    """

    name: ClassVar[str]
    extension: ClassVar[str]
    types: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def write(self, value: object, path: Path) -> Facts:
        """Store the value at ``path`` as one whole file (or a folder of whole files).

        Write front to back, once: where Snowflake mounts a stage, append, seek and rename are errors.

        Raises:
            UnstorableError: the value does not fit the format. What is read back must equal what was written.
        """

    @abstractmethod
    def read(self, path: Path, as_type: str | None) -> object:
        """Return the value stored at ``path``.

        ``as_type`` names the form a reader asks for (``polars``), None the form that was written. A format
        that has one form ignores it.
        """

    def extension_of(self, value: object) -> str:
        """Return the file name extension under which this value is stored."""
        return self.extension


class StreamSerializer(Serializer):
    """A format that is produced from front to back."""

    @abstractmethod
    def write_to(self, value: object, stream: WholeFile) -> Facts:
        """Write the value to the stream; do not close it."""

    def write(self, value: object, path: Path) -> Facts:
        with WholeFile(str(path), replace=True) as stream:
            return self.write_to(value, stream)


class BytesSerializer(StreamSerializer):
    """A format of values that fit in memory as bytes."""

    @abstractmethod
    def encode(self, value: object) -> tuple[bytes, Facts]:
        """Return the content of the file."""

    @abstractmethod
    def decode(self, data: bytes, as_type: str | None) -> object:
        """Return the value of a file's content."""

    def write_to(self, value: object, stream: WholeFile) -> Facts:
        data, facts = self.encode(value)
        stream.write(data)
        return facts

    def read(self, path: Path, as_type: str | None) -> object:
        return self.decode(read_whole(str(path)), as_type)
