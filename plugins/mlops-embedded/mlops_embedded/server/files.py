"""Plain GET of one staged file by a presigned URL: no session, but a signature and a time after which it is void."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.login import account_of
from mlops_embedded.server.resources import error_response


async def presigned(request: Request) -> Response:
    """Serve the file (HEAD and Range too), or 403 if the signature is not ours or too old."""
    file = account_of(request).presigned_file(request.path_params["token"])
    if file is None or not file.is_file():
        return error_response(
            SnowflakeError("The URL is not valid, or no longer.", code="003001", sqlstate="42501", http_status=403)
        )
    return FileResponse(file)


ROUTES = [Route("/presigned/{token}/{name:path}", presigned, methods=["GET", "HEAD"])]
