"""Detection: whether this process runs in a container of Snowflake, and what says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from msgspec import Struct

MARKER = "SNOWFLAKE_RUNNING_INSIDE_SPCS"
TOKEN_FILE = "/snowflake/session/token"
HINTS = ("SNOWFLAKE_CONTAINER_RUNTIME", "SNOWFLAKE_SERVICE_NAME", "SNOWFLAKE_TASK_NAME")
"""Variables that say "container" where Snowflake's own marker is not set."""


class Detection(Struct, frozen=True):
    """Where this process runs. ``reason`` says what was seen, for the log and ``mlops doctor``."""

    container: bool
    reason: str
    token_file: str = TOKEN_FILE


def detect_container(
    environ: Mapping[str, str] = os.environ, exists: Callable[[str], bool] = os.path.exists
) -> Detection:
    """Return where this process runs, from its variables and from whether a token file is there.

    ``SNOWFLAKE_TOKEN_FILE`` names the token file where it is not Snowflake's own place, as for processes that stand for
    containers.

    Source: Snowflake documentation, "Snowpark Container Services: SQL execution"; the marker is what Snowflake's drivers
    look at.
    """
    token_file = environ.get("SNOWFLAKE_TOKEN_FILE") or TOKEN_FILE
    if MARKER in environ:
        return Detection(True, f"{MARKER} is set, as in every container of Snowflake", token_file)
    token, host = exists(token_file), bool(environ.get("SNOWFLAKE_HOST"))
    if token and host:
        return Detection(True, f"there is a token file {token_file} and SNOWFLAKE_HOST is set", token_file)
    if hint := next((name for name in HINTS if environ.get(name)), None):
        return Detection(True, f"{hint} is set", token_file)
    missing = (
        f"{token_file} is there, but SNOWFLAKE_HOST is not set" if token else f"there is no token file {token_file}"
    )
    return Detection(False, f"neither {MARKER} nor {', '.join(HINTS)} is set, and {missing}", token_file)
