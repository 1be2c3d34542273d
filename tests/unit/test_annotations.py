"""What annotations say of a function, also where their names are imported for type checkers only."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict

import pytest

from mlops.annotations import resolved, type_names_of_return, type_of_argument

if TYPE_CHECKING:
    import pandas as pd
    import sklearn.base
    from polars import DataFrame as Frame


class Split(TypedDict):
    """Two outputs with types of their own, one of them for type checkers only."""

    train: pd.DataFrame
    count: int


class Tree(dict[str, int]):
    """A type with a base."""


def late() -> pd.DataFrame: ...
def renamed() -> Frame: ...
def nested() -> sklearn.base.BaseEstimator: ...
def plain() -> int: ...
def inherited() -> Tree: ...
def generic() -> list[int]: ...
def several_alike() -> dict[str, pd.DataFrame]: ...
def several() -> Split: ...
def optional() -> pd.DataFrame | None: ...
def either() -> int | str: ...
def anything() -> Any: ...
def nothing() -> None: ...
def silent(): ...
def unknown() -> nowhere.Type: ...  # noqa: F821  a name that nobody imports


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (late, ("pandas.DataFrame",)),
        (renamed, ("polars.DataFrame",)),
        (nested, ("sklearn.base.BaseEstimator",)),
        (plain, ("builtins.int", "builtins.object")),
        (generic, ("builtins.list", "builtins.object")),
        (inherited, (f"{__name__}.Tree", "builtins.dict", "builtins.object")),
    ],
)
def test_one_output_has_the_qualified_names_of_the_returned_type_and_its_bases(function, names) -> None:
    assert type_names_of_return(function, ["table"]) == {"table": names}


@pytest.mark.parametrize("function", [optional, either, anything, nothing, silent, unknown])
def test_a_type_that_only_the_value_can_tell_is_left_out(function) -> None:
    assert type_names_of_return(function, ["table"]) == {}


def test_several_outputs_take_their_types_from_a_typed_dict() -> None:
    assert type_names_of_return(several, ["train", "count", "other"]) == {
        "train": ("pandas.DataFrame",),
        "count": ("builtins.int", "builtins.object"),
    }


def test_several_outputs_take_one_type_from_the_values_of_a_dict() -> None:
    assert type_names_of_return(several_alike, ["train", "test"]) == {
        "train": ("pandas.DataFrame",),
        "test": ("pandas.DataFrame",),
    }


def test_a_node_without_outputs_has_no_types() -> None:
    assert type_names_of_return(plain, []) == {}


@pytest.mark.parametrize(
    ("annotation", "hint", "name"),
    [
        ("pd.DataFrame", None, "pandas.DataFrame"),
        ("sklearn.base.BaseEstimator", None, "sklearn.base.BaseEstimator"),
        ("Decimal", Decimal, "decimal.Decimal"),
        ("pd.DataFrame | None", None, ""),
        ("", None, ""),
    ],
)
def test_an_argument_has_the_name_of_its_type(annotation, hint, name) -> None:
    assert type_of_argument(annotation, hint, late) == name


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        ("int", int),
        ("decimal.Decimal", decimal.Decimal),
        ("list[int]", list[int]),
        ("Optional[int]", int | None),
        ("pd.DataFrame", None),
        ("not an expression", None),
        ("1 / 0", None),
        (bytes, bytes),
    ],
)
def test_an_annotation_is_read_where_the_function_was_written_and_unknown_where_it_cannot_be(annotation, found) -> None:
    assert resolved(annotation, late) == found
