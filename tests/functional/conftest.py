"""Tokens as a container finds them, made by the embedded Snowflake's own secret."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from mlops_embedded.credentials import Credentials
from mlops_embedded.life import EmbeddedSnowflake

Mint = Callable[..., str]


@pytest.fixture
def minted(embedded_snowflake: EmbeddedSnowflake) -> Mint:
    """A function that makes a login token: for a user, for how long, and with which secret."""

    def mint(user: str, lifetime: timedelta = timedelta(hours=1), secret: str = "") -> str:
        credentials = Credentials(secret or str(embedded_snowflake.connection["password"]))
        return credentials.mint(user, lifetime=lifetime, role="ACCOUNTADMIN")

    return mint
