"""A stream has what changed in its table since DML last read it."""

from __future__ import annotations

import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.core import CreateMode, Root
from snowflake.core.exceptions import APIError, ConflictError, NotFoundError
from snowflake.core.stream import PointOfTimeOffset, Stream, StreamSourceTable, StreamSourceView

pytestmark = pytest.mark.embedded("REST and SQL: streams that notice changes and are consumed by DML")


@pytest.fixture
def schema(root: Root):
    return root.databases["embedded"].schemas["public"]


@pytest.fixture
def orders(sql):
    """A table with one row, a stream on it, and a table to consume into."""
    sql("CREATE OR REPLACE TABLE orders (id INT, item VARCHAR)")
    sql("INSERT INTO orders VALUES (1, 'old')")
    sql("CREATE OR REPLACE STREAM orders_changes ON TABLE orders")
    sql("CREATE OR REPLACE TABLE seen (id INT, item VARCHAR, action VARCHAR)")


CONSUME = "INSERT INTO seen SELECT id, item, METADATA$ACTION FROM orders_changes"


def has_data(sql, name: str = "orders_changes") -> bool:
    return sql(f"SELECT SYSTEM$STREAM_HAS_DATA('{name}') AS n")[0]["N"]


def test_a_stream_notices_new_rows_and_dml_consumes_them(sql, orders):
    assert has_data(sql) is False

    sql("INSERT INTO orders VALUES (2, 'new')")

    assert has_data(sql) is True
    rows = sql("SELECT * FROM orders_changes")
    assert [(r["ID"], r["METADATA$ACTION"], r["METADATA$ISUPDATE"]) for r in rows] == [(2, "INSERT", False)]
    assert has_data(sql) is True
    sql(CONSUME)
    assert has_data(sql) is False
    assert sql("SELECT * FROM seen") == [{"ID": 2, "ITEM": "new", "ACTION": "INSERT"}]


def test_deletes_and_updates_are_changes_too_and_what_comes_and_goes_is_none(sql, orders):
    sql("INSERT INTO orders VALUES (3, 'short')")
    sql("DELETE FROM orders WHERE id = 3")
    assert has_data(sql) is False

    sql("UPDATE orders SET item = 'newer' WHERE id = 1")

    rows = sql("SELECT item, METADATA$ACTION AS a FROM orders_changes ORDER BY 2")
    assert [tuple(r.values()) for r in rows] == [("old", "DELETE"), ("newer", "INSERT")]


def test_a_rolled_back_transaction_consumes_nothing(sql, orders):
    sql("INSERT INTO orders VALUES (4, 'kept')")

    sql("BEGIN")
    sql(CONSUME)
    sql("ROLLBACK")
    assert (has_data(sql), sql("SELECT * FROM seen")) == (True, [])
    sql("BEGIN")
    sql(CONSUME)
    sql("COMMIT")

    assert (has_data(sql), len(sql("SELECT * FROM seen"))) == (False, 1)


def test_without_autocommit_a_stream_moves_on_at_commit(connect, sql, orders):
    sql("INSERT INTO orders VALUES (12, 'later')")
    connection = connect(autocommit=False)

    with connection.cursor() as cursor:
        cursor.execute(CONSUME)
        connection.rollback()
        assert has_data(sql) is True
        cursor.execute(CONSUME)
        connection.commit()

    assert (has_data(sql), len(sql("SELECT * FROM seen"))) == (False, 1)


def test_dml_that_fails_consumes_nothing(sql, orders):
    sql("INSERT INTO orders VALUES (5, 'x')")

    with pytest.raises(ProgrammingError):
        sql("INSERT INTO seen SELECT CAST(item AS INT), item, 'a' FROM orders_changes")

    assert has_data(sql) is True


