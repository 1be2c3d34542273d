"""Start, stop and find servers: one process a state folder, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from mlops_embedded.admin import Admin
from mlops_embedded.jobs.runtimes.images import write_first_entries
from mlops_embedded.principal import USER
from mlops_embedded.state import StateFolder

HOST = "127.0.0.1"
_START_SECONDS, _STOP_SECONDS = 60.0, 60.0


class ServerError(RuntimeError):
    """The server did not start, or did not stop; the message says why and where its log is."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    state: StateFolder
    pid: int
    port: int

    @property
    def connection(self) -> dict[str, Any]:
        """Keyword arguments for `snowflake.connector.connect`, and for `Session.builder.configs`."""
        return {
            "account": "embedded",
            "user": USER,
            "password": self.state.credential(),
            "host": HOST,
            "port": self.port,
            "protocol": "http",
            "role": "ACCOUNTADMIN",
            "warehouse": "COMPUTE_WH",
            "database": "EMBEDDED",
            "schema": "PUBLIC",
        }

    @property
    def admin(self) -> Admin:
        """The log of every call, and faults on demand."""
        return Admin(self.port, self.state.credential())

    def connections_toml(self) -> str:
        """The same connection for Snowflake's own tools, as a section of connections.toml."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.connection.items()]
        return "\n".join(["[embedded]", *lines, ""])


def start(state: Path, *, port: int = 0, runtime: str | None = None, registry: str | None = None) -> Running:
    """Start a server that goes on when this process ends; port 0 is any free one.

    `runtime` is process or container, `registry` the host and port of a container registry on this machine; None is
    what MLOPS_EMBEDDED_RUNTIME and MLOPS_EMBEDDED_REGISTRY say, else what the state folder's last server had.

    Raises:
        ServerError: another server holds the folder, the port is taken, or it did not come up.
    """
    folder = StateFolder.at(state)
    running, _ = _launch(folder, port, runtime, registry, tied=False)
    return running


def stop(state: Path) -> bool:
    """Stop the folder's server and wait until it is gone; False if none ran."""
    running = status(state)
    if running is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)
    _wait_unlocked(running.state)
    return True


def status(state: Path) -> Running | None:
    """Return the server that runs on the folder, or None; a stale server.json of a killed one does not count."""
    if not state.expanduser().is_dir():
        return None
    folder = StateFolder.at(state)
    announced = folder.server()
    if announced is None or not folder.is_locked:
        return None
    return Running(folder, announced["pid"], announced["port"])


class EmbeddedSnowflake:
    """A server for the length of a `with` block; it ends with this process, however that ends.

    Without a state folder the account is a new one, gone afterwards.

        with EmbeddedSnowflake() as snowflake:
            snowflake.connector.connect(**snowflake.connection)
    """

    def __init__(
        self, state: Path | None = None, *, port: int = 0, runtime: str | None = None, registry: str | None = None
    ) -> None:
        self._runtime, self._registry = runtime, registry
        self._temporary = state is None
        self._folder = state
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._running: Running | None = None

    def __enter__(self) -> EmbeddedSnowflake:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="mlops-embedded-"))
        self._running, self._process = _launch(
            StateFolder.at(self._folder), self._port, self._runtime, self._registry, tied=True
        )
        self._port = self._running.port
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._temporary and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @property
    def connection(self) -> dict[str, Any]:
        """Keyword arguments for `snowflake.connector.connect`."""
        return self.running.connection

    @property
    def running(self) -> Running:
        if self._running is None:
            raise ServerError("the embedded Snowflake is not running: use it in a `with` block")
        return self._running

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.running.state.path

    @property
    def admin(self) -> Admin:
        """The log of every call, and faults on demand."""
        return self.running.admin

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def restart(self) -> None:
        """Stop and start on the same folder and port; clients go on, their temporary tables are gone."""
        self.stop()
        self.__enter__()

    def kill(self) -> None:
        """End the server as kill -9 does; `restart()` brings it back."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stop the server, keep the folder."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _launch(
    folder: StateFolder, port: int, runtime: str | None, registry: str | None, *, tied: bool
) -> tuple[Running, subprocess.Popen[bytes]]:
    write_first_entries(folder.path)
    command = [sys.executable, "-m", "mlops_embedded.server", "--state", str(folder.path), "--port", str(port)]
    for option, value in (("--runtime", runtime), ("--registry", registry)):
        command += [option, value] if value is not None else []
    with (folder.path / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--tied"] if tied else command,
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.stdout.close()
    said: dict[str, Any] = json.loads(line) if line else {"error": "it ended while it started"}
    if "error" in said:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()
        raise ServerError(f"the embedded Snowflake did not start: {said['error']} (its log is {folder.log})")
    running = Running(folder, said["pid"], said["port"])
    _write_private(folder.connections_toml, running.connections_toml())
    return running, process


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _wait_unlocked(folder: StateFolder) -> None:
    until = time.monotonic() + _STOP_SECONDS
    while folder.is_locked:
        if time.monotonic() > until:
            raise ServerError(f"the embedded Snowflake on {str(folder.path)!r} does not stop; its log is {folder.log}")
        time.sleep(0.05)
