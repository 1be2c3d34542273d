"""Snowpark's own Session over HTTP: DataFrames in, through and out."""

import datetime
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from snowflake.snowpark import Session, Window
from snowflake.snowpark import functions as f_
from snowflake.snowpark import types as t_
from snowflake.snowpark.exceptions import SnowparkSQLException

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def people(session: Session) -> str:
    frame = session.create_dataframe([[1, "a"], [2, "b"], [3, "a"]], schema=["A", "B"])
    frame.write.save_as_table("PEOPLE", mode="overwrite")
    return "PEOPLE"


@pytest.mark.embedded("Snowpark: current role, warehouse, database and schema; use_*")
def test_a_session_knows_where_it_stands(session: Session) -> None:
    session.use_role("SYSADMIN")
    session.use_role("ACCOUNTADMIN")

    assert session.get_current_role() == '"ACCOUNTADMIN"'
    assert session.get_current_warehouse() == '"COMPUTE_WH"'
    assert session.get_fully_qualified_current_schema() == '"EMBEDDED"."PUBLIC"'


@pytest.mark.embedded("Snowpark: create_dataframe from rows and pandas, with types and NULLs")
def test_a_dataframe_has_the_rows_it_was_made_of(session: Session) -> None:
    moment = datetime.datetime(2020, 1, 2, 3, 4, 5, 678901)
    schema = t_.StructType(
        [
            t_.StructField("T", t_.TimestampType()),
            t_.StructField("D", t_.DateType()),
            t_.StructField("N", t_.TimestampType()),
            t_.StructField("X", t_.BinaryType()),
        ]
    )

    [row] = session.create_dataframe([[moment, moment.date(), None, b"\x01\xff"]], schema=schema).collect()
    frame = session.create_dataframe(pd.DataFrame({"a": [1, 2], "B": ["x", None]}))

    assert (row.T, row.D, row.N, bytes(row.X)) == (moment, moment.date(), None, b"\x01\xff")
    assert frame.columns == ['"a"', "B"]
    assert sorted(tuple(r) for r in frame.collect()) == [(1, "x"), (2, None)]


@pytest.mark.embedded("Snowpark: filter, aggregate, join, window, union, pivot")
def test_a_query_is_computed_by_the_server(session: Session, people: str) -> None:
    table = session.table(people)

    sums = table.group_by("B").agg(f_.sum("A").alias("S"), f_.count("*").alias("N")).sort("B").collect()
    first = table.with_column("R", f_.row_number().over(Window.partition_by("B").order_by(f_.col("A").desc())))
    joined = table.join(session.create_dataframe([["a", 10]], schema=["B", "V"]), on="B", how="left")
    pivoted = table.pivot("B", ["a", "b"]).sum("A").collect()

    assert [tuple(r) for r in sums] == [("a", 4, 2), ("b", 2, 1)]
    assert [r["A"] for r in first.filter(f_.col("R") == 1).sort("A").collect()] == [2, 3]
    assert joined.filter(f_.col("V").is_null()).count() == 1
    assert tuple(pivoted[0]) == (4, 2)
    assert table.union_all(table).count() == 6


@pytest.mark.embedded("Snowpark: save_as_table in every mode, to_pandas with Snowflake's dtypes")
def test_a_table_is_written_in_the_mode_asked_for(session: Session, people: str) -> None:
    more = session.create_dataframe([[4, "d"]], schema=["A", "B"])

    more.write.save_as_table(people, mode="append")
    more.write.save_as_table("SHORT", mode="overwrite", table_type="temporary")

    with pytest.raises(SnowparkSQLException, match="already exists"):
        more.write.save_as_table(people, mode="errorifexists")
    frame = session.table(people).sort("A").to_pandas()
    assert frame["A"].tolist() == [1, 2, 3, 4]
    assert str(frame["A"].dtype).startswith("int")
    assert session.table("SHORT").count() == 1


@pytest.mark.embedded("Snowpark: write_pandas makes the table; missing values stay missing")
def test_pandas_goes_in_and_comes_out(session: Session) -> None:
    frame = pd.DataFrame({"A": [1, 2], "B": ["x", None], "T": pd.to_datetime(["2020-01-01", None])})

    session.write_pandas(frame, "FROM_PANDAS", auto_create_table=True, overwrite=True)

    back = session.table("FROM_PANDAS").sort("A").to_pandas()
    assert back["T"][0] == pd.Timestamp("2020-01-01")
    assert back["T"].isna().tolist() == [False, True]
    assert back["B"].tolist() == ["x", None]


@pytest.mark.embedded("Snowpark: Table.merge with a DataFrame made in place, update, delete")
def test_merge_takes_a_dataframe_made_in_place(session: Session, people: str) -> None:
    target, source = session.table(people), session.create_dataframe([[2, "B"], [9, "new"]], schema=["A", "B"])

    merged = target.merge(
        source,
        target["A"] == source["A"],
        [
            f_.when_matched().update({"B": source["B"]}),
            f_.when_not_matched().insert({"A": source["A"], "B": source["B"]}),
        ],
    )

    assert (merged.rows_inserted, merged.rows_updated) == (1, 1)
    assert target.update({"B": f_.lit("z")}, target["A"] == 1).rows_updated == 1
    assert target.delete(target["A"] == 9).rows_deleted == 1
    assert [tuple(r) for r in target.sort("A").collect()] == [(1, "z"), (2, "B"), (3, "a")]


