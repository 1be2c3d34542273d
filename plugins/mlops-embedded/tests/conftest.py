"""Fixtures over a real server and real clients, and the table in docs/embedded.md that the marked tests make."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from mlops_embedded import EmbeddedSnowflake
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.snowpark import Session

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs" / "embedded.md"


def _table() -> Any:
    spec = importlib.util.spec_from_file_location("table_of_what_works", TESTS / "table_of_what_works.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-docs", action="store_true", help="write docs/embedded.md anew from the marked tests")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded(what): 'Area: what works'; a row of docs/embedded.md")
    if config.getoption("--write-docs", default=False):
        DOCS.parent.mkdir(exist_ok=True)
        DOCS.write_text(_table().rendered(TESTS), encoding="utf-8")


@pytest.fixture(scope="session")
def table_of_what_works() -> tuple[str, str]:
    """docs/embedded.md as it is, and as the tests say."""
    return DOCS.read_text(encoding="utf-8"), _table().rendered(TESTS)


@pytest.fixture(scope="module")
def connection(embedded_snowflake: EmbeddedSnowflake) -> Iterator[snowflake.connector.SnowflakeConnection]:
    with snowflake.connector.connect(**embedded_snowflake.connection) as connection:
        yield connection


@pytest.fixture
def cursor(connection: snowflake.connector.SnowflakeConnection) -> Iterator[SnowflakeCursor]:
    """A cursor that stands in EMBEDDED.PUBLIC, with no transaction open."""
    with connection.cursor() as cursor:
        cursor.execute("USE SCHEMA EMBEDDED.PUBLIC")
        yield cursor
        cursor.execute("ROLLBACK")


@pytest.fixture(scope="module")
def session(embedded_snowflake: EmbeddedSnowflake) -> Iterator[Session]:
    session = Session.builder.configs(embedded_snowflake.connection).create()
    yield session
    session.close()
