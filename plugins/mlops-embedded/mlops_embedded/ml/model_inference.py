"""Methods of models in worker processes: who may run them, where they run, and the DuckDB function that asks there.

A model is code. It runs for the user and the credential that logged it, in a process that serves them alone; a version
that brings Python files of its own has a process of its own, because two versions' modules have the same names.
"""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_embedded.errors import not_authorized
from mlops_embedded.ml.model_manifest import Method
from mlops_embedded.ml.models import Model, ModelVersion, version_folder
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.session import Session
from mlops_embedded.workers import Worker

_FACTORIES = "mlops_embedded.ml.model_worker"


@dataclass(frozen=True, slots=True)
class LoadedMethod:
    """A method that the session may run: its name in the worker, and what is loaded there under it."""

    method: Method
    key: str
    worker: str
    folder: Path

    def ready(self, session: Session) -> Worker:
        """Return the worker with the method loaded; a worker that ended is started anew.

        Raises:
            WorkerError: the model does not load.
        """
        worker = session.account.workers.get(self.worker)
        types = [signature_type(argument.type).kind for argument in self.method.arguments]
        loaded: dict[str, Any] = {"folder": str(self.folder), "handler": self.method.handler, "types": types}
        factory = "function"
        if self.method.is_table:
            factory = "table_function"
            loaded["outputs"] = [[output.name, signature_type(output.type).kind] for output in self.method.outputs]
        worker.load(self.key, f"{_FACTORIES}:{factory}", loaded)
        return worker


def load_method(session: Session, model: Model, version: ModelVersion, method: Method) -> LoadedMethod:
    """Return a method for this session to run.

    Raises:
        SnowflakeError 003001: another user, or another credential, logged the model.
    """
    principal = session.principal
    if (version.user, version.credential) != (principal.user, principal.credential):
        raise not_authorized(
            f"version {version.name} of model {model.name} was logged by {version.user} with another login, and a "
            f"model's code runs for the one who logged it only. Log the model as {principal.user}."
        )
    folder = version_folder(session, model.name, version.name)
    worker = f"models:{principal.credential}:{principal.user}"
    if (folder / "model" / "code").is_dir():
        worker = f"{worker}:{folder}:{version.created_on}"
    named = f"{folder} {version.created_on} {method.name}"
    return LoadedMethod(method, "_MODEL_" + hashlib.sha256(named.encode()).hexdigest()[:24].upper(), worker, folder)


def row_function(session: Session, loaded: LoadedMethod) -> str:
    """Make a method known to the session's DuckDB connection, once, and return its name there.

    Its first argument only counts rows: a method may have no other, and Arrow needs one to know how many there are.
    """
    method = loaded.method
    name = f"{loaded.key}_{session.id}"  # DuckDB keeps functions by database, and each session has its own
    if name in session.registered_functions:
        return name

    def call(*columns: Any) -> Any:
        arrays = [c.combine_chunks() if isinstance(c, pa.ChunkedArray) else c for c in columns]
        table = pa.Table.from_arrays(arrays, names=[f"_{n}" for n in range(len(arrays))])
        _, result = loaded.ready(session).call(loaded.key, table)
        assert result is not None
        return result.column(0).combine_chunks()

    arguments = [signature_type(argument.type).duckdb for argument in method.arguments]
    # DuckDB counts the parameters
    positional = inspect.Parameter.POSITIONAL_ONLY
    parameters = [inspect.Parameter(f"_{n}", positional) for n in range(len(arguments) + 1)]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # functions take attributes
    session.duckdb.create_function(
        name, call, ["BIGINT", *arguments], signature_type(method.outputs[0].type).duckdb,
        type="arrow", null_handling="special", side_effects=True,
    )  # fmt: skip
    session.registered_functions.add(name)
    return name
