"""Users' Python code in its worker: who may run it, what the worker is sent, and its errors as Snowflake's."""

from __future__ import annotations

import hashlib
from typing import Any

from mlops_embedded.catalog import Document
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.signatures import import_paths
from mlops_embedded.workers import Worker, WorkerError

FACTORIES = "mlops_embedded.workers.python_functions"


def worker_of(session: Session, document: Document) -> Worker:
    """Return the worker for a function's code, which runs for the credential that created it and no other."""
    if document.body["credential"] != session.principal.credential:
        raise SnowflakeError(
            f"{document.name} was created with another credential: its code does not run for this one",
            code="003001",
            sqlstate="42501",
        )
    return session.account.workers.get(f"functions:{session.principal.credential}")


def code_of(session: Session, document: Document, **more: Any) -> dict[str, Any]:
    body = document.body
    return {
        "code": body["body"],
        "handler": body["properties"]["handler"],
        "imports": import_paths(session, document),
        "types": [signature_type(t).kind for _, t, _ in body["arguments"]],
        **more,
    }


def fingerprint(document: Document) -> str:
    return hashlib.sha256(f"{document.name} {document.created_on.timestamp()}".encode()).hexdigest()[:24].upper()


def python_error(error: WorkerError, document: Document) -> SnowflakeError:
    """100357: what users' Python raised, with its own traceback."""
    return SnowflakeError(
        f"Python Interpreter Error:\n{error.traceback or error}\n in function {document.body['function']}",
        code="100357",
        sqlstate="P0000",
    )
