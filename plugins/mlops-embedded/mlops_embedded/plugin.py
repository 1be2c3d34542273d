"""What mlops-embedded does for `mlops run`: a Snowflake for nodes that ask for services, where there is no account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops import hookimpl

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


@hookimpl
def provide_connection(folder: str) -> AbstractContextManager[Mapping[str, Any]]:
    """Offer the embedded Snowflake whose state is in `embedded` under the project's data folder."""
    return _connection(Path(folder, "embedded"))


@contextmanager
def _connection(state: Path) -> Iterator[Mapping[str, Any]]:
    """Use the server that runs on this state already, or one of our own that ends with the run."""
    from mlops_embedded.life import EmbeddedSnowflake, status

    running = status(state)
    if running is not None:
        yield running.connection
        return
    with EmbeddedSnowflake(state) as server:
        yield server.connection
