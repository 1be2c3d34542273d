"""The ASGI application of one account."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlops_embedded import assembly
from mlops_embedded.account import Account
from mlops_embedded.errors import unknown_here
from mlops_embedded.server import admin, files, login, queries, registry
from mlops_embedded.server.calls import Call, CallLog, now
from mlops_embedded.server.faults import Faults, Faulty
from mlops_embedded.server.queries import Executions
from mlops_embedded.server.resources import error_response

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]


def build_app(account: Account) -> ASGIApp:
    """Return the application; it does not listen yet and starts no service."""
    assembly.load_statements()
    app = Starlette(
        routes=[
            *login.ROUTES,
            *queries.ROUTES,
            *files.ROUTES,
            *registry.ROUTES,
            *admin.ROUTES,
            Mount("/api/v2", routes=[*assembly.api_routes(), Route("/{path:path}", _unknown, methods=_METHODS)]),
            Route("/{path:path}", _unknown, methods=_METHODS),
        ],
        exception_handlers={405: _unknown},
    )
    app.state.account = account
    app.state.executions = Executions()
    app.state.faults = Faults()
    app.state.calls = CallLog()
    return _Recorded(Faulty(app, app.state.faults), app.state.calls)


async def _unknown(request: Request, _refused: Exception | None = None) -> JSONResponse:
    error = unknown_here(f"{request.method} {request.url.path}")
    error.http_status = 404
    request.state.error = error.code
    return error_response(error)


class _Recorded:
    """Puts every call into the log."""

    def __init__(self, app: ASGIApp, calls: CallLog) -> None:
        self._app, self._calls = app, calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, begun, status = self._calls.next_number(), now(), 0
        scope.setdefault("state", {})

        async def recorded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, recorded)
        finally:
            said = scope["state"]
            call = Call(
                number, scope["method"], scope["path"], status, now() - begun, said.get("sql"), said.get("error")
            )
            self._calls.add(call)
