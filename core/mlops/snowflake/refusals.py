"""What Snowflake refuses, as errors of ours: what was asked for, and what Snowflake said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from snowflake.connector.errors import Error as ConnectorError
from snowflake.core.exceptions import APIError, ForbiddenError, NotFoundError, UnauthorizedError
from snowflake.core.exceptions import SnowflakePythonError as SdkError
from urllib3.exceptions import HTTPError

from mlops.errors import AccountError


class MissingError(AccountError):
    """Snowflake has no such object, or the role may not see it."""


class RejectedError(AccountError):
    """Snowflake does not do what it was asked for."""


@contextmanager
def refusals(what: str, *, hint: str | None = None) -> Iterator[None]:
    """Turn what Snowflake's packages raise into an ``AccountError`` that says what was asked for.

    ``hint`` stands in place of the general one where Snowflake answers, and does not do it.
    """
    try:
        yield
    except NotFoundError as cause:
        raise MissingError(
            f"{what}: it does not exist, or the role may not see it", hint=hint or "see mlops doctor and mlops grants"
        ) from cause
    except (ForbiddenError, UnauthorizedError) as cause:
        raise AccountError(
            f"{what}: {said(cause)}", hint=hint or "mlops grants prints the privileges a role needs"
        ) from cause
    except APIError as cause:
        raise RejectedError(f"{what}: {said(cause)}", hint=hint) from cause
    except (SdkError, ConnectorError) as cause:
        raise AccountError(f"{what}: {said(cause)}", hint=hint) from cause
    except (HTTPError, OSError) as cause:
        raise AccountError(
            f"{what}: Snowflake does not answer ({type(cause).__name__})",
            hint="check the network and the account's host",
        ) from cause


def said(cause: Exception) -> str:
    """Return what Snowflake said, without the client's words around it."""
    return " ".join(str(body(cause).get("message") or getattr(cause, "raw_msg", None) or cause).split())


def body(cause: Exception) -> dict[str, Any]:  # Any: JSON
    """Return the JSON of a refusal of the REST API; empty for one that has none."""
    with suppress(ValueError, TypeError):
        told: object = json.loads(getattr(cause, "body", None) or "")
        if isinstance(told, dict):
            return told
    return {}
