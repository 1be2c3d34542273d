"""Routes of our own, for tests and tools: the log of every call, faults on demand, the clock of schedules. The credential is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timezone

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mlops_embedded.background import FollowsClock
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.calls import CallLog
from mlops_embedded.server.faults import Fault, Faults
from mlops_embedded.server.login import account_of
from mlops_embedded.server.requests import json_body, session_token
from mlops_embedded.server.resources import bad_request, error_response


def _with_credential(
    handle: Callable[[Request], Awaitable[JSONResponse]],
) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def checked(request: Request) -> JSONResponse:
        try:
            account_of(request).credentials.check(None, session_token(request))
            return await handle(request)
        except SnowflakeError as error:
            if error.code == "390100":
                error.http_status = 401
            return error_response(error)

    return checked


async def calls(request: Request) -> JSONResponse:
    """`{"count": n, "by_path": {...}, "calls": [...]}` since the server started."""
    log: CallLog = request.app.state.calls
    return JSONResponse(log.snapshot())


async def faults(request: Request) -> JSONResponse:
    """GET lists them with how often each matched, POST adds one, DELETE takes all away."""
    found: Faults = request.app.state.faults
    if request.method == "POST":
        found.add(Fault.parsed(await json_body(request)))
    elif request.method == "DELETE":
        found.clear()
    return JSONResponse(found.listed())


async def clock(request: Request) -> JSONResponse:
    """GET says what time it is for schedules; PUT `{"now": "2026-01-01T09:00:00+00:00"}` stops the clock there.

    A PUT answers when every run that came due has started. `{"now": null}` gives the clock back to the machine.
    """
    account = account_of(request)
    if request.method == "PUT":
        given = (await json_body(request) or {}).get("now")
        try:
            account.clock.set(None if given is None else datetime.fromisoformat(given).astimezone(timezone.utc))
        except (TypeError, ValueError) as error:
            raise bad_request(f"the clock cannot be set to {given!r}: {error}") from error
        for service in account.services.values():
            if isinstance(service, FollowsClock):
                await run_in_threadpool(service.tick)
                service.wake()
    return JSONResponse({"now": account.clock.now().isoformat(), "driven": account.clock.is_driven})


ROUTES = [
    Route("/embedded/clock", _with_credential(clock), methods=["GET", "PUT"]),
    Route("/embedded/calls", _with_credential(calls), methods=["GET"]),
    Route("/embedded/faults", _with_credential(faults), methods=["GET", "POST", "DELETE"]),
]
