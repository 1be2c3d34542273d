import pytest
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.binds import inline


def test_a_question_mark_in_a_string_is_no_bind() -> None:
    bound = inline("SELECT '?', ?, $$?$$", {"1": {"type": "TEXT", "value": "it's"}})

    assert bound == "SELECT '?', 'it''s', $$?$$"


def test_a_path_into_a_variant_is_no_bind() -> None:
    assert inline("SELECT a:1, :1", {"1": {"type": "FIXED", "value": "5"}}) == "SELECT a:1, 5"


def test_a_batch_is_one_insert_of_many_rows() -> None:
    bindings = {"1": {"type": "FIXED", "value": ["1", "2"]}, "2": {"type": "TEXT", "value": ["a", None]}}

    assert inline("INSERT INTO t VALUES (?, ?)", bindings) == "INSERT INTO t VALUES (1, 'a'), (2, NULL)"


def test_a_bind_without_value_is_refused() -> None:
    with pytest.raises(SnowflakeError, match="not set"):
        inline("SELECT ?, ?", {"1": {"type": "FIXED", "value": "1"}})


def test_a_negative_number_does_not_become_a_comment() -> None:
    assert inline("SELECT 1-?", {"1": {"type": "FIXED", "value": "-2"}}) == "SELECT 1-(-2)"
