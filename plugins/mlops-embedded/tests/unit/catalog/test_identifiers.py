import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlops_embedded.catalog import ObjectName, normalize, parse_name, quote
from mlops_embedded.errors import SnowflakeError


@pytest.mark.parametrize(
    ("written", "stored"), [("ab", "AB"), ("Ab$1", "AB$1"), ('"ab"', "ab"), ('"a""b"', 'a"b'), ("_x", "_X")]
)
def test_an_unquoted_name_is_stored_upper_case_and_a_quoted_one_as_it_is(written: str, stored: str) -> None:
    assert normalize(written) == stored


@pytest.mark.parametrize("written", ["1a", "a-b", "", '""', "a b", "a.b", "x" * 256])
def test_what_is_no_identifier_is_refused(written: str) -> None:
    with pytest.raises(SnowflakeError) as caught:
        normalize(written)

    assert caught.value.code == "001003"


@given(st.text(min_size=1, max_size=255).filter(lambda name: "\0" not in name))
def test_a_quoted_name_reads_back_as_the_stored_one(name: str) -> None:
    assert parse_name(quote(name)) == (name,)


def test_dots_inside_quotes_separate_nothing() -> None:
    assert parse_name('a."b.c".d') == ("A", "b.c", "D")


def test_a_full_name_is_quoted_only_where_it_must_be() -> None:
    assert str(ObjectName("D", "s", "T 1")) == 'D."s"."T 1"'
