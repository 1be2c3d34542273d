"""Service functions: `CREATE FUNCTION f(...) RETURNS ... SERVICE = s ENDPOINT = e AS '/path'`, called from a query.

Rows go to the endpoint in batches as `{"data": [[0, argument, ...], ...]}`, and come back as `{"data": [[0, value], ...]}`.
A service that is suspended and resumes by itself is started before the query runs.

Source: Snowflake documentation, "CREATE FUNCTION (Snowpark Container Services)" and "External functions: data formats".
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as time_of_day
from typing import Any

import pyarrow as pa

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.jobs.placing import read_specification
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.runtimes.sandbox import HOST
from mlops_embedded.jobs.service import KIND, RUNNING, Service
from mlops_embedded.jobs.service_roles import require_endpoint
from mlops_embedded.jobs.specifications.specification import Endpoint
from mlops_embedded.sql.python_types import signature_type
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.signatures import Signature
from mlops_embedded.sql.user_functions import ForeignLanguage, foreign_language

_START_SECONDS = 60.0
"""How long a query waits for a service that it started."""
_FIRST_RETRY_SECONDS = 0.1
_CONTEXT = {
    f"CURRENT_{what}"
    for what in (
        "ACCOUNT", "CLIENT", "DATABASE", "DATE", "IP_ADDRESS", "REGION", "ROLE", "SCHEMA", "SCHEMAS", "SESSION",
        "STATEMENT", "TIME", "TIMESTAMP", "TRANSACTION", "USER", "VERSION", "WAREHOUSE",
    )
} | {"LAST_QUERY_ID", "LAST_TRANSACTION", "LOCALTIME", "LOCALTIMESTAMP"}  # fmt: skip
_REPEATED = {http.client.TOO_MANY_REQUESTS, *range(500, 600)}


class ServiceCallError(Exception):
    """A batch that failed for good; its text is what the statement is refused with."""


@dataclass(frozen=True, slots=True)
class _Calling:
    """How one function's batches are sent."""

    port: int
    path: str
    headers: Mapping[str, str]
    rows: int | None
    retries: int
    timeout: float
    null_on_failure: bool
    service: ObjectName
    function: str


def check(session: Session, signature: Signature) -> dict[str, Any]:
    """Return the properties of a new service function, its service's name resolved.

    Raises:
        SnowflakeError: there is no such service or endpoint, the role may not use it, or a property has a wrong value.
    """
    given = dict(signature.properties)
    name = session.resolve(tuple(given["service"]), "CREATE FUNCTION")
    service = Service.of(session.catalog.get(KIND, name))
    if service.is_job:
        raise invalid_value(f"{name} is a job service: a function calls long-running services only")
    if "endpoint" not in given:
        raise invalid_value("a service function needs ENDPOINT = <name>")
    require_endpoint(session, service, endpoint_of(service, str(given["endpoint"])).name)
    if not signature.body.startswith("/"):
        raise invalid_value(f"AS '{signature.body}' must be a path that starts with /")
    for key, least, most in (
        ("max_batch_rows", 1, 1_000_000), ("max_batch_retries", 0, 1_000), ("batch_timeout_secs", 1, 604_800)
    ):  # fmt: skip
        value = given.get(key, least)
        if not isinstance(value, int) or not least <= value <= most:
            raise invalid_value(f"{key.upper()} must be a whole number from {least} to {most}, not {value}")
    if given.get("on_batch_failure", "ABORT") not in {"ABORT", "RETURN_NULL"}:
        raise invalid_value(f"ON_BATCH_FAILURE must be ABORT or RETURN_NULL, not {given['on_batch_failure']}")
    unknown = sorted(set(given.get("context_headers", ())) - _CONTEXT)
    if unknown:
        raise invalid_value(f"CONTEXT_HEADERS takes {', '.join(sorted(_CONTEXT))}, not {unknown[0]}")
    return {**given, "service": [name.database, name.schema, name.name]}


