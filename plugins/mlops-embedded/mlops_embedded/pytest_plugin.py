"""The fixture `embedded_snowflake` for plugin authors: one server a test module, with an account of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlops_embedded.life import EmbeddedSnowflake


@pytest.fixture(scope="module")
def embedded_snowflake() -> Iterator[EmbeddedSnowflake]:
    """A running embedded Snowflake; `embedded_snowflake.connection` is for `snowflake.connector.connect`."""
    with EmbeddedSnowflake() as server:
        yield server
