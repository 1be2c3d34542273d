"""UDFs, UDTFs and stored procedures registered from Snowpark."""

import pytest
from snowflake.snowpark import Session
from snowflake.snowpark import functions as f_
from snowflake.snowpark import types as t_

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.mark.embedded("Snowpark: UDFs from a lambda and a closure, named and not")
def test_a_closure_runs_over_a_column(session: Session) -> None:
    offset = 10
    add = f_.udf(
        lambda x: None if x is None else x + offset,
        return_type=t_.LongType(), input_types=[t_.LongType()], packages=[], session=session,
    )  # fmt: skip
    session.udf.register(
        lambda a, b: f"{a}-{b}", return_type=t_.StringType(), input_types=[t_.StringType(), t_.LongType()],
        name="JOINER", replace=True, packages=[],
    )  # fmt: skip
    frame = session.create_dataframe([[1], [None]], schema=["A"])

    assert [r[0] for r in frame.select(add("A").alias("R")).sort("R").collect()] == [None, 11]
    assert session.sql("SELECT JOINER('x', 3)").collect()[0][0] == "x-3"


@pytest.mark.embedded("Snowpark: vectorized (pandas) UDFs")
def test_a_pandas_function_gets_series(session: Session) -> None:
    double = f_.pandas_udf(
        lambda x: x * 2,
        return_type=t_.PandasSeriesType(t_.FloatType()),
        input_types=[t_.PandasSeriesType(t_.FloatType())],
        packages=["pandas"],
        session=session,
    )

    rows = session.create_dataframe([[1.5], [2.0]], schema=["A"]).select(double("A")).collect()

    assert sorted(r[0] for r in rows) == [3.0, 4.0]


@pytest.mark.embedded("Snowpark: table functions (constant arguments)")
def test_a_table_function_yields_rows(session: Session) -> None:
    class Count:
        def process(self, n):  # type: ignore[no-untyped-def] # as users write it
            for i in range(n):
                yield (i,)

    count = session.udtf.register(
        Count,
        output_schema=t_.StructType([t_.StructField("N", t_.LongType())]),
        input_types=[t_.LongType()],
        packages=[],
    )

    assert [r[0] for r in session.table_function(count(f_.lit(3))).collect()] == [0, 1, 2]


@pytest.fixture
def sold(session: Session) -> str:
    rows = [["N", 2, 5], ["N", 1, 9], ["S", 1, 7]]
    session.create_dataframe(rows, schema=["REGION", "DAY", "AMOUNT"]).write.save_as_table("SOLD", mode="overwrite")
    return "SOLD"


@pytest.mark.embedded("Snowpark: join_table_function, by PARTITION BY and ORDER BY, with process and end_partition")
def test_a_table_function_sees_one_partition_in_its_order(session: Session, sold: str) -> None:
    class Running:
        def __init__(self):  # type: ignore[no-untyped-def] # as users write it
            self.amounts = []

        def process(self, amount):  # type: ignore[no-untyped-def]
            self.amounts.append(amount)
            yield (",".join(map(str, self.amounts)),)

        def end_partition(self):  # type: ignore[no-untyped-def]
            yield (f"{len(self.amounts)} rows",)

    running = session.udtf.register(
        Running,
        output_schema=t_.StructType([t_.StructField("SEEN", t_.StringType())]),
        input_types=[t_.LongType()],
        packages=[],
    )

    table = session.table(sold)
    rows = table.join_table_function(running("AMOUNT").over(partition_by="REGION", order_by="DAY")).collect()

    assert sorted(map(tuple, rows), key=str) == [
        ("N", 1, 9, "9"), ("N", 2, 5, "9,5"), ("N", None, None, "2 rows"),
        ("S", 1, 7, "7"), ("S", None, None, "1 rows"),
    ]  # fmt: skip


@pytest.mark.embedded("Snowpark: apply_in_pandas, a vectorized table function a group")
def test_a_group_is_a_pandas_frame(session: Session, sold: str) -> None:
    def summary(group):  # type: ignore[no-untyped-def] # as users write it
        group["MEAN"] = group["AMOUNT"].mean()
        return group[["REGION", "MEAN"]].head(1)

    fields = [t_.StructField("REGION", t_.StringType()), t_.StructField("MEAN", t_.FloatType())]
    rows = session.table(sold).group_by("REGION").apply_in_pandas(summary, output_schema=t_.StructType(fields))

    assert sorted(tuple(row) for row in rows.collect()) == [("N", 7.0), ("S", 7.0)]


@pytest.mark.embedded("Snowpark: stored procedures")
def test_a_procedure_has_a_session(session: Session) -> None:
    session.create_dataframe([[1], [2]], schema=["A"]).write.save_as_table("COUNTED", mode="overwrite")

    count = session.sproc.register(
        lambda session, table: session.table(table).count(),
        return_type=t_.LongType(), input_types=[t_.StringType()], packages=["snowflake-snowpark-python"],
    )  # fmt: skip

    assert count("COUNTED", session=session) == 2


@pytest.mark.embedded("SQL: WITH p AS PROCEDURE ... CALL p(): anonymous procedures, BINARY results too")
def test_a_procedure_needs_no_name_of_its_own(session: Session) -> None:
    code = "def run(session, n):\n    return bytes([n, 255])"
    call = (
        "WITH P AS PROCEDURE (N INT) RETURNS BINARY LANGUAGE PYTHON RUNTIME_VERSION = 3.11 PACKAGES = "
        f"('snowflake-snowpark-python') HANDLER = 'run' AS $${code}$$ CALL P(7)"
    )

    assert bytes(session.sql(call).collect()[0][0]) == b"\x07\xff"
    assert session.sql("SHOW PROCEDURES LIKE 'P'").collect() == []
