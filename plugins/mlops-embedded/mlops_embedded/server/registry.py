"""Where an image registry sends engines to log in; see jobs/runtimes/registry_login.py."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.jobs.runtimes.registry_login import PATH, RegistryLogin
from mlops_embedded.server.login import account_of


async def token(request: Request) -> JSONResponse:
    try:
        login = RegistryLogin(account_of(request))
        answer = login.answer(request.headers.get("Authorization", ""), request.query_params.getlist("scope"))
    except SnowflakeError as error:
        details = [{"code": "UNAUTHORIZED", "message": error.message}]
        return JSONResponse({"errors": details}, status_code=401)
    return JSONResponse(answer)


ROUTES = [Route(PATH, token, methods=["GET"])]
