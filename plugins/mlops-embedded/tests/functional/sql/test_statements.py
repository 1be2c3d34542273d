"""Statements through the connector: what they answer, and how they fail."""

import datetime
from decimal import Decimal

import pytest
import snowflake.connector
from mlops_embedded import EmbeddedSnowflake
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError


def column(cursor: SnowflakeCursor, name: str) -> list[object]:
    index = [d.name for d in cursor.description].index(name)
    return [row[index] for row in cursor.fetchall()]


@pytest.mark.embedded("Queries: every type comes back as the value that went in, NULL as None")
def test_values_come_back_as_they_went_in(cursor: SnowflakeCursor) -> None:
    row = (
        1, 1.5, "it's", True, datetime.date(2020, 2, 29), datetime.datetime(2020, 1, 2, 3, 4, 5, 678901),
        b"\x00\xff", None,
    )  # fmt: skip
    cursor.execute(
        "CREATE OR REPLACE TABLE TYPED (A INT, B FLOAT, C VARCHAR, D BOOLEAN, E DATE, F TIMESTAMP_NTZ, G BINARY, "
        "H TIMESTAMP_NTZ)"
    )

    cursor.execute("INSERT INTO TYPED SELECT %s, %s, %s, %s, %s, %s, %s, %s", row)

    [back] = cursor.execute("SELECT * FROM TYPED").fetchall()
    assert (*back[:6], bytes(back[6]), back[7]) == row


@pytest.mark.embedded("Queries: NULL timestamps stay NULL, in Arrow and in pandas")
def test_a_null_timestamp_is_no_moment_of_1970(cursor: SnowflakeCursor) -> None:
    frame = cursor.execute(
        "SELECT NULL::TIMESTAMP_NTZ AS T UNION ALL SELECT '2020-01-01'::TIMESTAMP_NTZ"
    ).fetch_pandas_all()

    assert frame["T"].isna().sum() == 1
    assert frame["T"].max().year == 2020


@pytest.mark.embedded("Queries: decimals, whole numbers of SUM, unnamed columns by their text")
def test_numbers_and_names_are_snowflakes(cursor: SnowflakeCursor) -> None:
    cursor.execute("SELECT 1.50::NUMBER(10, 2) AS D, SUM(COLUMN1), COUNT(*) FROM VALUES (1), (2)")

    assert [d.name for d in cursor.description] == ["D", "SUM(COLUMN1)", "COUNT(*)"]
    assert cursor.fetchall() == [(Decimal("1.50"), 3, 2)]


@pytest.mark.embedded("Queries: executemany is one statement; qmark binds")
def test_a_batch_is_one_statement(embedded_snowflake: EmbeddedSnowflake) -> None:
    with snowflake.connector.connect(**embedded_snowflake.connection, paramstyle="qmark") as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE TABLE BATCH (A INT, B VARCHAR)")
        before = len(embedded_snowflake.admin.statements())

        cursor.executemany("INSERT INTO BATCH VALUES (?, ?)", [(n, str(n)) for n in range(500)])

        assert cursor.rowcount == 500
        assert len(embedded_snowflake.admin.statements()) == before + 1
        assert cursor.execute("SELECT COUNT(*) FROM BATCH WHERE B = ?", ("7",)).fetchone() == (1,)


