"""Snowflake Scripting through the connector: blocks, loops, cursors, exceptions, EXECUTE IMMEDIATE, procedures."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
import snowflake.connector
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError


@pytest.fixture(autouse=True)
def _table(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE PRICES (ID INTEGER, PRICE NUMBER(10, 2))")
    cursor.execute("INSERT INTO PRICES VALUES (1, 1.50), (2, 2.50), (3, NULL)")


@pytest.mark.embedded("SQL: Snowflake Scripting blocks, with variables, IF, CASE, loops, cursors and RETURN")
@pytest.mark.parametrize(
    ("block", "returned"),
    [
        ("BEGIN RETURN 1 + 1; END", 2),
        ("BEGIN NULL; END", None),
        ("DECLARE a INTEGER DEFAULT 2; b INTEGER; BEGIN b := a * 3; RETURN b; END;", 6),
        ("BEGIN LET t VARCHAR := 'it''s; END'; RETURN t || '!'; END;", "it's; END!"),
        ("BEGIN LET d DATE := '2024-02-29'; RETURN d + 1; END", datetime.date(2024, 3, 1)),
        ("BEGIN LET n NUMBER(10, 2) := 10 / 4; RETURN n; END", Decimal("2.50")),
        ("BEGIN LET n := (SELECT COUNT(PRICE) FROM PRICES); RETURN n; END", 2),
        ("BEGIN LET id := 2; LET p := (SELECT MAX(PRICE) FROM PRICES WHERE ID = :id); RETURN p; END", Decimal("2.50")),
        ("BEGIN LET v := PARSE_JSON('{\"a\": [1, 2]}'); RETURN v:a[1]::INTEGER; END", 2),
        (
            "DECLARE p NUMBER(10, 2); BEGIN SELECT PRICE INTO :p FROM PRICES WHERE ID = 1; RETURN p; END",
            Decimal("1.50"),
        ),
        ("DECLARE a INTEGER; b TEXT; BEGIN SELECT 7, 'x' INTO :a, :b; RETURN b || a; END", "x7"),
        ("DECLARE p INTEGER DEFAULT 5; BEGIN SELECT ID INTO p FROM PRICES WHERE ID = 9; RETURN p IS NULL; END", True),
        ("BEGIN IF (1 > 2) THEN RETURN 'a'; ELSEIF (2 > 1) THEN RETURN 'b'; ELSE RETURN 'c'; END IF; END", "b"),
        ("BEGIN IF (NULL) THEN RETURN 'a'; ELSE RETURN 'c'; END IF; END", "c"),
        ("BEGIN LET x := 2; CASE (x) WHEN 1 THEN RETURN 'a'; WHEN 2 THEN RETURN 'b'; END; RETURN 'c'; END", "b"),
        ("BEGIN CASE WHEN 1 > 2 THEN RETURN 'a'; ELSE RETURN 'b'; END CASE; END", "b"),
        (
            "BEGIN LET s := 0; FOR i IN 1 TO 4 DO IF (i = 3) THEN CONTINUE; END IF; s := s + i; END FOR; RETURN s; END",
            7,
        ),
        ("BEGIN LET s := ''; FOR i IN REVERSE 1 TO 3 DO s := s || i; END FOR; RETURN s; END", "321"),
        ("BEGIN LET i := 0; WHILE (i < 5) DO i := i + 1; END WHILE; RETURN i; END", 5),
        ("BEGIN LET i := 0; REPEAT i := i + 1; UNTIL (i >= 3) END REPEAT; RETURN i; END", 3),
        ("BEGIN LET i := 0; LOOP i := i + 1; IF (i = 4) THEN BREAK; END IF; END LOOP; RETURN i; END", 4),
        (
            "DECLARE t FLOAT DEFAULT 0; c CURSOR FOR SELECT ID, PRICE FROM PRICES WHERE PRICE IS NOT NULL; "
            "BEGIN FOR r IN c DO t := t + r.price * r.id; END FOR; RETURN t; END",
            6.5,
        ),
        (
            "BEGIN LET rs RESULTSET := (SELECT ID FROM PRICES ORDER BY ID); LET c CURSOR FOR rs; LET a := 0; LET b := 0; "
            "OPEN c; FETCH c INTO a; FETCH c INTO b; CLOSE c; RETURN a * 10 + b; END",
            12,
        ),
        ("BEGIN LET x := 1; BEGIN LET x := 2; LET y := 3; END; RETURN x; END", 1),
        ("BEGIN LET x := 1; BEGIN x := x + 1; END; RETURN x; END", 2),
        ("BEGIN UPDATE PRICES SET PRICE = 3 WHERE ID > 1; RETURN SQLROWCOUNT; END", 2),
        ("BEGIN LET q := 'SELECT 1'; LET rs RESULTSET := (EXECUTE IMMEDIATE :q); RETURN 'ran'; END", "ran"),
    ],
)
def test_a_block_returns_what_it_computes(cursor: SnowflakeCursor, block: str, returned: object) -> None:
    assert cursor.execute(block).fetchall() == [(returned,)]
    assert [column.name for column in cursor.description] == ["anonymous block"]


def test_statements_of_a_block_see_variables_and_change_rows(cursor: SnowflakeCursor) -> None:
    cursor.execute("""
        DECLARE
            wanted INTEGER DEFAULT 7;  -- bound below
            name VARCHAR DEFAULT 'PRICES';
        BEGIN
            INSERT INTO IDENTIFIER(:name) SELECT :wanted, 4.25;
            DELETE FROM PRICES WHERE ID < :wanted AND PRICE IS NULL;
        END;
    """)

    assert cursor.execute("SELECT * FROM PRICES ORDER BY ID").fetchall() == [
        (1, Decimal("1.50")), (2, Decimal("2.50")), (7, Decimal("4.25")),
    ]  # fmt: skip


def test_return_table_gives_the_rows(cursor: SnowflakeCursor) -> None:
    cursor.execute("BEGIN LET r RESULTSET := (SELECT ID, PRICE FROM PRICES WHERE ID = 2); RETURN TABLE(r); END")

    assert cursor.fetchall() == [(2, Decimal("2.50"))]
    assert [column.name for column in cursor.description] == ["ID", "PRICE"]


@pytest.mark.embedded("SQL: exceptions of Snowflake Scripting, caught by name and by OTHER, or told with line and code")
def test_a_handler_takes_the_exception_it_names(cursor: SnowflakeCursor) -> None:
    block = """
        DECLARE
            too_dear EXCEPTION (-20002, 'too dear');
        BEGIN
            IF (2 > 1) THEN RAISE too_dear; END IF;
            RETURN 'not reached';
        EXCEPTION
            WHEN STATEMENT_ERROR THEN RETURN 'no';
            WHEN too_dear THEN RETURN SQLCODE || ' ' || SQLERRM;
        END;
    """

    assert cursor.execute(block).fetchall() == [("-20002 too dear",)]


def test_an_error_of_a_statement_is_caught_with_its_code(cursor: SnowflakeCursor) -> None:
    block = "BEGIN SELECT * FROM NO_SUCH; EXCEPTION WHEN OTHER THEN RETURN SQLCODE || SQLSTATE; END"

    assert cursor.execute(block).fetchall() == [("200342S02",)]


def test_an_exception_that_nobody_takes_names_its_line_and_keeps_its_code(cursor: SnowflakeCursor) -> None:
    with pytest.raises(ProgrammingError, match=r"'STATEMENT_ERROR' on line 2 at position 6 : (?s:.*)NO_SUCH") as caught:
        cursor.execute("BEGIN\n      DELETE FROM NO_SUCH;\nEXCEPTION WHEN OTHER THEN RAISE; END")

    assert caught.value.errno == 2003


def test_an_exception_leaves_what_was_committed_before_it(cursor: SnowflakeCursor) -> None:
    with pytest.raises(ProgrammingError):
        cursor.execute("BEGIN DELETE FROM PRICES WHERE ID = 1; BEGIN TRANSACTION; DELETE FROM PRICES; ROLLBACK; "
                       "SELECT NO_SUCH FROM PRICES; END")  # fmt: skip

    assert cursor.execute("SELECT COUNT(*) FROM PRICES").fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("block", "refusal"),
    [
        ("BEGIN RETURN 1; ", "unexpected end"),
        ("BEGIN RETURN :nothing; END", "Bind variable ':NOTHING' not set"),
        ("BEGIN x := 1; END", "no variable of the block"),
        ("BEGIN LET x; END", "needs a value"),
        ("BEGIN SELECT ID INTO :x FROM PRICES; END", "no variable of the block|exactly 1"),
        ("DECLARE x INTEGER; BEGIN SELECT ID INTO :x FROM PRICES; END", "exactly 1 returned row, but got 3"),
        ("BEGIN FOR r IN nothing DO NULL; END FOR; END", "no cursor and no resultset"),
        ("BEGIN ASYNC (SELECT 1); END", "embedded Snowflake does not know"),
        ("BEGIN CREATE HYDRA x; EXCEPTION WHEN OTHER THEN RETURN 'hidden'; END", "embedded Snowflake does not know"),
    ],
)
def test_a_wrong_block_is_refused(cursor: SnowflakeCursor, block: str, refusal: str) -> None:
    with pytest.raises(ProgrammingError, match=refusal):
        cursor.execute(block)


@pytest.mark.embedded("SQL: EXECUTE IMMEDIATE of a statement or a block, with USING")
def test_execute_immediate_runs_a_string(cursor: SnowflakeCursor) -> None:
    assert cursor.execute("EXECUTE IMMEDIATE $$ BEGIN RETURN 'a'; END $$").fetchall() == [("a",)]
    assert cursor.execute("EXECUTE IMMEDIATE 'SELECT ID FROM PRICES WHERE ID = ?' USING (1 + 1)").fetchall() == [(2,)]

    cursor.execute("SET wanted = 'SELECT 5'")
    assert cursor.execute("EXECUTE IMMEDIATE $wanted").fetchall() == [(5,)]

    block = "BEGIN LET lowest := 2; EXECUTE IMMEDIATE 'DELETE FROM PRICES WHERE ID >= ?' USING (lowest); RETURN SQLROWCOUNT; END"
    assert cursor.execute(block).fetchall() == [(2,)]


@pytest.mark.embedded("SQL: stored procedures in SQL, called with arguments and from tasks")
def test_a_procedure_in_sql_is_called_with_arguments(cursor: SnowflakeCursor) -> None:
    cursor.execute("""
        CREATE OR REPLACE PROCEDURE RAISED(FACTOR FLOAT, LEAST INTEGER DEFAULT 2) RETURNS FLOAT LANGUAGE SQL AS
        $$
        BEGIN
            UPDATE PRICES SET PRICE = PRICE * :factor WHERE ID >= :least;
            LET total FLOAT := (SELECT SUM(PRICE) FROM PRICES);
            RETURN total;
        END
        $$
    """)

    assert cursor.execute("CALL RAISED(2.0)").fetchall() == [(6.5,)]
    assert [column.name for column in cursor.description] == ["RAISED"]
    assert cursor.execute("CALL RAISED(1, 1)").fetchall() == [(6.5,)]


def test_a_block_is_cancelled_with_its_statement(connection: snowflake.connector.SnowflakeConnection) -> None:
    cursor = connection.cursor()

    with pytest.raises(ProgrammingError) as caught:
        cursor.execute("BEGIN LET i := 0; LOOP i := i + 1; END LOOP; EXCEPTION WHEN OTHER THEN NULL; END", timeout=1)

    assert caught.value.errno == 604
    assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]
