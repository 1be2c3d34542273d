"""The server's side of a worker: start it, load a function into it, call it with Arrow tables.

A factory is named "module:function"; it is called in the worker with JSON arguments and returns
`f(table, arguments) -> (answer, table)`. Loading the same name twice does nothing the second time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_embedded.workers import messages

_LEFT_OUT = ("SNOWFLAKE_", "MLOPS_")


class WorkerError(RuntimeError):
    """What users' code raised in the worker, or that the worker ended."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


class Worker:
    """One process. Calls are one at a time; a call that is cancelled ends the process."""

    def __init__(self, log: Path, environment: dict[str, str] | None = None) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_LEFT_OUT)}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlops_embedded.workers.host"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**inherited, **(environment or {})},
                start_new_session=True,
            )
        self._lock = threading.Lock()
        self._loaded: set[str] = set()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def load(self, name: str, factory: str, arguments: dict[str, Any]) -> None:
        """Make a function of the worker known under a name, once."""
        with self._lock:
            if name not in self._loaded:
                self._ask({"do": "load", "name": name, "factory": factory, "arguments": arguments}, None)
                self._loaded.add(name)

    def call(
        self, name: str, table: pa.Table | None = None, arguments: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], pa.Table | None]:
        """Call a loaded function.

        Raises:
            WorkerError: it raised, or the process ended.
        """
        with self._lock:
            return self._ask({"do": "call", "name": name, "arguments": arguments or {}}, table)

    def kill(self) -> None:
        """End the process now; a call that waits for it raises."""
        self._process.kill()
        self._process.wait()

    def _ask(self, header: dict[str, Any], table: pa.Table | None) -> tuple[dict[str, Any], pa.Table | None]:
        assert self._process.stdin
        assert self._process.stdout
        try:
            messages.write(self._process.stdin, header, table)  # type: ignore[arg-type] # a binary pipe
            answer, result = messages.read(self._process.stdout)  # type: ignore[arg-type] # a binary pipe
        except (EOFError, BrokenPipeError, OSError) as error:
            code = self._process.wait()
            raise WorkerError(f"the process that runs it ended with exit code {code}") from error
        if "error" in answer:
            raise WorkerError(answer["error"], answer.get("traceback", ""))
        return answer, result


class Workers:
    """Workers by key (a credential and an environment), started on first use, all ended with the server."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._workers: dict[str, Worker] = {}
        self._lock = threading.Lock()

    def get(self, key: str, environment: dict[str, str] | None = None) -> Worker:
        """Return the key's worker, a new one if there is none or it ended."""
        with self._lock:
            worker = self._workers.get(key)
            if worker is None or not worker.is_alive:
                worker = self._workers[key] = Worker(self._log, environment)
            return worker

    def new(self, environment: dict[str, str] | None = None) -> Worker:
        """Return a worker of the caller's own, which the caller ends."""
        return Worker(self._log, environment)

    def close(self) -> None:
        with self._lock:
            for worker in self._workers.values():
                worker.kill()
            self._workers.clear()
