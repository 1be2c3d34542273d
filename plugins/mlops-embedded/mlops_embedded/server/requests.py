"""What a request says: its session token, and its body, both checked before anything runs."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

from starlette.requests import Request

from mlops_embedded.errors import SnowflakeError

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request, after decompression too; Snowflake takes statements of 1 MB and inlined binds."""

_TOKEN = re.compile(r'Snowflake Token="([^"]*)"|Bearer (\S+)')


def session_token(request: Request) -> str:
    """Return the token of `Authorization: Snowflake Token="..."` (or Bearer).

    Raises:
        SnowflakeError 390103: there is none.
    """
    match = _TOKEN.fullmatch(request.headers.get("Authorization", ""))
    if match is None:
        raise SnowflakeError(
            "Session token not found in the request data.", code="390103", sqlstate="08001", http_status=401
        )
    return str(match[1] or match[2])


async def json_body(request: Request) -> Any:
    """Return the body as JSON, None if there is none.

    Raises:
        SnowflakeError 413: it is larger than MAX_BODY.
        SnowflakeError 400: it is no JSON.
    """
    raw = await body(request)
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError as error:
        raise SnowflakeError(f"The request's body is no JSON: {error}", code="391902", sqlstate="42000") from error


async def body(request: Request) -> bytes:
    """Return the body, decompressed if it came with gzip."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large()
        chunks.append(chunk)
    raw = b"".join(chunks)
    if request.headers.get("Content-Encoding") != "gzip":
        return raw
    decompressor = zlib.decompressobj(wbits=31)
    try:
        plain = decompressor.decompress(raw, MAX_BODY + 1)
    except zlib.error as error:
        raise SnowflakeError(f"The request's body is no gzip: {error}", code="391902", sqlstate="42000") from error
    if len(plain) > MAX_BODY:
        raise _too_large()
    return plain


def _too_large() -> SnowflakeError:
    return SnowflakeError(
        f"The request's body is larger than {MAX_BODY} bytes", code="391904", sqlstate="54000", http_status=413
    )
