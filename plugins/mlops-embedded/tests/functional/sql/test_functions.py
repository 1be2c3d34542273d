"""User-defined functions and stored procedures by SQL: they run in worker processes."""

import os

import pytest
import snowflake.connector
from mlops_embedded import EmbeddedSnowflake
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError


def define(cursor: SnowflakeCursor, head: str, body: str) -> None:
    cursor.execute(
        f"CREATE OR REPLACE FUNCTION {head} LANGUAGE PYTHON RUNTIME_VERSION = 3.11 HANDLER = 'f' AS $$\n{body}\n$$"
    )


@pytest.mark.embedded("Functions: a Python UDF over columns, with NULLs, JSON in and out")
def test_a_python_function_gets_pythons_values(cursor: SnowflakeCursor) -> None:
    define(
        cursor,
        "DESCRIBED(N INT, V VARIANT) RETURNS OBJECT",
        "def f(n, v):\n    return {'n': n, 'keys': sorted(v or {})}",
    )

    rows = cursor.execute(
        """SELECT DESCRIBED(COLUMN1, PARSE_JSON(COLUMN2)):keys[0]::VARCHAR, DESCRIBED(COLUMN1, NULL):n::INT
        FROM VALUES (1, '{"b": 1, "a": 2}'), (NULL, '{}') ORDER BY 1"""
    ).fetchall()

    assert sorted(rows, key=str) == [("a", 1), (None, None)]


@pytest.mark.embedded("Functions: SQL functions, overloads, SHOW, DESCRIBE, DROP")
def test_a_name_may_be_overloaded(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE FUNCTION AREA(W FLOAT) RETURNS FLOAT AS 'W * W'")
    cursor.execute("CREATE OR REPLACE FUNCTION AREA(W FLOAT, H FLOAT) RETURNS FLOAT AS $$ W * H $$")

    assert cursor.execute("SELECT AREA(3), EMBEDDED.PUBLIC.AREA(1 + 1, 5)").fetchone() == (9.0, 10.0)
    cursor.execute("SHOW USER FUNCTIONS LIKE 'area'")
    index = [d.name for d in cursor.description].index("arguments")
    assert [row[index] for row in cursor.fetchall()] == ["AREA(FLOAT) RETURN FLOAT", "AREA(FLOAT, FLOAT) RETURN FLOAT"]
    cursor.execute("DROP FUNCTION AREA(FLOAT)")
    with pytest.raises(ProgrammingError):
        cursor.execute("SELECT AREA(3)")


@pytest.mark.embedded("Functions: users' code runs in a process of its own, never in the server")
def test_users_code_is_in_another_process_and_its_death_is_an_error(
    embedded_snowflake: EmbeddedSnowflake, cursor: SnowflakeCursor
) -> None:
    define(cursor, "PID() RETURNS INT", "import os\ndef f():\n    return os.getpid()")
    define(cursor, "DIES() RETURNS INT", "import os\ndef f():\n    os._exit(7)")

    [(worker,)] = cursor.execute("SELECT PID()").fetchall()
    assert worker not in {os.getpid(), embedded_snowflake.running.pid}

    with pytest.raises(ProgrammingError, match="exit code 7") as caught:
        cursor.execute("SELECT DIES()")
    assert caught.value.errno == 100357
    assert cursor.execute("SELECT PID() <> %s", (worker,)).fetchone() == (True,)


@pytest.mark.embedded("Errors: what users' Python raises is 100357 with its text")
def test_what_a_function_raises_is_told(cursor: SnowflakeCursor) -> None:
    define(cursor, "RAISES(N INT) RETURNS INT", "def f(n):\n    raise ValueError(f'no {n} here')")

    with pytest.raises(ProgrammingError, match="no 5 here") as caught:
        cursor.execute("SELECT RAISES(5)")

    assert caught.value.errno == 100357


@pytest.mark.embedded("Procedures: a Python procedure reads and writes through its caller's session")
def test_a_procedure_reads_and_writes_through_its_session(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE SOURCE AS SELECT 1 AS A UNION ALL SELECT 2")
    cursor.execute(
        """CREATE OR REPLACE PROCEDURE DOUBLE_INTO(SOURCE VARCHAR, TARGET VARCHAR) RETURNS INT LANGUAGE PYTHON
        RUNTIME_VERSION = 3.11 PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' AS $$
def run(session, source, target):
    table = session.table(source)
    table.select((table["A"] * 2).alias("A")).write.save_as_table(target, mode="overwrite")
    return session.table(target).count()
$$"""
    )

    assert cursor.execute("CALL DOUBLE_INTO('SOURCE', 'DOUBLED')").fetchall() == [(2,)]
    assert cursor.execute("SELECT SUM(A) FROM DOUBLED").fetchone() == (6,)


def test_a_temporary_function_is_its_sessions_own(
    embedded_snowflake: EmbeddedSnowflake, cursor: SnowflakeCursor
) -> None:
    with snowflake.connector.connect(**embedded_snowflake.connection) as other:
        other.cursor().execute("CREATE TEMPORARY FUNCTION MINE() RETURNS INT AS '1'")
        assert other.cursor().execute("SELECT MINE()").fetchone() == (1,)
        with pytest.raises(ProgrammingError):
            cursor.execute("SELECT MINE()")


@pytest.mark.embedded("Functions: Python table functions on constants, and on the rows before them in FROM")
def test_a_table_function_is_called_on_rows(cursor: SnowflakeCursor) -> None:
    cursor.execute(
        "CREATE OR REPLACE FUNCTION UPTO(N INT) RETURNS TABLE (I INT) LANGUAGE PYTHON RUNTIME_VERSION = 3.11 "
        "HANDLER = 'F' AS $$\nclass F:\n    def process(self, n):\n        yield from ((i,) for i in range(n))\n$$"
    )
    rows = "(SELECT 2 AS N UNION ALL SELECT 1)"

    assert cursor.execute("SELECT SUM(I) FROM TABLE(UPTO(4))").fetchone() == (6,)
    assert sorted(cursor.execute(f"SELECT T.N, I FROM {rows} T, TABLE(UPTO(T.N))").fetchall()) == [
        (1, 0),
        (2, 0),
        (2, 1),
    ]
    renamed = f"SELECT SUM(F.X + S.N) FROM {rows} AS S CROSS JOIN TABLE(UPTO(N + 1) OVER (PARTITION BY N)) AS F (X)"
    assert cursor.execute(f"{renamed} WHERE F.X > 0").fetchone() == ((1 + 1) + (1 + 2) + (2 + 2),)


def test_text_inside_a_variant_is_compared_with_text(cursor: SnowflakeCursor) -> None:
    cursor.execute("CREATE OR REPLACE TABLE J AS SELECT OBJECT_CONSTRUCT('a', 'x', 'b.c', 'y') AS V")

    for condition in ("V:a = 'x'", "'x' = V:a", "V:\"b.c\" IN ('y', 'z')", "V:a LIKE 'x%'", "V['a'] <> 'y'"):
        assert cursor.execute(f"SELECT COUNT(*) FROM J WHERE {condition}").fetchone() == (1,), condition
