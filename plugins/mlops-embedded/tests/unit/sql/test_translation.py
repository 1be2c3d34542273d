"""Queries are translated once, and never taken for another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlops_embedded import assembly
from mlops_embedded.account import Account
from mlops_embedded.principal import Principal
from mlops_embedded.sql import translation
from mlops_embedded.sql.session import Session
from mlops_embedded.state import StateFolder

pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    assembly.load_statements()
    account = Account(StateFolder.at(tmp_path), assembly.services())
    account.start_services()
    opened = account.open_session(Principal("TEST", ""), database="EMBEDDED", schema="PUBLIC")
    yield opened
    opened.close()
    account.close()


def test_a_query_that_is_asked_again_is_not_translated_again(session: Session) -> None:
    session.execute("CREATE TABLE T (A INT)")
    assert session.rows("SELECT COUNT(*) FROM T") == [(0,)]
    session.execute("INSERT INTO T VALUES (1)")
    known = len(translation._known)

    assert session.rows("SELECT   COUNT(*)  FROM T -- again") == [(1,)]

    assert len(translation._known) == known


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'a'", "SELECT 'A'"),
        ("SELECT '1'", "SELECT 1"),
        ('SELECT 1 AS "a"', 'SELECT 1 AS "A"'),
        ("SELECT 1.0", "SELECT 1"),
        ("SELECT TRUE", "SELECT 'TRUE'"),
    ],
)
def test_queries_that_differ_in_case_or_type_alone_are_different(session: Session, one: str, other: str) -> None:
    first, second = session.execute(one), session.execute(other)

    assert (first.table, first.columns) != (second.table, second.columns)  # type: ignore[union-attr]  # both are data


def test_the_same_words_mean_another_table_in_another_schema(session: Session) -> None:
    session.execute("CREATE SCHEMA OTHER")
    for schema, value in (("PUBLIC", 1), ("OTHER", 2)):
        session.execute(f"CREATE TABLE EMBEDDED.{schema}.T AS SELECT {value} AS A")
    found = []

    for schema in ("PUBLIC", "OTHER", "PUBLIC"):
        session.execute(f"USE SCHEMA EMBEDDED.{schema}")
        found.append(session.scalar("SELECT A FROM T"))

    assert found == [1, 2, 1]


def test_a_temporary_table_hides_one_that_was_asked_before(session: Session) -> None:
    session.execute("CREATE TABLE T AS SELECT 1 AS A")
    before = session.scalar("SELECT A FROM T")
    session.execute("CREATE TEMPORARY TABLE T AS SELECT 2 AS A")

    assert (before, session.scalar("SELECT A FROM T")) == (1, 2)