def endpoint_of(service: Service, name: str) -> Endpoint:
    """Return a service's endpoint by name, whatever its case: SQL's names without quotes are upper case."""
    endpoints = read_specification(service.request.specification).endpoints
    for endpoint in endpoints:
        if endpoint.name.upper() == name.upper():
            if endpoint.protocol == "TCP":
                raise invalid_value(f"endpoint {endpoint.name} of service {service.name} is not of protocol HTTP")
            return endpoint
    has = ", ".join(endpoint.name for endpoint in endpoints) or "none"
    raise invalid_value(f"service {service.name} has no endpoint {name}; its endpoints are {has}")


def caller(session: Session, document: Document) -> Callable[[pa.Table], pa.Array]:
    """Return what answers a table of arguments; the service runs then, unless the query is only described."""
    properties = document.body["properties"]
    name = ObjectName(*properties["service"])
    service = Service.of(session.catalog.get(KIND, name))
    if not session.describing:
        _await(session, name)
    calling = _Calling(
        endpoint_of(service, str(properties["endpoint"])).port,
        document.body["body"],
        {**_headers(document), **_context_headers(session, properties.get("context_headers", ()))},
        properties.get("max_batch_rows"),
        properties.get("max_batch_retries", 3),
        properties.get("batch_timeout_secs", 3600),
        properties.get("on_batch_failure") == "RETURN_NULL",
        name,
        document.body["function"],
    )
    kinds = [signature_type(type_).kind for _, type_, _ in document.body["arguments"]]
    returned = signature_type(document.body["returns"]).kind
    strict = bool(properties.get("strict"))
    runner, query_id = runner_of(session.account), session.query_id

    def call(table: pa.Table) -> pa.Array:
        columns = [[_sent(v, kind) for v in c.to_pylist()] for c, kind in zip(table.columns, kinds, strict=True)]
        rows = [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(table.num_rows)]
        asked = [n for n, row in enumerate(rows) if not (strict and None in row)]
        values: list[Any] = [None] * len(rows)
        size = calling.rows or len(rows) or 1
        for start in range(0, len(asked), size):
            runner.use(name)
            numbers = asked[start : start + size]
            for number, value in zip(numbers, _batch(calling, [rows[n] for n in numbers], query_id), strict=True):
                values[number] = value
        return _column(values, returned)

    return call


def _await(session: Session, name: ObjectName) -> None:
    """Start the service if it is to start by itself, and wait until it is ready."""
    running = runner_of(session.account).use(name)
    until = time.monotonic() + _START_SECONDS
    with session.waiting():
        while (status := running.service.status) != RUNNING:
            if session.cancelled.is_set():
                raise SnowflakeError("SQL execution canceled", code="000604", sqlstate="57014")
            if time.monotonic() > until:
                raise invalid_value(f"service {name} is not ready: its status is {status} {running.service.message}")
            time.sleep(0.02)


def _batch(calling: _Calling, rows: list[list[Any]], query_id: str) -> list[Any]:
    """Send one batch, again if the service is busy or broken, and return its values in the order of the rows."""
    body = json.dumps({"data": [[number, *row] for number, row in enumerate(rows)]}, allow_nan=False).encode()
    headers = {
        **calling.headers,
        "sf-external-function-current-query-id": query_id,
        "sf-external-function-query-batch-id": f"{query_id}:{uuid.uuid4()}",
    }
    until, pause, failure = time.monotonic() + calling.timeout, _FIRST_RETRY_SECONDS, ""
    for attempt in range(calling.retries + 1):
        if attempt:
            time.sleep(pause)
            pause *= 2
        try:
            status, answer = _request(calling, "POST", body, headers, until)
            while status == http.client.ACCEPTED:  # the service works on it: ask for the result
                if time.monotonic() > until:
                    raise TimeoutError(f"no result after {calling.timeout:g} seconds")
                time.sleep(_FIRST_RETRY_SECONDS)
                status, answer = _request(calling, "GET", None, headers, until)
        except (OSError, http.client.HTTPException) as error:
            failure = f"{type(error).__name__}: {error}"
            continue
        if status == http.client.OK:
            return _values(calling, answer, len(rows))
        failure = f"{status} {answer.decode(errors='replace')[:500]}".strip()
        if status not in _REPEATED:
            break
    if calling.null_on_failure:
        return [None] * len(rows)
    raise ServiceCallError(
        f"Request failed for service function {calling.function} with service {calling.service}: {failure}"
    )


