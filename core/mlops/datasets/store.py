"""The datasets of one run, as files in its folder.

    data/<pipeline>/<run>/<dataset><extension>                      written first
    data/<pipeline>/<run>/<distribution>.<node>.manifest.json       written last, and commits all of them

Every file is created, written once from front to back, and closed: what a stage that Snowflake mounts as a
volume allows. What was there under a name is taken away first, its manifest before everything, so at no
moment does a manifest speak of a file that is not whole.
"""

# os and not pathlib, which costs ten times as much: every dataset of every node comes through here.
from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from mlops.datasets.hashes import PIECE, measure, measured_meanwhile, sha256_of_bytes
from mlops.datasets.manifest import DatasetRecord, Manifest
from mlops.datasets.names import MANIFEST_SUFFIX, dataset_file_name, manifest_file_name
from mlops.datasets.serializer import BytesSerializer, Serializer, StreamSerializer, UnstorableError
from mlops.datasets.whole_file import WholeFile, read_whole
from mlops.errors import DatasetError, MlopsError

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.datasets.serializers import Serializers

T = TypeVar("T")
State: TypeAlias = tuple[int, int, int, int]

_FILE = "file"
_LARGE = 4 * PIECE


class FileStore:
    """The datasets of the run whose folder this is. The folder is made with the first file."""

    def __init__(self, folder: str | Path, serializers: Serializers) -> None:
        self.folder = os.fspath(folder)
        self.serializers = serializers
        self._manifests: dict[str, Manifest] | None = None
        self._hashed: dict[str, tuple[str, State]] = {}

    def write(self, name: str, value: object, *, storage: str = "file") -> DatasetRecord:
        """Store a value and return its record. It exists once the manifest of its node is committed.

        ``storage`` is ``table`` for one that stays in Snowflake, where the run has a session.

        A path inside this folder is a file that the node itself wrote, and stays where it is (see ``adopt``).

        Raises:
            DatasetError: the name cannot be a file name, or nothing stores this value; the hint says what to
            return.
        """
        stem = dataset_file_name(name)
        refusals: list[UnstorableError] = []
        try:
            for serializer in self.serializers.candidates(value, storage):
                try:
                    return self._write(name, stem, value, serializer)
                except UnstorableError as refusal:
                    refusals.append(refusal)
        except UnstorableError as refusal:
            refusals.append(refusal)
        first = refusals[0]
        raise DatasetError(dataset=name, problem=first.problem, hint=first.hint) from first

    def adopt(self, name: str, path: str | Path) -> DatasetRecord:
        """Record a file or folder that the node itself wrote; one outside of its folder is copied there.

        Its extension says how it is read; a file of no known format is read as its path.

        Raises:
            DatasetError: there is no such file, or it cannot be this run's.
        """
        stem = dataset_file_name(name)
        source = os.fspath(path)
        extension = "" if os.path.isdir(source) else os.path.splitext(source)[1]
        serializer = self.serializers.by_extension(extension) or self.serializers.by_name(_FILE)
        relative = self._inside(source)
        if relative is None:
            from pathlib import Path

            try:
                record = self._write(name, stem, Path(source), self.serializers.by_name(_FILE))
            except UnstorableError as refusal:
                raise DatasetError(dataset=name, problem=refusal.problem, hint=refusal.hint) from refusal
            relative, sha256, size = record.path, record.sha256, record.bytes
        else:
            if relative in ("", ".") or relative.endswith(MANIFEST_SUFFIX):
                problem = f"{source!r} is a file of the run itself"
                raise DatasetError(dataset=name, problem=problem, hint="write the dataset to a file of its own")
            try:
                sha256, size = measure(source)
            except OSError as cause:
                raise DatasetError(
                    dataset=name,
                    problem=f"the file {source!r} cannot be read: {cause.strerror}",
                    hint="write the file before the node returns",
                ) from cause
            except ValueError as cause:
                hint = "keep only files and folders in it"
                raise DatasetError(dataset=name, problem=f"of the folder {source!r}, {cause}", hint=hint) from cause
        return DatasetRecord(name, "pathlib.Path", serializer.name, relative, sha256, size)

    def read(self, record: DatasetRecord, as_type: str | None = None) -> object:
        """Return the value of a dataset, after its content was checked against its hash.

        A large file that this store has hashed, when it wrote or last read it, is hashed again only if its size, times
        or inode have changed since.

        Raises:
            DatasetError: the file is gone, or is no longer what was committed, or this form of it does not
            exist.
        """
        path = f"{self.folder}/{record.path}"
        try:
            serializer = self.serializers.by_name(record.serializer)
            if isinstance(serializer, BytesSerializer):
                data = read_whole(path)
                if len(data) != record.bytes or sha256_of_bytes(data) != record.sha256:
                    raise self._damaged(record, "was changed or damaged after the run")
                return _guarded(serializer, "read", lambda: serializer.decode(data, as_type))
            return self._read_file(record, serializer, path, as_type)
        except UnstorableError as refusal:
            raise DatasetError(dataset=record.name, problem=refusal.problem, hint=refusal.hint) from refusal
        except FileNotFoundError as cause:
            raise self._damaged(record, "is gone") from cause

    def verify(self, record: DatasetRecord, *, content: bool = True) -> bool:
        """Say whether the file is there with its size, and with ``content`` whether it still has its hash."""
        path = f"{self.folder}/{record.path}"
        try:
            if not content and not os.path.isdir(path):
                return os.stat(path).st_size == record.bytes
            sha256, size = measure(path)
        except (OSError, ValueError):
            return False
        return size == record.bytes and (not content or sha256 == record.sha256)

    def path(self, record: DatasetRecord) -> str:
        """Return where the file of a dataset is."""
        return os.path.join(self.folder, *record.path.split("/"))

    def commit(self, manifest: Manifest) -> None:
        """Make the outputs of a node exist, all at once. What the node had committed before is replaced.

        Raises:
            DatasetError: a parameter or a metric of the node is no plain value.
        """
        file = manifest_file_name(manifest.node)
        try:
            content = manifest.to_json()
        except UnstorableError as refusal:
            problem = f"its manifest cannot be written: {refusal.problem}"
            raise DatasetError(dataset=manifest.node, problem=problem, hint=refusal.hint) from refusal
        with self._create(file) as stream:
            stream.write(content)
        if self._manifests is not None:
            self._manifests[file] = manifest

    def discard(self, node: str) -> None:
        """Forget what a node has committed, before it runs again: its manifest first, then its files."""
        file = manifest_file_name(node)
        manifest = self._load(file)
        self._remove(file)
        if self._manifests is not None:
            self._manifests.pop(file, None)
        for record in manifest.outputs if manifest else ():
            self._remove(record.path)

    def manifest(self, node: str) -> Manifest | None:
        """Return what a node has committed; None when it has not."""
        return self._load(manifest_file_name(node))

    def manifests(self) -> dict[str, Manifest]:
        """Return what is committed in this run, by full name of the node. Damaged manifests do not count."""
        found: dict[str, Manifest] = {}
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(MANIFEST_SUFFIX) and (manifest := self._load(entry.name)) is not None:
                    found[entry.name] = manifest
        self._manifests = found
        return {manifest.node: manifest for manifest in found.values()}

    def find(self, dataset: str) -> DatasetRecord | None:
        """Return the record of a committed dataset; None when no node of this run has committed it."""
        for fresh in (False, True):  # another process may have committed since we looked
            if fresh or self._manifests is None:
                self.manifests()
            for manifest in (self._manifests or {}).values():
                for record in manifest.outputs:
                    if record.name == dataset:
                        return record
        return None

    def _write(self, name: str, stem: str, value: object, serializer: Serializer) -> DatasetRecord:
        kind = type(value)
        type_name = f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(serializer, StreamSerializer):
            file = stem + serializer.extension
            with self._create(file) as stream:
                facts = _guarded(serializer, "write", lambda: serializer.write_to(value, stream))
            if stream.size >= _LARGE:
                self._hashed[file] = (stream.sha256, _state(stream.path))
            return DatasetRecord(
                name, type_name, serializer.name, file, stream.sha256, stream.size, facts.rows, facts.columns
            )
        from pathlib import Path

        if isinstance(value, Path) and self._inside(str(value)) is not None:
            return self.adopt(name, value)
        file = stem + serializer.extension_of(value)
        path = Path(self.folder, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._make_way(file)
        try:
            facts = _guarded(serializer, "write", lambda: serializer.write(value, path))
            sha256, size = measure(str(path))
        except BaseException:
            self._remove(file)
            raise
        return DatasetRecord(name, type_name, serializer.name, file, sha256, size, facts.rows, facts.columns)

    def _read_file(self, record: DatasetRecord, serializer: Serializer, path: str, as_type: str | None) -> object:
        """Read a file that is decoded from the disk; a large one is hashed by a thread meanwhile."""
        from pathlib import Path

        if record.bytes < _LARGE:
            self._check(record, measure(path))
            return _guarded(serializer, "read", lambda: serializer.read(Path(path), as_type))
        state = _state(path)
        if self._hashed.get(record.path) == (record.sha256, state):
            return _guarded(serializer, "read", lambda: serializer.read(Path(path), as_type))
        with measured_meanwhile(path) as measured:
            try:
                value = _guarded(serializer, "read", lambda: serializer.read(Path(path), as_type))
            except UnstorableError:
                self._check(record, measured())  # damage explains why it could not be read
                raise
            self._check(record, measured())
        if not os.path.isdir(path):  # changes below a folder do not show in its state
            self._hashed[record.path] = (record.sha256, state)
        return value

    def _check(self, record: DatasetRecord, found: tuple[str, int]) -> None:
        if found != (record.sha256, record.bytes):
            raise self._damaged(record, "was changed or damaged after the run")

    def _damaged(self, record: DatasetRecord, what: str) -> DatasetError:
        parent, run = os.path.split(os.path.normpath(self.folder))
        return DatasetError(
            dataset=record.name,
            problem=f"its file {self.path(record)!r} {what}",
            hint=f"make it again: mlops run {os.path.basename(parent)} --resume {run}",
        )

    def _load(self, file: str) -> Manifest | None:
        try:
            return Manifest.from_json(read_whole(f"{self.folder}/{file}"))
        except FileNotFoundError:
            return None

    def _create(self, file: str) -> WholeFile:
        path = f"{self.folder}/{file}"
        try:
            return WholeFile(path)
        except FileExistsError:
            self._make_way(file)
        except FileNotFoundError:
            os.makedirs(self.folder, exist_ok=True)
        return WholeFile(path)

    def _make_way(self, file: str) -> None:
        """Remove what an earlier attempt left under this name, after the manifest that speaks of it."""
        if not os.path.lexists(f"{self.folder}/{file}"):
            return
        if not file.endswith(MANIFEST_SUFFIX):
            for node, manifest in self.manifests().items():
                if any(record.path == file for record in manifest.outputs):
                    self._remove(manifest_file_name(node))
        self._remove(file)

    def _remove(self, file: str) -> None:
        path = f"{self.folder}/{file}"
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError:  # a folder: Linux and macOS say so in different words
            if not os.path.isdir(path):
                raise
            from shutil import rmtree

            rmtree(path)

    def _inside(self, path: str) -> str | None:
        """Return a path relative to this folder, with ``/``; None when it leads elsewhere."""
        folder, target = os.path.realpath(self.folder), os.path.realpath(path)
        if target == folder:
            return "."
        return target[len(folder) + 1 :].replace(os.sep, "/") if target.startswith(folder + os.sep) else None


def _state(path: str) -> State:
    """Return what changes when a file is written to or replaced."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _guarded(serializer: Serializer, verb: str, call: Callable[[], T]) -> T:
    """Call a serializer, which may belong to a plugin, and turn whatever it raises into words."""
    try:
        return call()
    except MlopsError:
        raise
    except ModuleNotFoundError as cause:
        raise UnstorableError(
            f"the format {serializer.name!r} needs {cause.name}, which is not installed",
            hint=f"pip install {cause.name}",
        ) from cause
    except OSError as cause:
        raise UnstorableError(f"cannot {verb} {cause.filename or 'its file'}: {cause.strerror or cause}") from cause
    except Exception as cause:  # a serializer may raise anything
        raise UnstorableError(
            f"serializer {serializer.name!r} failed to {verb} it: {type(cause).__name__}: {cause}"
        ) from cause
