"""Tables that SQL made, listed, fetched and dropped by snowflake-core."""

from __future__ import annotations

import pytest
from snowflake.core import Root
from snowflake.core.exceptions import APIError, ForbiddenError, NotFoundError

pytestmark = pytest.mark.embedded("REST: tables")


@pytest.fixture(scope="module")
def tables(root: Root, connection):
    for statement in (
        "CREATE SCHEMA EMBEDDED.TABLED",
        "CREATE TRANSIENT TABLE EMBEDDED.TABLED.RUN_1 (ID INT NOT NULL, NAME VARCHAR) COMMENT = 'of a run'",
        "INSERT INTO EMBEDDED.TABLED.RUN_1 VALUES (1, 'a'), (2, 'b')",
        'CREATE TABLE EMBEDDED.TABLED."other one" AS SELECT 1 AS X',
        "CREATE VIEW EMBEDDED.TABLED.RUN_VIEW AS SELECT * FROM EMBEDDED.TABLED.RUN_1",
    ):
        connection.cursor().execute(statement)
    return root.databases["EMBEDDED"].schemas["TABLED"].tables


@pytest.mark.embedded("listed and fetched with kind, rows, comment and columns; no create, and no alter")
def test_a_listing_has_tables_and_no_views(tables):
    found = {one.name: one for one in tables.iter()}

    assert set(found) == {"RUN_1", '"other one"'}
    assert (found["RUN_1"].kind, found["RUN_1"].rows, found["RUN_1"].comment) == ("TRANSIENT", 2, "of a run")
    assert [one.name for one in tables.iter(starts_with="RUN")] == ["RUN_1"]
    assert [one.name for one in tables.iter(like="%one")] == ['"other one"']


def test_a_fetched_table_has_its_columns(tables):
    fetched = tables["RUN_1"].fetch()

    assert [(one.name, one.nullable) for one in fetched.columns] == [("ID", False), ("NAME", True)]
    with pytest.raises(NotFoundError):
        tables["RUN_VIEW"].fetch()


def test_a_dropped_table_is_gone_in_sql_and_may_be_dropped_again(tables, sql):
    sql("CREATE TABLE EMBEDDED.TABLED.SHORT_LIVED (X INT)")

    tables["SHORT_LIVED"].drop()
    tables["SHORT_LIVED"].drop(if_exists=True)

    assert sql("SHOW TABLES LIKE 'SHORT_LIVED' IN SCHEMA EMBEDDED.TABLED") == []
    with pytest.raises(NotFoundError):
        tables["SHORT_LIVED"].drop()


def test_a_view_is_no_table_to_drop(tables, sql):
    with pytest.raises(APIError):
        tables["RUN_VIEW"].drop()

    assert [row["name"] for row in sql("SHOW VIEWS IN SCHEMA EMBEDDED.TABLED")] == ["RUN_VIEW"]


def test_only_its_owner_drops_a_table_and_only_who_may_sees_it(tables, sql, connect):
    for statement in (
        "CREATE ROLE TABLE_READER",
        "CREATE USER TABLE_READER_1",
        "GRANT ROLE TABLE_READER TO USER TABLE_READER_1",
        "GRANT USAGE ON DATABASE EMBEDDED TO ROLE TABLE_READER",
        "GRANT USAGE ON SCHEMA EMBEDDED.TABLED TO ROLE TABLE_READER",
        "GRANT SELECT ON TABLE EMBEDDED.TABLED.RUN_1 TO ROLE TABLE_READER",
    ):
        sql(statement)
    theirs = Root(connect(user="TABLE_READER_1", role="TABLE_READER")).databases["EMBEDDED"].schemas["TABLED"].tables

    assert [one.name for one in theirs.iter()] == ["RUN_1"]
    with pytest.raises((ForbiddenError, APIError)):
        theirs["RUN_1"].drop()
    assert sql("SELECT COUNT(*) AS N FROM EMBEDDED.TABLED.RUN_1") == [{"N": 2}]
