"""Stages and staged files."""

import gzip
import http.client
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import snowflake.connector
from mlops_embedded import EmbeddedSnowflake
from mlops_embedded.credentials import Credentials
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError


@pytest.fixture
def stage(cursor: SnowflakeCursor) -> str:
    cursor.execute("CREATE OR REPLACE STAGE FILES")
    return "@FILES"


def put(cursor: SnowflakeCursor, file: Path, target: str, options: str = "AUTO_COMPRESS = FALSE") -> None:
    cursor.execute(f"PUT 'file://{file}' {target} {options}")


@pytest.mark.embedded("Stages: PUT (compressed too), LIST with PATTERN, GET, REMOVE")
def test_files_go_up_are_listed_come_down_and_go(cursor: SnowflakeCursor, stage: str, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(name)
        put(cursor, tmp_path / name, f"{stage}/in")
    put(cursor, tmp_path / "a.csv", f"{stage}/packed", "")

    assert [row[0] for row in cursor.execute(f"LIST {stage} PATTERN = '.*b[.]csv'").fetchall()] == ["files/in/b.csv"]
    (tmp_path / "out").mkdir()
    cursor.execute(f"GET {stage}/packed 'file://{tmp_path}/out/'")
    assert gzip.decompress((tmp_path / "out" / "a.csv.gz").read_bytes()) == b"a.csv"
    cursor.execute(f"REMOVE {stage}/in")
    assert [row[0] for row in cursor.execute(f"LS {stage}").fetchall()] == ["files/packed/a.csv.gz"]


@pytest.mark.parametrize(
    "location", ["@FILES/../x", "@FILES/a/../../x", "'@FILES/a/..'", "@~/../x", "'@FILES/C:\\\\x'", "'@FILES/a\\0b'"]
)
@pytest.mark.embedded("Stages: a path that would leave the stage is refused")
def test_no_path_leaves_a_stage(cursor: SnowflakeCursor, stage: str, tmp_path: Path, location: str) -> None:
    (tmp_path / "f").write_text("x")

    for sql in (f"PUT 'file://{tmp_path}/f' {location}", f"LIST {location}", f"REMOVE {location}"):
        with pytest.raises(ProgrammingError) as caught:
            cursor.execute(sql)
        assert caught.value.errno == 1003


@pytest.mark.embedded("Stages: a name with separators and dots is one folder inside the account")
def test_a_stages_name_is_no_path(cursor: SnowflakeCursor, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    cursor.execute('CREATE STAGE "../../up"')

    put(cursor, tmp_path / "f", "'@\"../../up\"/a'")

    assert len(cursor.execute("LIST '@\"../../up\"'").fetchall()) == 1
    cursor.execute('DROP STAGE "../../up"')


@pytest.mark.embedded("Stages: user stages and table stages")
def test_users_and_tables_have_stages(cursor: SnowflakeCursor, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("1\n2\n")
    cursor.execute("CREATE OR REPLACE TABLE OWN (A INT)")

    put(cursor, tmp_path / "f.csv", "@~/mine")
    put(cursor, tmp_path / "f.csv", "@%OWN")
    cursor.execute("COPY INTO OWN FROM @%OWN FILE_FORMAT = (TYPE = CSV)")

    assert cursor.execute("SELECT SUM(A) FROM OWN").fetchone() == (3,)
    assert [row[0] for row in cursor.execute("LIST @~").fetchall()] == ["mine/f.csv"]


@pytest.mark.embedded("Staged files: COPY INTO from CSV with header, quotes and NULLs; wrong columns are refused")
def test_csv_is_loaded_as_its_format_says(cursor: SnowflakeCursor, stage: str, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text('id;name\n1;"a;b"\n2;\n')
    put(cursor, tmp_path / "q.csv", stage)
    cursor.execute("CREATE OR REPLACE TABLE Q (ID INT, NAME VARCHAR)")
    cursor.execute(
        "CREATE OR REPLACE FILE FORMAT SEMI TYPE = CSV FIELD_DELIMITER = ';' SKIP_HEADER = 1 "
        "FIELD_OPTIONALLY_ENCLOSED_BY = '\"'"
    )

    loaded = cursor.execute(f"COPY INTO Q FROM {stage}/q.csv FILE_FORMAT = (FORMAT_NAME = 'SEMI')").fetchall()

    assert loaded[0][:4] == ("files/q.csv", "LOADED", 2, 2)
    assert cursor.execute("SELECT * FROM Q ORDER BY ID").fetchall() == [(1, "a;b"), (2, None)]
    cursor.execute("CREATE OR REPLACE TABLE THREE (A INT, B INT, C INT)")
    with pytest.raises(ProgrammingError) as caught:
        cursor.execute(f"COPY INTO THREE FROM {stage}/q.csv FILE_FORMAT = (FORMAT_NAME = SEMI)")
    assert caught.value.errno == 100080


@pytest.mark.embedded("Staged files: SELECT from JSON, and COPY of a transformation")
def test_json_is_queried_and_loaded(cursor: SnowflakeCursor, stage: str, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text('{"id": 1, "tags": ["a", "b"]}\n{"id": 2, "tags": []}\n')
    put(cursor, tmp_path / "e.json", stage)
    cursor.execute("CREATE OR REPLACE FILE FORMAT J TYPE = JSON")
    cursor.execute("CREATE OR REPLACE TABLE E (ID INT, FIRST VARCHAR)")

    queried = cursor.execute(
        f"SELECT $1:id::INT AS ID, ARRAY_SIZE($1:tags) AS N FROM {stage}/e.json (FILE_FORMAT => 'J') ORDER BY ID"
    ).fetchall()
    cursor.execute(
        f"COPY INTO E FROM (SELECT $1:id::INT, $1:tags[0]::VARCHAR FROM {stage}/e.json) FILE_FORMAT = (TYPE = JSON)"
    )

    assert queried == [(1, 2), (2, 0)]
    assert cursor.execute("SELECT * FROM E ORDER BY ID").fetchall() == [(1, "a"), (2, None)]


@pytest.mark.embedded("Staged files: COPY INTO a stage and back as Parquet, INFER_SCHEMA")
def test_parquet_goes_out_and_comes_back(cursor: SnowflakeCursor, stage: str) -> None:
    cursor.execute("""CREATE OR REPLACE TABLE P AS SELECT 1 AS ID, 'x' AS "name", 1.5::FLOAT AS V""")
    cursor.execute("CREATE OR REPLACE FILE FORMAT PQ TYPE = PARQUET")

    [unloaded] = cursor.execute(
        f"COPY INTO {stage}/out/ FROM P FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE"
    ).fetchall()
    schema = cursor.execute(
        f"SELECT COLUMN_NAME, TYPE FROM TABLE(INFER_SCHEMA(LOCATION => '{stage}/out/', FILE_FORMAT => 'PQ'))"
    ).fetchall()
    back = cursor.execute(
        f"""SELECT $1:"name"::VARCHAR, $1:ID::INT FROM {stage}/out/ (FILE_FORMAT => 'PQ', PATTERN => '.*parquet')"""
    ).fetchall()

    assert unloaded[0] == 1
    assert schema == [("ID", "NUMBER(38, 0)"), ("name", "TEXT"), ("V", "REAL")]
    assert back == [("x", 1)]


def test_a_temporary_stage_ends_with_its_session(cursor: SnowflakeCursor, embedded_snowflake: object) -> None:
    import snowflake.connector

    with snowflake.connector.connect(**embedded_snowflake.connection) as other:  # type: ignore[attr-defined] # fixture
        other.cursor().execute("CREATE TEMPORARY STAGE BRIEF")
        with pytest.raises(ProgrammingError):
            cursor.execute("LIST @BRIEF")

    assert cursor.execute("SHOW STAGES LIKE 'BRIEF'").fetchall() == []


@pytest.mark.embedded("Stages: GET_PRESIGNED_URL serves one file by plain HTTP, with ranges")
def test_a_presigned_url_serves_one_file(cursor: SnowflakeCursor, stage: str, tmp_path: Path) -> None:
    import urllib.error
    import urllib.request

    (tmp_path / "f.bin").write_bytes(b"0123456789")
    put(cursor, tmp_path / "f.bin", f"{stage}/a")
    [(url,)] = cursor.execute(f"SELECT GET_PRESIGNED_URL({stage}, 'a/f.bin', 60)").fetchall()

    with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=2-4"}), timeout=5) as answer:
        assert answer.read() == b"234"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace("embedded.", "embedded.A", 1), timeout=5)
    caught.value.close()
    assert caught.value.code == 403


@pytest.mark.embedded("Stages: PUT and GET over HTTP for a client that has no disk in common with the server")
def test_a_client_without_the_servers_disk_sends_and_fetches_by_url(
    embedded_snowflake: EmbeddedSnowflake, tmp_path: Path
) -> None:
    credentials = Credentials((embedded_snowflake.state / "credential").read_text())
    token = credentials.mint("FAR", lifetime=timedelta(hours=1), context={"shares_disk": False})
    settings = {**embedded_snowflake.connection, "authenticator": "oauth", "token": token}
    del settings["password"]
    (tmp_path / "one.txt").write_text("one")
    (tmp_path / "two words.txt").write_text("two")
    with snowflake.connector.connect(**settings) as far, far.cursor() as cursor:
        cursor.execute("USE SCHEMA EMBEDDED.PUBLIC")
        cursor.execute("CREATE OR REPLACE STAGE FAR")

        sent = cursor.execute(f"PUT 'file://{tmp_path}/*.txt' '@FAR/a' AUTO_COMPRESS = FALSE").fetchall()
        (tmp_path / "one.txt").write_text("changed")
        cursor.execute(f"PUT 'file://{tmp_path}/one.txt' '@FAR/a' AUTO_COMPRESS = FALSE")
        (tmp_path / "got").mkdir()
        fetched = cursor.execute(f"GET @FAR/a file://{tmp_path}/got").fetchall()

    assert sorted((row[0], row[6]) for row in sent) == [("one.txt", "UPLOADED"), ("two words.txt", "UPLOADED")]
    assert sorted(row[2] for row in fetched) == ["DOWNLOADED", "DOWNLOADED"]
    assert {file.name: file.read_text() for file in (tmp_path / "got").iterdir()} == {
        "one.txt": "one",
        "two words.txt": "two",
    }


def test_an_upload_url_takes_nothing_but_its_file(embedded_snowflake: EmbeddedSnowflake) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", embedded_snowflake.connection["port"], timeout=10)) as client:
        client.request("PUT", "/presigned/embedded.forged.token/file.txt", b"x")

        assert client.getresponse().status == 403
