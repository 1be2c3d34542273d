"""What Snowflake refuses, as errors of ours: what was asked for, and what Snowflake said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from snowflake.connector.errors import Error as ConnectorError
from snowflake.core.exceptions import APIError, ForbiddenError, NotFoundError, UnauthorizedError
from snowflake.core.exceptions import SnowflakePythonError as SdkError

from mlops.errors import AccountError


class MissingError(AccountError):
    """Snowflake has no such object, or the role may not see it."""


class RejectedError(AccountError):
    """Snowflake does not do what it was asked for."""


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn what Snowflake's packages raise into an ``AccountError`` that says what was asked for."""
    try:
        yield
    except NotFoundError as cause:
        raise MissingError(
            f"{what}: it does not exist, or the role may not see it", hint="see mlops doctor and mlops grants"
        ) from cause
    except (ForbiddenError, UnauthorizedError) as cause:
        raise AccountError(f"{what}: {_said(cause)}", hint="mlops grants prints the privileges a role needs") from cause
    except APIError as cause:
        raise RejectedError(f"{what}: {_said(cause)}") from cause
    except (SdkError, ConnectorError) as cause:
        raise AccountError(f"{what}: {_said(cause)}") from cause


def _said(cause: Exception) -> str:
    """Return what Snowflake said, without the client's words around it."""
    body = getattr(cause, "body", None)
    if isinstance(body, (str, bytes)):
        try:
            return " ".join(str(json.loads(body)["message"]).split())
        except (ValueError, KeyError, TypeError):
            pass
    return " ".join(str(getattr(cause, "raw_msg", None) or cause).split())
