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


@pytest.mark.embedded("Snowpark: stored procedures")
def test_a_procedure_has_a_session(session: Session) -> None:
    session.create_dataframe([[1], [2]], schema=["A"]).write.save_as_table("COUNTED", mode="overwrite")

    count = session.sproc.register(
        lambda session, table: session.table(table).count(),
        return_type=t_.LongType(), input_types=[t_.StringType()], packages=["snowflake-snowpark-python"],
    )  # fmt: skip

    assert count("COUNTED", session=session) == 2
