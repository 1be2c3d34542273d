"""Parameter values: what fits comes back unchanged, and what does not is refused with what would fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.errors import ParameterError
from mlops.parameters import Parameter, checked


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_a_whole_number_comes_back_from_its_word(number: int) -> None:
    assert checked(Parameter("count", 1, "int"), str(number), text=True) == number


@given(st.text())
def test_a_text_parameter_takes_every_word_as_it_is(word: str) -> None:
    assert checked(Parameter("title", "", "str"), word, text=True) == word


@given(st.text(alphabet="abcdxyz ", min_size=1))
def test_a_word_is_no_whole_number_and_the_error_says_what_is(word: str) -> None:
    with pytest.raises(ParameterError) as caught:
        checked(Parameter("count", 1, "int"), word, text=True)

    assert caught.value.parameter == "count"
    assert "it takes int" in str(caught.value.hint)


@given(st.lists(st.integers(min_value=-1000, max_value=1000)))
def test_a_list_comes_back_from_its_json(numbers: list[int]) -> None:
    assert checked(Parameter("depths", [], "list[int]"), str(numbers), text=True) == numbers
