import pytest
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.binds import bind


def test_a_question_mark_in_a_string_is_no_bind() -> None:
    bound = bind("SELECT '?', ?, $$?$$", {"1": {"type": "TEXT", "value": "it's"}})

    assert bound.sql == "SELECT '?', 'it''s', $$?$$"


def test_a_path_into_a_variant_is_no_bind() -> None:
    assert bind("SELECT a:1, :1", {"1": {"type": "FIXED", "value": "5"}}).sql == "SELECT a:1, 5"


def test_a_batch_is_one_insert_that_selects_from_its_rows() -> None:
    bindings = {"1": {"type": "FIXED", "value": ["1", "2"]}, "2": {"type": "TEXT", "value": ["a", None]}}

    bound = bind("INSERT INTO t VALUES (?, PARSE_JSON(?))", bindings)

    assert bound.over("x") == 'INSERT INTO t SELECT "B1", PARSE_JSON("B2") FROM x'
    assert bound.batch is not None
    assert bound.batch.table.to_pylist() == [{"B1": 1, "B2": "a"}, {"B1": 2, "B2": None}]


def test_a_bind_without_value_is_refused() -> None:
    with pytest.raises(SnowflakeError, match="not set"):
        bind("SELECT ?, ?", {"1": {"type": "FIXED", "value": "1"}})


def test_a_negative_number_does_not_become_a_comment() -> None:
    assert bind("SELECT 1-?", {"1": {"type": "FIXED", "value": "-2"}}).sql == "SELECT 1-(-2)"