@pytest.mark.embedded("Snowpark: DataFrame.describe()")
def test_describe_has_five_rows(session: Session, people: str) -> None:
    described = session.table(people).describe().to_pandas().set_index("SUMMARY")

    assert described["A"].to_dict() == {"count": 3.0, "mean": 2.0, "stddev": 1.0, "min": 1.0, "max": 3.0}
    assert described["B"]["max"] == "b"


@pytest.mark.embedded("Snowpark: cache_result, views, temporary views")
def test_intermediate_results_have_names(session: Session, people: str) -> None:
    cached = session.table(people).filter(f_.col("A") > 1).cache_result()
    cached_rows = cached.count()
    session.table(people).create_or_replace_view("ALL_PEOPLE")
    session.table(people).create_or_replace_temp_view("MY_PEOPLE")

    assert (cached_rows, session.table("ALL_PEOPLE").count(), session.table("MY_PEOPLE").count()) == (2, 3, 3)


@pytest.mark.embedded("Snowpark: VARIANT paths, FLATTEN, binds, collect_nowait, generator, range")
def test_snowflakes_own_constructs_work(session: Session) -> None:
    variant = session.sql("""SELECT PARSE_JSON('{"a": {"b": [1, 2]}, "c": "x"}') AS V""")

    [row] = variant.select(f_.col("V")["a"]["b"][0].cast("int"), f_.col("V")["c"].cast("string")).collect()
    flattened = session.sql("SELECT F.VALUE::INT FROM TABLE(FLATTEN(INPUT => PARSE_JSON('[1, 2, 3]'))) F").count()
    bound = session.sql("SELECT ? + 1 AS X, ? AS Y", params=[1, "it's"]).collect()
    later = session.sql("SELECT 1 AS A").collect_nowait().result()

    assert tuple(row) == (1, "x")
    assert flattened == 3
    assert [tuple(r) for r in bound] == [(2, "it's")]
    assert [tuple(r) for r in later] == [(1,)]
    assert session.range(5).count() == 5
    assert session.generator(f_.seq1(0).alias("N"), rowcount=3).count() == 3


@pytest.mark.embedded("Snowpark: session.file put, get and streams")
def test_files_go_through_the_session(session: Session, tmp_path: Path) -> None:
    session.sql("CREATE OR REPLACE STAGE FILES").collect()
    (tmp_path / "f.txt").write_text("hi")

    session.file.put(str(tmp_path / "f.txt"), "@FILES/a", auto_compress=False)
    session.file.put_stream(io.BytesIO(b"yo"), "@FILES/b/g.txt", auto_compress=False)

    with session.file.get_stream("@FILES/a/f.txt") as stream:
        assert stream.read() == b"hi"
    session.file.get("@FILES/b/g.txt", str(tmp_path / "out"))
    assert (tmp_path / "out" / "g.txt").read_text() == "yo"


@pytest.mark.embedded("Snowpark: read.csv, read.json and read.parquet of staged files")
def test_staged_files_are_dataframes(session: Session, tmp_path: Path) -> None:
    session.sql("CREATE OR REPLACE STAGE READ").collect()
    (tmp_path / "p.csv").write_text("1,a\n2,b\n")
    (tmp_path / "h.csv").write_text("x,y\n1,a\n")
    (tmp_path / "o.json").write_text('{"a": 1}\n{"a": 2}\n')
    for name in ("p.csv", "h.csv", "o.json"):
        session.file.put(str(tmp_path / name), "@READ", auto_compress=name == "p.csv")
    session.create_dataframe([[1], [2]], schema=["A"]).write.copy_into_location(
        "@READ/pq/", file_format_type="parquet", header=True
    )
    schema = t_.StructType([t_.StructField("A", t_.LongType()), t_.StructField("B", t_.StringType())])

    plain = session.read.schema(schema).csv("@READ/p.csv.gz").sort("A").collect()
    header = session.read.option("PARSE_HEADER", True).option("INFER_SCHEMA", True).csv("@READ/h.csv").collect()
    objects = session.read.json("@READ/o.json").count()

    assert [tuple(r) for r in plain] == [(1, "a"), (2, "b")]
    assert [tuple(r) for r in header] == [(1, "a")]
    assert objects == 2
    assert session.read.parquet("@READ/pq/").count() == 2


@pytest.mark.embedded("Snowpark: one session from several threads")
def test_threads_get_their_own_rows(session: Session) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: session.sql(f"SELECT {n}").collect()[0][0], range(12)))

    assert found == list(range(12))


@pytest.mark.embedded(
    "Snowpark: join without a condition, regexp_replace, dynamic tables, unsigned and zoned pandas columns"
)
def test_what_snowpark_writes_is_understood(session: Session, people: str) -> None:
    table = session.table(people)
    pairs = table.join(session.create_dataframe([[7]], schema=["N"])).select("A", "N")
    replaced = table.select(f_.regexp_replace("B", "[ab]", "c")).distinct().collect()
    table.create_or_replace_dynamic_table("FRESH", warehouse="COMPUTE_WH", lag="1 hour")
    frame = pd.DataFrame({"u": pd.Series([1, 2], dtype="uint8"), "t": pd.to_datetime(["2020-01-01", None], utc=True)})

    assert sorted(map(tuple, pairs.collect())) == [(1, 7), (2, 7), (3, 7)]
    assert [tuple(row) for row in replaced] == [("c",)]
    assert session.table("FRESH").count() == 3
    back = session.create_dataframe(frame).to_pandas()
    assert back["u"].tolist() == [1, 2]
    assert back["t"].isna().tolist() == [False, True]
