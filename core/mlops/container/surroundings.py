"""Surroundings: whether this process runs in a container of Snowflake, and what says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from msgspec import Struct

MARKER = "SNOWFLAKE_RUNNING_INSIDE_SPCS"
TOKEN_FILE = "/snowflake/session/token"
HINTS = ("SNOWFLAKE_CONTAINER_RUNTIME", "SNOWFLAKE_SERVICE_NAME", "SNOWFLAKE_TASK_NAME")
"""Variables that say "container" where Snowflake's own marker is not set."""


class Surroundings(Struct, frozen=True):
    """Where this process runs. ``reason`` says what was seen, for the log and ``mlops doctor``."""

    container: bool
    reason: str
    token_file: str = TOKEN_FILE


def surroundings(
    environ: Mapping[str, str] = os.environ, exists: Callable[[str], bool] = os.path.exists
) -> Surroundings:
    """Return where this process runs, from its variables and from whether a token file is there.

    ``SNOWFLAKE_TOKEN_FILE`` names the token file where it is not Snowflake's own place, as for processes that stand for
    containers.

    Source: Snowflake documentation, "Snowpark Container Services: SQL execution"; the marker is what Snowflake's drivers
    look at.
    """
    token_file = environ.get("SNOWFLAKE_TOKEN_FILE") or TOKEN_FILE
    if MARKER in environ:
        return Surroundings(True, f"{MARKER} is set, as in every container of Snowflake", token_file)
    token, host = exists(token_file), bool(environ.get("SNOWFLAKE_HOST"))
    if token and host:
        return Surroundings(True, f"there is a token file {token_file} and SNOWFLAKE_HOST is set", token_file)
    if hint := next((name for name in HINTS if environ.get(name)), None):
        return Surroundings(True, f"{hint} is set", token_file)
    missing = (
        f"{token_file} is there, but SNOWFLAKE_HOST is not set" if token else f"there is no token file {token_file}"
    )
    return Surroundings(False, f"neither {MARKER} nor {', '.join(HINTS)} is set, and {missing}", token_file)
