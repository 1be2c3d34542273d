"""One staged file by a presigned URL, fetched or sent: no session, but a signature, and a time after which it is void."""

from __future__ import annotations

import asyncio
import uuid

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.login import account_of
from mlops_embedded.server.resources import error_response


async def presigned(request: Request) -> Response:
    """Serve the file (HEAD and Range too), or 403 if the signature is not ours or too old."""
    file = account_of(request).presigned_file(request.path_params["token"])
    if file is None or not file.is_file():
        return _void()
    return FileResponse(file)


async def upload(request: Request) -> Response:
    """Take a file whole, or nothing of it; one that is there already stays unless the PUT said OVERWRITE."""
    account = account_of(request)
    target = account.presigned_target(request.path_params["token"])
    if target is None:
        return _void()
    file, overwrite = target
    arriving = account.state.uploads / uuid.uuid4().hex
    try:
        with arriving.open("wb") as opened:
            async for piece in request.stream():
                await asyncio.to_thread(opened.write, piece)
        if overwrite or not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            arriving.replace(file)
    except ClientDisconnect:
        return Response(status_code=400)
    finally:
        arriving.unlink(missing_ok=True)
    return Response()


def _void() -> Response:
    return error_response(
        SnowflakeError("The URL is not valid, or no longer.", code="003001", sqlstate="42501", http_status=403)
    )


ROUTES = [
    Route("/presigned/{token}/{name:path}", presigned, methods=["GET", "HEAD"]),
    Route("/presigned/{token}/{name:path}", upload, methods=["PUT"]),
]