def _request(
    calling: _Calling, method: str, body: bytes | None, headers: Mapping[str, str], until: float
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, calling.port, timeout=max(0.1, until - time.monotonic()))
    try:
        connection.request(method, calling.path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _values(calling: _Calling, answer: bytes, count: int) -> list[Any]:
    """Return the values out of `{"data": [[row, value], ...]}`, by row number."""
    try:
        rows = json.loads(answer)["data"]
        found = {int(row[0]): row[1] for row in rows}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ServiceCallError(
            f"service function {calling.function}: {calling.service} answered {answer[:200].decode(errors='replace')!r}, "
            'which is not {"data": [[row, value], ...]}'
        ) from error
    if len(rows) != count or set(found) != set(range(count)):
        raise ServiceCallError(
            f"service function {calling.function}: {calling.service} answered {len(rows)} rows for {count} that were sent"
        )
    return [found[number] for number in range(count)]


def _headers(document: Document) -> dict[str, str]:
    body = document.body
    signature = "(" + ", ".join(f"{name} {type_}" for name, type_, _ in body["arguments"]) + ")"
    headers = {"Content-Type": "application/json", "sf-external-function-format": "json"}
    headers["sf-external-function-format-version"] = "1.0"
    for key, value in (("name", body["function"]), ("signature", signature), ("return-type", body["returns"])):
        headers |= _header(f"sf-external-function-{key}", value)
    return headers


def _context_headers(session: Session, functions: list[str]) -> dict[str, str]:
    """Headers of context functions; CURRENT_TIMESTAMP is sf-context-current-timestamp."""
    headers: dict[str, str] = {}
    for function in functions:
        headers |= _header(f"sf-context-{function.lower().replace('_', '-')}", session.scalar(f"SELECT {function}()"))
    return headers


def _header(name: str, value: object) -> dict[str, str]:
    """A header without the characters that a header must not have, and all of the value in base64."""
    text = str(value)
    return {name: re.sub(r"[^\x20-\x7e]+", " ", text), f"{name}-base64": base64.b64encode(text.encode()).decode()}


def _sent(value: Any, kind: str) -> Any:
    """An argument as JSON has it: numbers and booleans as such, JSON types as what they hold, the rest as text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if kind in {"VARIANT", "ARRAY", "OBJECT"}:
        return json.loads(value) if isinstance(value, str) else value
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, (date, time_of_day)) else str(value)


def _column(values: list[Any], kind: str) -> pa.Array:
    """The values that a service answered, in the type that the function returns."""
    if kind in {"VARIANT", "ARRAY", "OBJECT"}:
        return pa.array([None if v is None else json.dumps(v) for v in values], pa.string())
    read, type_ = _READ[kind]
    try:
        return pa.array([None if v is None else read(v) for v in values], type_)
    except (ValueError, TypeError, pa.ArrowException) as error:
        raise ServiceCallError(f"the service answered a value that is no {kind}: {error}") from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_READ: dict[str, tuple[Callable[[Any], Any], pa.DataType]] = {
    "FIXED": (int, pa.int64()),
    "DECIMAL": (float, pa.float64()),
    "REAL": (float, pa.float64()),
    "BOOLEAN": (lambda v: v if isinstance(v, bool) else {"true": True, "false": False}[str(v).lower()], pa.bool_()),
    "TEXT": (_text, pa.string()),
    "DATE": (date.fromisoformat, pa.date32()),
    "TIME": (time_of_day.fromisoformat, pa.time64("us")),
    "TIMESTAMP_NTZ": (datetime.fromisoformat, pa.timestamp("us")),
    "TIMESTAMP_TZ": (datetime.fromisoformat, pa.timestamp("us", tz="UTC")),
    "BINARY": (bytes.fromhex, pa.binary()),
}

foreign_language("EXTERNAL", ForeignLanguage(check, caller))
