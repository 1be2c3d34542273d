"""Databases, schemas and warehouses over REST are those of SQL."""

from __future__ import annotations

import pytest
from snowflake.core import CreateMode, Root
from snowflake.core.database import Database
from snowflake.core.exceptions import APIError, ConflictError, NotFoundError
from snowflake.core.schema import Schema
from snowflake.core.warehouse import Warehouse

pytestmark = pytest.mark.embedded("REST and SQL: databases, schemas, warehouses")


def test_a_database_made_over_rest_takes_tables_in_sql(root: Root, sql):
    root.databases.create(Database(name="lab", comment="experiments", data_retention_time_in_days=3))

    sql("CREATE TABLE lab.public.t AS SELECT 1 AS x")

    fetched = root.databases["lab"].fetch()
    assert (fetched.name, fetched.comment, fetched.retention_time, fetched.kind) == (
        "LAB",
        "experiments",
        3,
        "PERMANENT",
    )
    assert sql("SELECT x FROM lab.public.t") == [{"X": 1}]
    assert [each.name for each in root.databases.iter(like="la_")] == ["LAB"]
    root.databases["lab"].drop()
    with pytest.raises(NotFoundError):
        root.databases["lab"].fetch()
    assert sql("SHOW DATABASES LIKE 'LAB'") == []


def test_rest_does_not_move_where_unqualified_names_point(root: Root, sql):
    before = sql("SELECT CURRENT_DATABASE() AS d, CURRENT_SCHEMA() AS s")

    root.databases.create(Database(name="elsewhere"))
    root.databases["elsewhere"].schemas.create(Schema(name="deep"))
    root.databases["elsewhere"].drop()

    assert sql("SELECT CURRENT_DATABASE() AS d, CURRENT_SCHEMA() AS s") == before


def test_a_schema_is_created_altered_listed_and_dropped(root: Root, sql):
    schemas = root.databases["embedded"].schemas
    created = schemas.create(Schema(name="work", comment="one"))
    with pytest.raises(ConflictError):
        schemas.create(Schema(name="WORK"))
    schemas.create(Schema(name="work"), mode=CreateMode.if_not_exists)

    created.create_or_alter(Schema(name="work", comment="two"))

    assert (created.fetch().comment, created.fetch().database_name) == ("two", "EMBEDDED")
    assert {each.name for each in schemas.iter(starts_with="W")} == {"WORK"}
    assert [row["comment"] for row in sql("SHOW SCHEMAS LIKE 'WORK' IN DATABASE embedded")] == ["two"]
    created.drop()
    created.drop(if_exists=True)
    with pytest.raises(NotFoundError):
        created.drop()


def test_replacing_a_schema_empties_it(root: Root, sql):
    schemas = root.databases["embedded"].schemas
    schemas.create(Schema(name="emptied"))
    sql("CREATE TABLE embedded.emptied.t (x INT)")

    schemas.create(Schema(name="emptied"), mode=CreateMode.or_replace)

    assert sql("SHOW TABLES IN SCHEMA embedded.emptied") == []


def test_a_schema_in_a_database_that_is_not_there_is_not_found(root: Root):
    with pytest.raises(NotFoundError, match="NOWHERE"):
        root.databases["nowhere"].schemas.create(Schema(name="work"))
    with pytest.raises(NotFoundError, match="NOWHERE"):
        list(root.databases["nowhere"].schemas.iter())


def test_a_warehouse_is_created_resized_suspended_renamed_and_dropped(root: Root, sql):
    created = root.warehouses.create(Warehouse(name="wh_a", warehouse_size="X-SMALL", initially_suspended="true"))
    assert (created.fetch().state, created.fetch().size) == ("SUSPENDED", "X-Small")

    created.resume()
    created.create_or_alter(Warehouse(name="wh_a", warehouse_size="2X-Large", auto_suspend=30))

    fetched = created.fetch()
    assert (fetched.state, fetched.size, fetched.auto_suspend, fetched.auto_resume) == (
        "STARTED",
        "2X-Large",
        30,
        "true",
    )
    created.suspend()
    with pytest.raises(APIError, match="suspended already"):
        created.suspend()
    created.rename("wh_b")
    assert [row["state"] for row in sql("SHOW WAREHOUSES LIKE 'wh_b'")] == ["SUSPENDED"]
    root.warehouses["wh_b"].drop()
    root.warehouses["wh_b"].drop(if_exists=True)


def test_a_warehouse_made_in_sql_is_seen_over_rest(root: Root, sql):
    sql("CREATE WAREHOUSE wh_sql WAREHOUSE_SIZE = MEDIUM AUTO_RESUME = FALSE COMMENT = 'sql'")

    fetched = root.warehouses["wh_sql"].fetch()

    assert (fetched.size, fetched.auto_resume, fetched.comment) == ("Medium", "false", "sql")
    assert "COMPUTE_WH" in {each.name for each in root.warehouses.iter(like="%wh%")}
    with pytest.raises(APIError, match="must be one of"):
        root.warehouses.create(Warehouse(name="wh_wrong", warehouse_size="ENORMOUS"))
