"""Sessions over HTTP: login, heartbeat, renewal, logout, and the telemetry that clients insist on sending."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mlops_embedded.account import Account
from mlops_embedded.catalog.identifiers import UNQUOTED, normalize
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.requests import body, json_body, session_token
from mlops_embedded.sql.session import Session

VALIDITY_SECONDS = 4 * 3600
SERVER_VERSION = "10.10.0"


def account_of(request: Request) -> Account:
    account: Account = request.app.state.account
    return account


def refusal(error: SnowflakeError, query_id: str | None = None) -> JSONResponse:
    """A failure as the clients want it: always HTTP 200, because they retry a 5xx for minutes."""
    data = {"errorCode": error.code, "sqlState": error.sqlstate, "queryId": query_id, "internalError": False}
    return JSONResponse({"success": False, "code": error.code, "message": error.message, "data": data})


def stored_name(given: str | None) -> str | None:
    """The name a client means by what it sends at login: identifiers, quoted or not; None if not given."""
    if not given:
        return None
    return normalize(given) if given.startswith('"') or UNQUOTED.fullmatch(given) else given


async def login(request: Request) -> JSONResponse:
    account = account_of(request)
    try:
        data = (await json_body(request) or {}).get("data", {})
        principal, claims = account.credentials.check(data.get("LOGIN_NAME"), data.get("TOKEN") or data.get("PASSWORD"))
        if token := claims.get("session"):
            return _welcome(account.session(token), token)
        query = request.query_params
        given = {
            "role": stored_name(query.get("roleName")),
            "warehouse": stored_name(query.get("warehouse")),
            "database": stored_name(query.get("databaseName")),
            "schema": stored_name(query.get("schemaName")),
        }
        session = account.open_session(
            principal,
            **{key: value or claims.get(key) for key, value in given.items()},
            parameters={str(k).upper(): v for k, v in (data.get("SESSION_PARAMETERS") or {}).items()},
            context=claims.get("context", {}),
        )
        account.register(session)
    except SnowflakeError as error:
        return refusal(error)
    return _welcome(session, session.token)


def _welcome(session: Session, token: str) -> JSONResponse:
    return JSONResponse({"success": True, "code": None, "message": None, "data": _login_answer(session, token)})


def _login_answer(session: Session, token: str) -> dict[str, Any]:
    parameters = {
        "AUTOCOMMIT": True,
        "CLIENT_RESULT_CHUNK_SIZE": 160,
        "CLIENT_SESSION_KEEP_ALIVE": False,
        "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": 3600,
        # binds stay in the request: nothing is uploaded to a stage behind the user's back
        "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 0,
        "CLIENT_TELEMETRY_ENABLED": False,
        "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
        # without it Snowpark's threads share one cursor, and take each other's rows
        "PYTHON_SNOWPARK_ENABLE_THREAD_SAFE_SESSION": True,
        "QUERY_RESULT_FORMAT": "ARROW",
        "SERVICE_NAME": "",
        "TIMEZONE": "Etc/UTC",
        **session.parameters,
    }
    return {
        "token": token,
        "masterToken": session.master_token if token == session.token else token,
        "validityInSeconds": VALIDITY_SECONDS,
        "masterValidityInSeconds": VALIDITY_SECONDS * 4,
        "displayUserName": session.principal.user,
        "serverVersion": SERVER_VERSION,
        "sessionId": session.id,
        "parameters": [{"name": name, "value": value} for name, value in parameters.items()],
        "sessionInfo": {
            "databaseName": session.database,
            "schemaName": session.schema,
            "warehouseName": session.warehouse,
            "roleName": session.role,
        },
    }


async def session(request: Request) -> JSONResponse:
    """Heartbeat, or with `?delete=true` the end of the session."""
    account = account_of(request)
    try:
        token = session_token(request)
        if request.query_params.get("delete"):
            account.close_session(token)
        else:
            account.session(token)
    except SnowflakeError as error:
        return refusal(error)
    return JSONResponse({"success": True, "code": None, "message": None, "data": None})


async def renew(request: Request) -> JSONResponse:
    """The client's token grew old: the session lives on under the same one."""
    account = account_of(request)
    try:
        old = (await json_body(request) or {}).get("oldSessionToken", "")
        found = account.session(old)
    except SnowflakeError as error:
        return refusal(error)
    data = {
        "sessionToken": old,
        "masterToken": found.master_token if old == found.token else old,
        "validityInSecondsST": VALIDITY_SECONDS,
        "validityInSecondsMT": VALIDITY_SECONDS * 4,
        "sessionId": found.id,
    }
    return JSONResponse({"success": True, "code": None, "message": None, "data": data})


async def telemetry(request: Request) -> JSONResponse:
    await body(request)
    return JSONResponse({"success": True, "code": None, "message": None, "data": None})


ROUTES = [
    Route("/session/v1/login-request", login, methods=["POST"]),
    Route("/session/token-request", renew, methods=["POST"]),
    Route("/session/heartbeat", session, methods=["POST"]),
    Route("/session", session, methods=["POST"]),
    Route("/telemetry/send", telemetry, methods=["POST"]),
    Route("/telemetry/send/sessionless", telemetry, methods=["POST"]),
]
