"""Parameter values: what fits comes back unchanged, and what does not is refused with what would fit."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.errors import NodeDefinitionError, ParameterError
from mlops.parameters import Parameter, as_objects, checked, parameter_of
from mlops.type_expressions import type_of

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip

HINTS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers(-(2**63), 2**63 - 1)),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bool, st.booleans()),
    (str, st.text()),
    (date, st.dates()),
    (datetime, st.datetimes(timezones=st.just(timezone.utc))),
    (timedelta, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3000))),
    (UUID, st.uuids()),
    (Path, st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}){0,2}", fullmatch=True).map(Path)),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False, places=3)),
    (list[int], st.lists(st.integers(-1000, 1000))),
    (dict[str, float], st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False))),
    (tuple[int, ...], st.lists(st.integers(-9, 9)).map(tuple)),
    (set[str], st.sets(st.text())),
    (Literal["real", "synthetic"], st.sampled_from(["real", "synthetic"])),
    (int | None, st.none() | st.integers(-9, 9)),
    (int | str | None, st.none() | st.integers(-9, 9) | st.text()),
]


class Plan(Enum):
    """A type of a plugin's own."""

    BASIC = "basic"
    FULL = "full"


@given(st.data())
@pytest.mark.parametrize(("hint", "values"), HINTS, ids=lambda one: getattr(one, "__name__", str(one))[:20])
def test_a_default_is_kept_as_json_and_given_to_the_function_as_its_hint_names_it(hint, values, data) -> None:
    default = data.draw(values)

    parameter = parameter_of("p", default=default, hint=hint, text="", node="n")

    assert json.loads(json.dumps(parameter.default)) == parameter.default
    assert as_objects({"p": parameter.default}, [parameter], {}) == {"p": default}
    assert checked(parameter, parameter.default) == parameter.default


@given(PLAIN)
def test_a_parameter_without_a_type_takes_every_plain_value_unchanged(value: Any) -> None:
    assert checked(Parameter("anything", None), value) == value


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_a_whole_number_comes_back_from_its_word(number: int) -> None:
    assert checked(Parameter("count", 1, "int"), str(number), text=True) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_from_its_word(number: float) -> None:
    assert checked(Parameter("rate", 0.1, "float"), repr(number), text=True) == number


@given(st.text())
def test_a_text_parameter_takes_every_word_as_it_is(word: str) -> None:
    assert checked(Parameter("title", "", "str"), word, text=True) == word


@given(st.dates())
def test_a_date_comes_back_from_its_iso_text(day: date) -> None:
    parameter = Parameter("day", None, "date | None")

    kept = checked(parameter, day.isoformat(), text=True)

    assert kept == day.isoformat()
    assert as_objects({"day": kept}, [parameter], {}) == {"day": day}


@given(st.text(alphabet="abcdxyz ", min_size=1))
def test_a_word_is_no_whole_number_and_the_error_says_what_is(word: str) -> None:
    with pytest.raises(ParameterError) as caught:
        checked(Parameter("count", 1, "int"), word, text=True)

    assert caught.value.parameter == "count"
    assert "it takes int" in str(caught.value.hint)


def test_a_mapping_of_any_objects_is_given_as_it_is() -> None:
    hint = dict[str, object] | None
    parameter = parameter_of("source", default=None, hint=hint, text="", node="n")
    value = {"db": {"port": 5432}, "tables": ["a"]}

    assert as_objects({"source": checked(parameter, value)}, [parameter], {"source": hint}) == {"source": value}


@pytest.mark.parametrize("kind", ["int", "Literal['a', 'b']", "date", "dict[str, int]"])
def test_an_error_about_a_credential_does_not_show_it(kind: str) -> None:
    with pytest.raises(ParameterError) as caught:
        checked(Parameter("api_key", "hunter1", kind), "hunter2", text=True)

    assert kind in caught.value.message
    assert "hunter" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


@given(st.lists(st.integers(min_value=-1000, max_value=1000)))
def test_a_list_comes_back_from_its_json(numbers: list[int]) -> None:
    assert checked(Parameter("depths", [], "list[int]"), str(numbers), text=True) == numbers


@pytest.mark.parametrize(
    ("kind", "word", "value"),
    [
        ("bool", "true", True),
        ("bool", "no", False),
        ("int | None", "null", None),
        ("str | None", "null", None),
        ("Literal['a', 'b']", "b", "b"),
        ("dict[str, int]", "{a: 1}", {"a": 1}),
        ("float", "3", 3.0),
        ("", "3", 3),
        ("", "words of no type", "words of no type"),
    ],
)
def test_a_word_is_read_by_the_type(kind, word, value) -> None:
    assert checked(Parameter("p", None, kind), word, text=True) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", 1.5),
        ("int", True),
        ("int", "1"),
        ("str", 1),
        ("list[int]", ["a"]),
        ("Literal['a', 'b']", "c"),
        ("date", "tomorrow"),
        ("int", None),
    ],
)
def test_a_value_of_a_file_is_held_against_its_type_strictly(kind, value) -> None:
    with pytest.raises(ParameterError, match="p"):
        checked(Parameter("p", None, kind), value)


@given(st.permutations(["a", "b", "c", "dd", "e"]))
def test_a_set_is_kept_in_one_order_whatever_order_it_comes_in(names: list[str]) -> None:
    parameter = Parameter("columns", [], "set[str]")

    assert checked(parameter, set(names)) == checked(parameter, names) == ["a", "b", "c", "dd", "e"]


def test_a_default_of_none_makes_none_fit() -> None:
    parameter = parameter_of("limit", default=None, hint=int, text="", node="n")

    assert parameter.type == "int | None"
    assert checked(parameter, None) is None


def test_a_type_of_the_plugin_is_checked_by_the_plugin() -> None:
    parameter = parameter_of("plan", default=Plan.BASIC, hint=Plan, text="Plan", node="n")

    assert (parameter.default, parameter.exact) == ("basic", False)
    assert checked(parameter, "full") == "full"
    assert as_objects({"plan": "full"}, [parameter], {"plan": Plan}) == {"plan": Plan.FULL}
    with pytest.raises(ParameterError):
        checked(parameter, "none of them")


@pytest.mark.parametrize("default", [object(), {1, object()}, lambda: 1])
def test_a_default_that_no_job_can_hold_is_refused(default) -> None:
    with pytest.raises(NodeDefinitionError, match="cannot be written into a job"):
        parameter_of("p", default=default, hint=None, text="", node="n")


@pytest.mark.parametrize(
    "text", ["__import__('os')", "open", "int()", "lambda: 1", "Path.cwd", "int, str", "list[open]"]
)
def test_a_type_expression_names_plain_types_and_runs_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="not a type"):
        type_of(text)


@pytest.mark.parametrize("kind", ["date", "datetime", "list[date]"])
def test_a_date_that_no_calendar_has_is_told_as_what_does_not_fit(kind) -> None:
    with pytest.raises(ParameterError, match="'2013-13-01' is not"):
        checked(Parameter("until", None, kind), "2013-13-01", text=True)