@pytest.mark.embedded("Queries: a batch of every type")
def test_a_batch_keeps_its_types(embedded_snowflake: EmbeddedSnowflake) -> None:
    rows = [
        (1, 1.5, "x", True, datetime.date(1969, 1, 1), datetime.datetime(2020, 1, 2, 3, 4, 5, 6), b"\x00", Decimal("1.25")),
        (None, None, None, None, None, None, None, None),
    ]  # fmt: skip
    with snowflake.connector.connect(**embedded_snowflake.connection, paramstyle="qmark") as connection:
        cursor = connection.cursor()
        cursor.execute(
            "CREATE OR REPLACE TABLE BATCH_TYPES (A INT, B FLOAT, C VARCHAR, D BOOLEAN, E DATE, F TIMESTAMP_NTZ, "
            "G BINARY, H NUMBER(10, 2))"
        )

        cursor.executemany("INSERT INTO BATCH_TYPES VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

        first, second = cursor.execute("SELECT * FROM BATCH_TYPES ORDER BY A").fetchall()
        assert (*first[:6], bytes(first[6]), first[7]) == rows[0]
        assert second == rows[1]


@pytest.mark.embedded("Queries: MERGE updates, inserts and deletes, and says how many")
def test_merge_counts_what_it_did(cursor: SnowflakeCursor) -> None:
    cursor.execute(
        "CREATE OR REPLACE TABLE TARGET AS SELECT COLUMN1 AS K, COLUMN2 AS V FROM VALUES (1, 'a'), (2, 'b'), (3, 'c')"
    )

    [counts] = cursor.execute(
        "MERGE INTO TARGET T USING (SELECT COLUMN1 AS K, COLUMN2 AS V FROM VALUES (2, 'B'), (3, NULL), (4, 'D')) S "
        "ON T.K = S.K WHEN MATCHED AND S.V IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET T.V = S.V "
        "WHEN NOT MATCHED THEN INSERT (K, V) VALUES (S.K, S.V)"
    ).fetchall()

    assert counts == (1, 1, 1)
    assert cursor.execute("SELECT * FROM TARGET ORDER BY K").fetchall() == [(1, "a"), (2, "B"), (4, "D")]


@pytest.mark.embedded("Errors: two source rows for one target row are 100090")
def test_a_merge_with_two_rows_for_one_is_refused(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE ONE AS SELECT 1 AS K, 'a' AS V")

    with pytest.raises(ProgrammingError) as caught:
        cursor.execute(
            "MERGE INTO ONE T USING (SELECT COLUMN1 AS K, COLUMN2 AS V FROM VALUES (1, 'x'), (1, 'y')) S ON T.K = S.K "
            "WHEN MATCHED THEN UPDATE SET V = S.V"
        )

    assert caught.value.errno == 100090
    assert cursor.execute("SELECT V FROM ONE").fetchone() == ("a",)


@pytest.mark.embedded("Transactions: BEGIN, ROLLBACK, COMMIT; DDL commits")
def test_a_rollback_undoes_and_ddl_commits(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE TX (A INT)")

    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO TX VALUES (1)")
    cursor.execute("ROLLBACK")
    cursor.execute("BEGIN TRANSACTION")
    cursor.execute("INSERT INTO TX VALUES (2)")
    cursor.execute("CREATE OR REPLACE TABLE TX2 (A INT)")
    cursor.execute("ROLLBACK")

    assert cursor.execute("SELECT A FROM TX").fetchall() == [(2,)]


@pytest.mark.embedded("Transactions: a connection without autocommit")
def test_without_autocommit_a_change_waits_for_commit(embedded_snowflake: EmbeddedSnowflake) -> None:
    with snowflake.connector.connect(**embedded_snowflake.connection, autocommit=False) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE TABLE WAITS (A INT)")
        cursor.execute("INSERT INTO WAITS VALUES (1)")
        connection.rollback()
        cursor.execute("INSERT INTO WAITS VALUES (2)")
        connection.commit()

        assert cursor.execute("SELECT A FROM WAITS").fetchall() == [(2,)]


@pytest.mark.embedded("Transactions: what another session has not committed is not seen")
def test_sessions_are_isolated(embedded_snowflake: EmbeddedSnowflake, cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE ISOLATED (A INT)")
    with snowflake.connector.connect(**embedded_snowflake.connection) as other:
        second = other.cursor()
        second.execute("BEGIN")
        second.execute("INSERT INTO ISOLATED VALUES (1)")

        assert cursor.execute("SELECT COUNT(*) FROM ISOLATED").fetchone() == (0,)
        second.execute("COMMIT")
        assert cursor.execute("SELECT COUNT(*) FROM ISOLATED").fetchone() == (1,)


@pytest.mark.embedded("Tables: temporary tables are their session's own and hide a permanent one")
def test_a_temporary_table_is_its_sessions_own(embedded_snowflake: EmbeddedSnowflake, cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE HIDDEN AS SELECT 'permanent' AS V")
    with snowflake.connector.connect(**embedded_snowflake.connection) as other:
        second = other.cursor()
        second.execute("CREATE TEMPORARY TABLE HIDDEN AS SELECT 'temporary' AS V")

        assert second.execute("SELECT H.V FROM HIDDEN H").fetchone() == ("temporary",)
        assert second.execute("SELECT HIDDEN.V FROM EMBEDDED.PUBLIC.HIDDEN").fetchone() == ("temporary",)
        assert cursor.execute("SELECT V FROM HIDDEN").fetchone() == ("permanent",)
        second.execute("DROP TABLE HIDDEN")
        assert second.execute("SELECT V FROM HIDDEN").fetchone() == ("permanent",)


@pytest.mark.embedded("Tables: IF NOT EXISTS, OR REPLACE, RENAME, SWITCH of comment, DROP IF EXISTS")
def test_a_table_is_created_once_renamed_and_dropped(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE LIFE (A INT)")
    cursor.execute("CREATE TABLE IF NOT EXISTS LIFE (B INT)")
    with pytest.raises(ProgrammingError) as caught:
        cursor.execute("CREATE TABLE LIFE (B INT)")
    assert caught.value.errno == 2002

    cursor.execute("ALTER TABLE LIFE RENAME TO LIFE2")
    cursor.execute("COMMENT ON TABLE LIFE2 IS 'two'")
    cursor.execute("ALTER TABLE LIFE2 ADD COLUMN C VARCHAR")

    cursor.execute("SHOW TABLES LIKE 'LIFE%'")
    assert column(cursor, "comment") == ["two"]
    cursor.execute("DESCRIBE TABLE LIFE2")
    assert column(cursor, "name") == ["A", "C"]
    cursor.execute("DROP TABLE LIFE2")
    assert "already dropped" in str(cursor.execute("DROP TABLE IF EXISTS LIFE2").fetchone())


@pytest.mark.embedded("Tables: CREATE TABLE (columns) AS SELECT, with Snowflake's functions")
def test_ctas_with_columns_takes_snowflakes_functions(cursor: SnowflakeCursor) -> None:
    cursor.execute("""CREATE OR REPLACE TABLE C (ID BIGINT, V VARIANT) AS SELECT 1, PARSE_JSON('{"a": 1}')""")

    assert cursor.execute("SELECT V:a::INT FROM C").fetchone() == (1,)


@pytest.mark.embedded("Tables: LIKE and CLONE, permanent and temporary")
def test_a_table_like_another_has_its_columns_and_a_clone_its_rows(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE ORIGINAL AS SELECT 1 AS A, 'x' AS B")

    cursor.execute("CREATE OR REPLACE TABLE EMPTY LIKE ORIGINAL")
    cursor.execute("CREATE OR REPLACE TEMPORARY TABLE BRIEF_EMPTY LIKE ORIGINAL")
    cursor.execute("CREATE OR REPLACE TABLE COPY_ CLONE ORIGINAL")

    for table, rows in (("EMPTY", []), ("BRIEF_EMPTY", []), ("COPY_", [(1, "x")])):
        assert cursor.execute(f"SELECT * FROM {table}").fetchall() == rows
        assert [d.name for d in cursor.description] == ["A", "B"]


@pytest.mark.embedded("Views: text, comment and column comments are kept; a view does not follow its reader")
def test_a_view_keeps_its_text_and_its_own_schema(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE BASE AS SELECT 1 AS A")
    text = "CREATE OR REPLACE VIEW SEEN (X COMMENT 'the x') COMMENT = 'it''s' AS SELECT A FROM BASE"

    cursor.execute(text)

    cursor.execute("CREATE SCHEMA IF NOT EXISTS AWAY")
    cursor.execute("USE SCHEMA AWAY")
    assert cursor.execute("SELECT X FROM EMBEDDED.PUBLIC.SEEN").fetchall() == [(1,)]
    cursor.execute("SHOW VIEWS LIKE 'SEEN' IN SCHEMA EMBEDDED.PUBLIC")
    [shown] = [dict(zip([d.name for d in cursor.description], row, strict=True)) for row in cursor.fetchall()]
    assert (shown["text"], shown["comment"]) == (text, "it's")
    cursor.execute("DESCRIBE VIEW EMBEDDED.PUBLIC.SEEN")
    assert column(cursor, "comment") == ["the x"]


@pytest.mark.embedded("Databases: CREATE, USE, SHOW, DROP of databases and schemas")
def test_a_database_has_public_becomes_current_and_goes_with_all_in_it(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE DATABASE GOES COMMENT = 'soon'")
    assert cursor.execute("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()").fetchone() == ("GOES", "PUBLIC")
    cursor.execute("CREATE SCHEMA S1")
    cursor.execute("CREATE TABLE T (A INT)")
    cursor.execute("SHOW SCHEMAS IN DATABASE GOES")
    assert column(cursor, "name") == ["INFORMATION_SCHEMA", "PUBLIC", "S1"]
    cursor.execute("SHOW DATABASES LIKE 'goes' STARTS WITH 'GO'")
    assert column(cursor, "comment") == ["soon"]

    cursor.execute("DROP DATABASE GOES")

    assert cursor.execute("SELECT CURRENT_DATABASE()").fetchone() == (None,)
    with pytest.raises(ProgrammingError) as caught:
        cursor.execute("USE DATABASE GOES")
    assert caught.value.errno == 2043 or caught.value.errno == 2003


@pytest.mark.embedded("Databases: ALTER DATABASE and ALTER SCHEMA set properties")
def test_a_schemas_comment_can_be_changed(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE SCHEMA IF NOT EXISTS COMMENTED")
    cursor.execute("ALTER SCHEMA EMBEDDED.COMMENTED SET COMMENT = 'new'")
    cursor.execute("ALTER DATABASE EMBEDDED SET COMMENT = 'also'")

    cursor.execute("SHOW SCHEMAS LIKE 'COMMENTED'")
    assert column(cursor, "comment") == ["new"]
    cursor.execute("SHOW DATABASES LIKE 'EMBEDDED'")
    assert column(cursor, "comment") == ["also"]


@pytest.mark.embedded("Information schema: tables, columns, schemata, packages")
def test_the_information_schema_knows_what_is_there(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE KNOWN (A INT, B VARCHAR) COMMENT = 'c'")

    table = cursor.execute(
        "SELECT TABLE_TYPE, COMMENT FROM EMBEDDED.INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'KNOWN'"
    ).fetchall()
    columns = cursor.execute(
        "SELECT COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'KNOWN' ORDER BY ORDINAL_POSITION"
    ).fetchall()
    packages = cursor.execute(
        "SELECT COUNT(*) FROM INFORMATION_SCHEMA.PACKAGES WHERE PACKAGE_NAME = 'snowflake-connector-python'"
    ).fetchone()

    assert table == [("BASE TABLE", "c")]
    assert columns == [("A", "NUMBER"), ("B", "TEXT")]
    assert packages == (1,)


@pytest.mark.embedded("Queries: RESULT_SCAN of a query and of a SHOW, LAST_QUERY_ID")
def test_the_last_result_can_be_queried(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE SCANNED (A INT)")
    cursor.execute("SHOW TABLES LIKE 'SCANNED'")

    scanned = cursor.execute('SELECT "name" AS "NAME", "kind" FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))')

    assert scanned.fetchall() == [("SCANNED", "TABLE")]
    assert [d.name for d in scanned.description] == ["NAME", "kind"]


@pytest.mark.embedded("Warehouses: CREATE, ALTER, SUSPEND, SHOW, DROP")
def test_a_warehouse_is_created_suspended_and_dropped(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE WAREHOUSE W WAREHOUSE_SIZE = 'SMALL' AUTO_SUSPEND = 60 COMMENT = 'mine'")
    cursor.execute("ALTER WAREHOUSE W SUSPEND")

    cursor.execute("SHOW WAREHOUSES LIKE 'W'")

    [shown] = [dict(zip([d.name for d in cursor.description], row, strict=True)) for row in cursor.fetchall()]
    assert (shown["state"], shown["size"], shown["auto_suspend"], shown["comment"]) == (
        "SUSPENDED",
        "Small",
        60,
        "mine",
    )
    cursor.execute("DROP WAREHOUSE W")
    cursor.execute("USE WAREHOUSE COMPUTE_WH")


@pytest.mark.embedded("Session: SET and UNSET variables, ALTER SESSION, SHOW PARAMETERS")
def test_session_variables_and_parameters(cursor: SnowflakeCursor) -> None:
    cursor.execute("SET LIMIT_ = 2")
    cursor.execute("ALTER SESSION SET QUERY_TAG = 'tagged'")

    assert cursor.execute("SELECT $LIMIT_ + 1, '$LIMIT_'").fetchone() == (3, "$LIMIT_")
    cursor.execute("SHOW PARAMETERS LIKE 'QUERY_TAG' IN SESSION")
    assert column(cursor, "value") == ["tagged"]
    cursor.execute("UNSET LIMIT_")
    with pytest.raises(ProgrammingError, match="does not exist"):
        cursor.execute("SELECT $LIMIT_")


@pytest.mark.parametrize(
    ("sql", "errno", "sqlstate"),
    [
        ("SELECT * FROM MISSING_TABLE", 2003, "42S02"),
        ("SELEC 1", 1003, "42000"),
        ("SELECT 1; SELECT 2", 8, "0A000"),
        ("BEGIN ASYNC (SELECT 1); END", 2, "0A000"),
        ("SELECT NO_SUCH_COLUMN FROM (SELECT 1 AS A)", 904, "42000"),
        ("SELECT 'x'::INT", 100038, "22018"),
        ("DROP STAGE MISSING_STAGE", 2003, "02000"),
        ("GET @MISSING_STAGE/x 'file:///tmp/'", 2003, "02000"),
        ("CREATE PIPE P AS SELECT 1", 2, "0A000"),
        ('CREATE DATABASE "not plain"', 1003, "42000"),
    ],
)
@pytest.mark.embedded("Errors: Snowflake's numbers and SQL states")
def test_a_refusal_has_snowflakes_number(cursor: SnowflakeCursor, sql: str, errno: int, sqlstate: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        cursor.execute(sql)

    assert (caught.value.errno, caught.value.sqlstate) == (errno, sqlstate)


@pytest.mark.parametrize(
    ("sql", "feature"),
    [
        (
            "SELECT * FROM F MATCH_RECOGNIZE (ORDER BY A MEASURES FIRST(A) AS S PATTERN (X+) DEFINE X AS A > 0)",
            "MATCH_RECOGNIZE",
        ),
        ("SELECT * FROM F AT(OFFSET => -60)", "time travel, AT"),
        ("SELECT * FROM F BEFORE(STATEMENT => '01a')", "time travel, BEFORE"),
        ("ALTER TABLE F SWAP WITH G", "SWAP WITH"),
        ("SHOW TABLES ->> SELECT * FROM $1", "the pipe operator"),
        ("CREATE ROW ACCESS POLICY P AS (A INT) RETURNS BOOLEAN -> TRUE", "row access policies"),
        ("CREATE EXTERNAL TABLE E WITH LOCATION = @S FILE_FORMAT = (TYPE = PARQUET)", "external"),
        ("SELECT SNOWFLAKE.CORTEX.COMPLETE('model', 'prompt')", "SNOWFLAKE.CORTEX"),
    ],
)
@pytest.mark.embedded("Honesty: a feature of Snowflake's SQL that is not here is refused by its name")
def test_a_feature_that_is_not_here_is_refused_by_its_name(cursor: SnowflakeCursor, sql: str, feature: str) -> None:
    cursor.execute("CREATE TABLE IF NOT EXISTS F (A INT)")

    with pytest.raises(ProgrammingError, match="the embedded Snowflake does not know") as caught:
        cursor.execute(sql)

    assert (caught.value.errno, caught.value.sqlstate, feature in str(caught.value)) == (2, "0A000", True)


def test_a_mistake_beside_words_of_a_feature_stays_a_mistake(cursor: SnowflakeCursor) -> None:
    with pytest.raises(ProgrammingError, match="001003"):
        cursor.execute("SELECT 'SWAP WITH' FROMM \"AT\" (1 2)")
    with pytest.raises(ProgrammingError, match="000904"):
        cursor.execute("SELECT CORTEX.NOTHING, 'MATCH_RECOGNIZE (' FROM (SELECT 1 AS A) CORTEX")


@pytest.mark.embedded("Honesty: a statement that is not known is refused and says so")
def test_an_unknown_statement_is_refused_and_says_so(cursor: SnowflakeCursor) -> None:
    with pytest.raises(ProgrammingError, match="the embedded Snowflake does not know"):
        cursor.execute("CREATE FAILOVER GROUP G OBJECT_TYPES = DATABASES")
    with pytest.raises(ProgrammingError, match="the embedded Snowflake does not know"):
        cursor.execute("CREATE STAGE S URL = 's3://bucket/'")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('../credential')",
        "COPY INTO @~/x FROM (SELECT * FROM read_text('/etc/hostname'))",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/written.csv'",
        "ATTACH '/tmp/other.duckdb' AS OTHER",
        "INSTALL httpfs",
    ],
)
def test_a_query_reads_no_file_of_this_machine(cursor: SnowflakeCursor, sql: str) -> None:
    cursor.execute("SET enable_external_access = TRUE")  # a session variable, and nothing of DuckDB's

    with pytest.raises(ProgrammingError):
        cursor.execute(sql)


def test_writers_in_two_sessions_both_get_through(
    embedded_snowflake: EmbeddedSnowflake, cursor: SnowflakeCursor
) -> None:
    import threading

    cursor.execute("CREATE OR REPLACE TABLE CONTENDED AS SELECT 0 AS N")
    failures: list[Exception] = []

    def add() -> None:
        try:
            with snowflake.connector.connect(**embedded_snowflake.connection) as connection:
                for _ in range(10):
                    connection.cursor().execute("UPDATE CONTENDED SET N = N + 1")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert cursor.execute("SELECT N FROM CONTENDED").fetchone() == (30,)


@pytest.mark.embedded("SQL: FLATTEN with PATH, OUTER, RECURSIVE and MODE")
def test_flatten_takes_all_its_arguments(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE NESTED (ID INT, V VARIANT)")
    cursor.execute("""INSERT INTO NESTED SELECT 1, PARSE_JSON('{"a": [5, {"b": 6}], "c": 7}')""")
    cursor.execute("INSERT INTO NESTED SELECT 2, PARSE_JSON('{\"a\": []}')")

    def flattened(arguments: str) -> list[tuple[object, ...]]:
        columns = "ID, F.KEY, F.INDEX, F.PATH, F.VALUE::STRING"
        return cursor.execute(
            f"SELECT {columns} FROM NESTED, LATERAL FLATTEN(INPUT => V, {arguments}) F ORDER BY ID, F.PATH"
        ).fetchall()

    assert flattened("PATH => 'a'") == [(1, None, 0, "a[0]", "5"), (1, None, 1, "a[1]", '{"b":6}')]
    assert flattened("PATH => 'a', OUTER => TRUE")[2:] == [(2, None, None, None, None)]
    assert flattened("PATH => 'a', MODE => 'OBJECT'") == []
    recursive = flattened("RECURSIVE => TRUE")
    assert [row[3] for row in recursive] == ["a", "a[0]", "a[1]", "a[1].b", "c", "a"]
    assert (1, "b", None, "a[1].b", "6") in recursive


@pytest.mark.embedded("SQL: a division by zero is an error; texts are numbers where numbers are needed")
def test_numbers_are_computed_as_in_snowflake(cursor: SnowflakeCursor) -> None:
    with pytest.raises(ProgrammingError, match="Division by zero") as refused:
        cursor.execute("SELECT 1 / N FROM (SELECT 0 AS N)")

    assert (refused.value.errno, refused.value.sqlstate) == (100051, "22012")
    assert cursor.execute("SELECT 6 / N, 6 / NULLIF(0, 0) FROM (SELECT 4 AS N)").fetchone() == (1.5, None)
    assert cursor.execute("SELECT 6 - SUBSTRING('a2', 2) AS X, SPLIT_PART('3.4', '.', 1) AS T, T * 2").fetchone() == (
        4,
        "3",
        6,
    )


@pytest.mark.embedded("SQL: SYSTEM$WAIT, which a client's timeout cancels")
def test_a_wait_ends_when_the_client_gives_up(cursor: SnowflakeCursor) -> None:
    assert cursor.execute("CALL SYSTEM$WAIT(1, 'MILLISECONDS')").fetchone() == ("waited 1 milliseconds",)
    with pytest.raises(ProgrammingError) as cancelled:
        cursor.execute("CALL SYSTEM$WAIT(1, 'HOURS')", timeout=1)

    assert cancelled.value.errno == 604
