"""The query endpoint: one statement in, rows or a refusal out.

A statement runs in a thread of its own. What takes longer than a few seconds is answered "in progress", and the client
comes back for the result, so that a job of hours needs no open request. A request that the client repeats (it does,
after a lost answer) gets the first one's answer and is not run twice.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from base64 import b64encode
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.binds import Bound, bind
from mlops_embedded.server.calls import without_secrets
from mlops_embedded.server.login import account_of, refusal
from mlops_embedded.server.requests import json_body, session_token
from mlops_embedded.sql.results import Column, Data, Result, Rowset, Status, Transfer
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.wire import arrow_stream, json_cells, rowtype

ANSWER_WITHIN_SECONDS = 15.0
IN_PROGRESS, IN_PROGRESS_ASYNC = "333333", "333334"
_EXECUTIONS_KEPT = 1_000
_TYPE_IDS = {
    "SELECT": 0x1000, "WITH": 0x1000, "INSERT": 0x3100, "UPDATE": 0x3200, "DELETE": 0x3300, "MERGE": 0x3400,
    "COPY": 0x3600, "USE": 0x4300, "SHOW": 0x4400, "DESCRIBE": 0x4500, "BEGIN": 0x5000, "COMMIT": 0x5000,
    "ROLLBACK": 0x5000, "CREATE": 0x6000, "DROP": 0x6000, "ALTER": 0x6000, "LIST": 0x4700,
}  # fmt: skip
logger = logging.getLogger("mlops_embedded.queries")


class Executions:
    """Statements that run or ran, by query id and by request id."""

    def __init__(self) -> None:
        # a thread a statement: a job that waits must not keep other sessions' statements waiting
        self._pool = ThreadPoolExecutor(max_workers=256, thread_name_prefix="statement")
        self._futures: OrderedDict[str, Future[dict[str, Any]]] = OrderedDict()
        self._requests: dict[str, str] = {}
        self._lock = threading.Lock()

    def submit(self, session: Session, turn: threading.Lock, bound: Bound, request_id: str, describe_only: bool) -> str:
        """Start a statement (or find the one that this request started before) and return its query id."""
        with self._lock:
            if request_id in self._requests:
                return self._requests[request_id]
            query_id = str(uuid.uuid4())
            self._requests[request_id] = query_id
            self._futures[query_id] = self._pool.submit(_answer, session, turn, bound, query_id, describe_only)
            while len(self._futures) > _EXECUTIONS_KEPT and next(iter(self._futures.values())).done():
                forgotten, _ = self._futures.popitem(last=False)
                self._requests = {r: q for r, q in self._requests.items() if q != forgotten}
        return query_id

    def find(self, query_id: str) -> Future[dict[str, Any]] | None:
        with self._lock:
            return self._futures.get(query_id)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _answer(session: Session, turn: threading.Lock, bound: Bound, query_id: str, describe_only: bool) -> dict[str, Any]:
    try:
        with turn, session.held():
            session.begin_statement(query_id)
            bound = bound.for_target(session)
            sql = bound.over(session.scratch_table(bound.batch)) if bound.batch is not None else bound.sql
            result = session.execute(sql, describe_only=describe_only)
            if not describe_only:
                session.last_query_id = query_id
            session.account.keep_result(query_id, result)
            session.account.remember(session)
            return _success(session, sql, query_id, result, describe_only)
    except SnowflakeError as error:
        return {"error": error, "query_id": query_id}
    except Exception as error:  # a bug of ours must not look like a hang to the client
        logger.exception("query %s failed: %s", query_id, without_secrets(bound.sql))
        failure = SnowflakeError(
            f"the embedded Snowflake failed at this statement: {type(error).__name__}: {error}",
            code="000603",
            sqlstate="XX000",
        )
        return {"error": failure, "query_id": query_id}


def _success(session: Session, sql: str, query_id: str, result: Result, describe_only: bool) -> dict[str, Any]:
    if isinstance(result, Transfer):
        return {"success": True, "code": None, "message": None, "data": {**result.descriptor, "queryId": query_id}}
    words = Statement.of(sql).words
    common = {
        "parameters": [],
        "queryId": query_id,
        "statementTypeId": _TYPE_IDS.get(words[0] if words else "", 0),
        "finalDatabaseName": session.database,
        "finalSchemaName": session.schema,
        "finalWarehouseName": session.warehouse,
        "finalRoleName": session.role,
        "numberOfBinds": 0,
        "arrayBindSupported": words[:1] == ("INSERT",),
    }
    match result:
        case Status(message=message):
            result = Rowset((Column("status"),), ((message,),))
        case Data():
            stream = b"" if describe_only else arrow_stream(result)
            data = {
                **common,
                "statementTypeId": result.statement_type,
                "rowtype": rowtype(result.columns, session.database, session.schema),
                "rowsetBase64": b64encode(stream).decode(),
                "queryResultFormat": "arrow",
                "total": 0 if describe_only else result.table.num_rows,
                "returned": 0 if describe_only else result.table.num_rows,
            }
            return {"success": True, "code": None, "message": None, "data": data}
        case _:
            pass
    rows = () if describe_only else result.rows
    data = {
        **common,
        "rowtype": rowtype(result.columns, session.database, session.schema),
        "rowset": json_cells(rows),
        "queryResultFormat": "json",
        "total": len(rows),
        "returned": len(rows),
    }
    if describe_only and common["statementTypeId"] == _TYPE_IDS["SELECT"]:
        del data["rowset"]
        data.update(rowsetBase64="", queryResultFormat="arrow")
    return {"success": True, "code": None, "message": None, "data": data}


async def query(request: Request) -> JSONResponse:
    """Run `sqlText`; see the module's docstring for what happens to long ones and repeated ones."""
    account = account_of(request)
    executions: Executions = request.app.state.executions
    try:
        token = session_token(request)
        session, turn = account.session(token), account.turn(token)
        body = await json_body(request) or {}
        bound = bind(body.get("sqlText", ""), body.get("bindings"))
        request.state.sql = without_secrets(bound.sql)
        request_id = request.query_params.get("requestId") or str(uuid.uuid4())
        query_id = executions.submit(session, turn, bound, request_id, bool(body.get("describeOnly")))
    except SnowflakeError as error:
        request.state.error = error.code
        return refusal(error)
    if body.get("asyncExec"):
        return _in_progress(query_id, IN_PROGRESS_ASYNC)
    return await _result(request, query_id)


