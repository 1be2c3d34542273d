"""The room for /api/v2: a resource's function gets a session and a parsed request, and returns an answer.

def fetch_task(session: Session, request: ApiRequest) -> ApiAnswer: ...

ROUTES = [Route("/databases/{database}/schemas/{schema}/tasks/{name}", endpoint(fetch_task), methods=["GET"])]
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.login import account_of
from mlops_embedded.server.requests import json_body, session_token
from mlops_embedded.sql.session import Session

logger = logging.getLogger("mlops_embedded.api")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request: path parameters as given (decoded, not yet normalized), query parameters, JSON body."""

    method: str
    path: str
    path_params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean query parameter.

        Raises:
            SnowflakeError 400: it is neither true nor false.
        """
        value = self.query.get(name, str(default)).lower()
        if value not in {"true", "false"}:
            raise bad_request(f"query parameter {name} must be true or false, not {value!r}")
        return value == "true"


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A JSON answer."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Resource = Callable[[Session, ApiRequest], ApiAnswer]


def endpoint(resource: Resource) -> Callable[[Request], Any]:
    """Wrap a resource's function: authentication, a thread of its own, errors in Snowflake's REST shape."""

    async def handle(request: Request) -> Response:
        try:
            session = account_of(request).session(session_token(request))
            given = ApiRequest(
                request.method,
                request.url.path,
                dict(request.path_params),
                dict(request.query_params),
                await json_body(request),
            )
            answer = await run_in_threadpool(resource, session, given)
        except SnowflakeError as error:
            request.state.error = error.code
            return error_response(error)
        except Exception as error:
            logger.exception("%s %s failed", request.method, request.url.path)
            return error_response(
                SnowflakeError(
                    f"the embedded Snowflake failed at this request: {type(error).__name__}: {error}",
                    code="000603",
                    sqlstate="XX000",
                    http_status=500,
                )
            )
        return JSONResponse(answer.body, answer.status, dict(answer.headers))

    return handle


def error_response(error: SnowflakeError) -> JSONResponse:
    return JSONResponse(
        {
            "code": error.code,
            "error_code": error.code,
            "message": error.message,
            "sqlState": error.sqlstate,
            "request_id": str(uuid.uuid4()),
        },
        error.http_status,
    )


def bad_request(message: str) -> SnowflakeError:
    """400: a body or parameter that the API does not take."""
    return SnowflakeError(message, code="391902", sqlstate="22023", http_status=400)
