"""Stages and image repositories over REST, with files that the connector put there."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from snowflake.core import CreateMode, Root
from snowflake.core.exceptions import APIError, ConflictError, NotFoundError
from snowflake.core.image_repository import ImageRepository
from snowflake.core.stage import Stage, StageDirectoryTable, StageEncryption

from .conftest import add_images


@pytest.fixture
def schema(root: Root):
    return root.databases["embedded"].schemas["public"]


@pytest.mark.embedded("REST and SQL: stages and their files")
def test_files_go_up_are_listed_and_come_down(schema, tmp_path: Path):
    stage = schema.stages.create(
        Stage(
            name="files",
            comment="inputs",
            encryption=StageEncryption(type="SNOWFLAKE_SSE"),
            directory_table=StageDirectoryTable(enable=True),
        )
    )
    local = tmp_path / "data.txt"
    local.write_text("hello")

    stage.put(str(local), "/deep/er", auto_compress=False)

    assert [(f.name, f.size) for f in stage.list_files()] == [("files/deep/er/data.txt", "5")]
    assert list(stage.list_files(pattern=".*\\.csv")) == []
    stage.get("/deep/er/data.txt", str(tmp_path / "down"))
    assert (tmp_path / "down" / "data.txt").read_text() == "hello"
    assert stage.fetch().comment == "inputs"


@pytest.mark.embedded("REST and SQL: stages and their files")
def test_a_presigned_url_serves_one_file_and_a_missing_one_is_not_found(schema, call, sql, tmp_path: Path):
    schema.stages.create(Stage(name="signed"))
    (tmp_path / "a.txt").write_text("signed")
    sql(f"PUT 'file://{tmp_path}/a.txt' @signed/in AUTO_COMPRESS = FALSE")
    files = "/databases/embedded/schemas/public/stages/signed/files"

    status, answer = call("POST", f"{files}/in%2Fa.txt:presigned-url", {"expiration_time": 60})

    assert status == 200
    with urllib.request.urlopen(answer["presigned_url"]) as signed:
        assert signed.read() == b"signed"
    assert call("POST", f"{files}/in%2Fb.txt:presigned-url", {})[0] == 404
    assert call("POST", f"{files}/..%2F..%2Fcredential:presigned-url", {})[0] == 400


@pytest.mark.embedded("REST and SQL: stages and their files")
def test_stages_conflict_are_replaced_and_dropped_and_external_ones_are_refused(schema, sql):
    stage = schema.stages.create(Stage(name="again"))
    with pytest.raises(ConflictError):
        schema.stages.create(Stage(name="again"))
    schema.stages.create(Stage(name="again", comment="new"), mode=CreateMode.or_replace)

    assert [row["comment"] for row in sql("SHOW STAGES LIKE 'again'")] == ["new"]
    stage.drop()
    with pytest.raises(NotFoundError):
        stage.fetch()
    with pytest.raises(APIError, match="does not know external stages"):
        schema.stages.create(Stage(name="again", url="s3://bucket/path"))


@pytest.mark.embedded("REST and SQL: image repositories")
def test_an_image_repository_has_a_url_and_the_images_that_jobs_find_under_it(schema, sql, embedded_snowflake):
    repository = schema.image_repositories.create(ImageRepository(name="pictures"))
    assert repository.fetch().repository_url.endswith("/embedded/public/pictures")
    assert [image.image_path for image in repository.list_images_in_repository()] == ["embedded/public/pictures/mlops"]

    add_images(embedded_snowflake.state, "/embedded/public/pictures/train:v2")

    [_, image] = sorted(repository.list_images_in_repository(), key=lambda one: one.image_name)
    assert (image.image_name, image.tags, image.image_path) == ("train", "v2", "embedded/public/pictures/train:v2")
    assert [row["image_name"] for row in sql("SHOW IMAGES IN IMAGE REPOSITORY pictures")] == ["mlops", "train"]
    assert "PICTURES" in {row["name"] for row in sql("SHOW IMAGE REPOSITORIES")}
    sql("CREATE IMAGE REPOSITORY IF NOT EXISTS pictures")
    sql("DROP IMAGE REPOSITORY pictures")
    with pytest.raises(NotFoundError):
        repository.fetch()
