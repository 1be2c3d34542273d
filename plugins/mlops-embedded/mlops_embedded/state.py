"""The state folder: everything of one account, and the lock that keeps a second server out.

credential        the secret that clients log in with, mode 0600
server.json       process id and port of the server that runs (gone, or stale, when none does)
catalog.sqlite    every object that is not rows
data/             a DuckDB file a database
stages/ models/ datasets/ experiments/ services/    files, one folder an object
uploads/          files that are not whole yet
registry/         key, certificate and settings of the login of an image registry
settings.json     how the last server ran containers
connections.toml  a snippet for Snowflake's own tools, mode 0600
server.log
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from mlops_embedded.catalog import ObjectName


def folder_name(name: str) -> str:
    """Return an object's name as one folder name: nothing in it is a separator, `.` or `..`."""
    return quote(name, safe="$ ").replace(".", "%2E")


def object_folder(root: Path, name: ObjectName) -> Path:
    """Return the folder of a schema's object below one of the state folder's folders."""
    return root.joinpath(*(folder_name(part) for part in (name.database, name.schema, name.name) if part))


class StateInUseError(RuntimeError):
    """Another server holds the state folder."""

    def __init__(self, path: Path, pid: int | None) -> None:
        self.path, self.pid = path, pid
        by = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the state folder {str(path)!r} is in use by the embedded Snowflake of {by}: "
            "stop that one first, or give --state another folder"
        )


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where everything is; made with mode 0700, because what is in it needs no password."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> StateFolder:
        state = cls(path.expanduser().resolve())
        state.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (state.data, state.uploads, *state.files):
            folder.mkdir(exist_ok=True)
        return state

    @property
    def catalog(self) -> Path:
        return self.path / "catalog.sqlite"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def stages(self) -> Path:
        return self.path / "stages"

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def datasets(self) -> Path:
        return self.path / "datasets"

    @property
    def experiments(self) -> Path:
        return self.path / "experiments"

    @property
    def services(self) -> Path:
        return self.path / "services"

    @property
    def files(self) -> tuple[Path, ...]:
        """The folders that hold users' files, which queries may read."""
        return self.stages, self.models, self.datasets, self.experiments, self.services

    @property
    def uploads(self) -> Path:
        """Where files are while they come in over HTTP."""
        return self.path / "uploads"

    @property
    def settings(self) -> Path:
        return self.path / "settings.json"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def connections_toml(self) -> Path:
        return self.path / "connections.toml"

    def credential(self) -> str:
        """Return the folder's secret, made on first use and readable by this user only."""
        path = self.path / "credential"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text(encoding="utf-8").strip()
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            secret = secrets.token_urlsafe(32)
            file.write(secret)
        return secret

    def lock(self) -> FileLock:
        """Take the folder for this process; the operating system lets go of it even after kill -9.

        Raises:
            StateInUseError: a server that runs holds it.
        """
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            running = self.server()
            raise StateInUseError(self.path, running["pid"] if running else None) from None
        return lock

    @property
    def is_locked(self) -> bool:
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def announce(self, *, pid: int, port: int) -> None:
        """Write down who serves this folder, in one step, so that no reader sees half of it."""
        temporary = self.path / f"server.json.{pid}"
        temporary.write_text(json.dumps({"pid": pid, "port": port}), encoding="utf-8")
        temporary.replace(self.path / "server.json")

    def withdraw(self) -> None:
        (self.path / "server.json").unlink(missing_ok=True)

    def server(self) -> dict[str, Any] | None:
        """Return what the last server announced; whether it still runs, `is_locked` says."""
        try:
            announced: dict[str, Any] = json.loads((self.path / "server.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return announced