async def result(request: Request) -> JSONResponse:
    """The result of a statement that was in progress."""
    try:
        account_of(request).session(session_token(request))
    except SnowflakeError as error:
        return refusal(error)
    return await _result(request, request.path_params["query_id"])


async def _result(request: Request, query_id: str) -> JSONResponse:
    executions: Executions = request.app.state.executions
    future = executions.find(query_id)
    if future is None:
        return refusal(SnowflakeError(f"Statement {query_id} not found", code="000709", sqlstate="02000"))
    waiting = asyncio.wrap_future(future)
    done, _ = await asyncio.wait({waiting}, timeout=ANSWER_WITHIN_SECONDS)
    if not done:
        return _in_progress(query_id, IN_PROGRESS)
    answer = waiting.result()
    if "error" in answer:
        request.state.error = answer["error"].code
        return refusal(answer["error"], answer["query_id"])
    return JSONResponse(answer)


def _in_progress(query_id: str, code: str) -> JSONResponse:
    data = {"queryId": query_id, "getResultUrl": f"/queries/{query_id}/result", "queryAbortsAfterSecs": 300}
    return JSONResponse({"success": True, "code": code, "message": "Query in progress", "data": data})


async def monitoring(request: Request) -> JSONResponse:
    """The status of a query, which clients poll for asynchronous ones."""
    executions: Executions = request.app.state.executions
    query_id = request.path_params["query_id"]
    try:
        account_of(request).session(session_token(request))
    except SnowflakeError as error:
        return refusal(error)
    future = executions.find(query_id)
    if future is None:
        queries = []
    elif not future.done():
        queries = [{"id": query_id, "status": "RUNNING"}]
    elif "error" in (answer := future.result()):
        failed: SnowflakeError = answer["error"]
        status = "FAILED_WITH_ERROR"
        queries = [{"id": query_id, "status": status, "errorCode": failed.code, "errorMessage": failed.message}]
    else:
        queries = [{"id": query_id, "status": "SUCCESS"}]
    return JSONResponse({"success": True, "code": None, "message": None, "data": {"queries": queries}})


async def abort(request: Request) -> JSONResponse:
    """Cancel a statement of the session: what runs in DuckDB stops, what waits for a job is told so."""
    account = account_of(request)
    try:
        session = account.session(session_token(request))
    except SnowflakeError as error:
        return refusal(error)
    session.cancel()
    return JSONResponse({"success": True, "code": None, "message": None, "data": None})


ROUTES = [
    Route("/queries/v1/query-request", query, methods=["POST"]),
    Route("/queries/v1/abort-request", abort, methods=["POST"]),
    Route("/queries/{query_id}/result", result, methods=["GET"]),
    Route("/monitoring/queries/{query_id}", monitoring, methods=["GET"]),
]
