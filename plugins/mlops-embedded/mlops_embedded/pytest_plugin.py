"""The fixture `embedded_snowflake` for plugin authors: one server a test module, with an account of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlops_embedded.life import EmbeddedSnowflake


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark that the table of what works is made of."""
    config.addinivalue_line("markers", "embedded(what): something that works on the embedded Snowflake")


@pytest.fixture(scope="module")
def embedded_snowflake() -> Iterator[EmbeddedSnowflake]:
    """A running embedded Snowflake; `embedded_snowflake.connection` is for `snowflake.connector.connect`."""
    with EmbeddedSnowflake() as server:
        yield server