def test_merge_and_create_table_as_consume(sql, orders):
    sql("INSERT INTO orders VALUES (6, 'merged')")
    sql("MERGE INTO seen USING orders_changes c ON seen.id = c.id WHEN NOT MATCHED THEN INSERT (id, item) "
        "VALUES (c.id, c.item)")  # fmt: skip
    assert (has_data(sql), sql("SELECT item FROM seen")) == (False, [{"ITEM": "merged"}])

    sql("INSERT INTO orders VALUES (7, 'copied')")
    sql("CREATE OR REPLACE TABLE copied AS SELECT item FROM orders_changes")

    assert (has_data(sql), sql("SELECT item FROM copied")) == (False, [{"ITEM": "copied"}])


def test_an_append_only_stream_and_one_with_initial_rows(sql, orders):
    sql("CREATE OR REPLACE STREAM additions ON TABLE orders APPEND_ONLY = TRUE SHOW_INITIAL_ROWS = TRUE")
    assert [row["ID"] for row in sql("SELECT id FROM additions")] == [1]
    sql("INSERT INTO seen SELECT id, item, 'x' FROM additions")

    sql("DELETE FROM orders")

    assert has_data(sql, "additions") is False
    assert has_data(sql) is True


def test_a_column_added_later_is_seen(sql, orders):
    sql("ALTER TABLE orders ADD COLUMN price INT")
    assert has_data(sql) is False

    sql("INSERT INTO orders VALUES (8, 'dear', 100)")

    assert sql("SELECT price FROM orders_changes") == [{"PRICE": 100}]


def test_a_stream_outlives_the_server(embedded_snowflake, connect, sql, orders):
    sql("INSERT INTO orders VALUES (9, 'survivor')")

    embedded_snowflake.restart()

    with connect().cursor() as cursor:
        assert cursor.execute("SELECT SYSTEM$STREAM_HAS_DATA('embedded.public.orders_changes')").fetchone() == (True,)


def test_streams_over_rest_are_those_of_sql(schema, sql, orders):
    created = schema.streams.create(
        Stream(name="by_rest", stream_source=StreamSourceTable(name="orders", append_only=True), comment="c")
    )
    with pytest.raises(ConflictError):
        schema.streams.create(Stream(name="by_rest", stream_source=StreamSourceTable(name="orders")))
    schema.streams.create(
        Stream(name="by_rest", stream_source=StreamSourceTable(name="orders")), mode=CreateMode.if_not_exists
    )

    fetched = created.fetch()

    assert (fetched.mode, fetched.stale, fetched.table_name) == ("APPEND_ONLY", False, "ORDERS")
    assert {s.name for s in schema.streams.iter(starts_with="BY_")} == {"BY_REST"}
    shown = {row["name"]: row["table_name"] for row in sql("SHOW STREAMS")}
    assert shown["BY_REST"] == shown["ORDERS_CHANGES"] == "EMBEDDED.PUBLIC.ORDERS"
    created.drop()
    with pytest.raises(NotFoundError):
        created.fetch()
    with pytest.raises(NotFoundError, match="NOWHERE"):
        schema.streams.create(Stream(name="lost", stream_source=StreamSourceTable(name="nowhere")))
    past = PointOfTimeOffset(reference="before", offset="-60")
    with pytest.raises(APIError, match="keeps no history"):
        schema.streams.create(Stream(name="past", stream_source=StreamSourceTable(name="orders", point_of_time=past)))


def test_a_stream_on_a_view_notices_what_the_view_shows(schema, sql, orders):
    sql("CREATE OR REPLACE VIEW cheap AS SELECT id FROM orders WHERE item = 'cheap'")
    schema.streams.create(Stream(name="cheap_ones", stream_source=StreamSourceView(name="cheap")))

    sql("INSERT INTO orders VALUES (10, 'dear')")
    assert has_data(sql, "cheap_ones") is False
    sql("INSERT INTO orders VALUES (11, 'cheap')")

    assert sql("SELECT id FROM cheap_ones") == [{"ID": 11}]
