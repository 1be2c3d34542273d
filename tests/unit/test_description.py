"""A function read into the node that it is."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops import Node, node
from mlops.description import describe, source_of
from mlops.errors import NodeDefinitionError
from mlops.nodes import RESERVED, Origin

if TYPE_CHECKING:
    import pandas as pd

ORIGIN = Origin("mlops-churn", "1.2", "mlops_churn.nodes:train_model")

THING = object()


async def later(a=1): ...


async def one_by_one_later():
    yield 1


def one_by_one():
    yield 1


class Later:
    async def __call__(self): ...


def added(first, second=2):
    """Add."""
    return first + second


def described(function: Any, **words: Any) -> Node:
    return describe(function, ORIGIN, **words)


def wrong(function: Any, **words: Any) -> NodeDefinitionError:
    with pytest.raises(NodeDefinitionError) as caught:
        described(function, **words)
    return caught.value


def test_arguments_without_a_default_are_datasets_and_those_with_one_are_parameters() -> None:
    @node(outputs=["model"])
    def train(features: pd.DataFrame, labels, *, depth: int = 6, feature_store=None, context=None):
        """Fit a model.

        More that a listing does not show.
        """

    found = described(train)

    assert found.full_name == "mlops-churn:train"
    assert found.inputs == {"features": "features", "labels": "labels"}
    assert found.input_types == {"features": "pandas.DataFrame"}
    assert [(one.name, one.type, one.default) for one in found.parameters] == [("depth", "int", 6)]
    assert found.services == ("feature_store",)
    assert found.arguments == ("features", "labels", "depth", "feature_store", "context")
    assert found.description == "Fit a model."
    assert not found.open_inputs


def test_the_four_argument_contract_needs_no_mark() -> None:
    def legacy(feature_store, model_registry, inputs, outputs): ...

    found = described(legacy)

    assert found.services == ("feature_store", "model_registry")
    assert found.open_inputs
    assert (found.inputs, found.parameters, found.outputs) == ({}, (), ())


def test_the_mapping_inputs_holds_the_datasets_and_parameters_that_were_declared() -> None:
    @node(inputs=["train"], outputs=["card"], params={"max_depth": 6})
    def legacy(feature_store, model_registry, inputs, outputs): ...

    found = described(legacy)

    assert found.inputs == {"train": "train"}
    assert [(one.name, one.default) for one in found.parameters] == [("max_depth", 6)]
    assert not found.open_inputs


def test_an_argument_may_have_another_name_than_its_dataset() -> None:
    @node(inputs={"left": "customers", "right": "orders"}, outputs=["joined"])
    def join(left, right): ...

    assert described(join).inputs == {"left": "customers", "right": "orders"}


def test_a_wrapped_function_is_read_through_its_wrapper() -> None:
    def logged(function):
        @functools.wraps(function)
        def wrapper(*words, **more):
            return function(*words, **more)

        return wrapper

    @node(outputs=["total"])
    @logged
    def add(first: int, *, extra: int = 1) -> int:
        return first + extra

    found = described(add)

    assert found.inputs == {"first": "first"}
    assert found.output_types == {"total": ("builtins.int", "builtins.object")}


@given(st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(lambda name: name not in RESERVED), unique=True))
def test_every_argument_is_either_a_dataset_or_a_parameter(names: list[str]) -> None:
    import keyword

    names = [name for name in names if not keyword.iskeyword(name)]
    scope: dict[str, Any] = {}
    datasets, parameters = names[: len(names) // 2], names[len(names) // 2 :]
    words = ", ".join([*datasets, "*", *(f"{name}=1" for name in parameters)] if parameters else datasets)
    exec(f"def made({words}): ...", scope)

    found = described(scope["made"])

    assert list(found.inputs) == datasets
    assert [one.name for one in found.parameters] == parameters


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (node(outputs=["a", "a"])(lambda: 1), "twice"),
        (node(outputs=["a"])(lambda a: 1), "reads and writes 'a'"),
        (node(outputs=["not a name"])(lambda: 1), "'not a name' is not a name"),
        (node(inputs=["b"])(lambda a: 1), "no argument of that name"),
        (node(inputs={"b": "c"})(lambda a: 1), "which the function does not have"),
        (node(params={"b": 1})(lambda a: 1), "the mapping 'inputs'"),
        (node(timeout=0)(lambda: 1), "timeout must be more than 0"),
        (node(retries=101)(lambda: 1), "retries must be 0 to 100"),
        (node(outputs=["a"], storage={"b": "table"})(lambda: 1), "does not write"),
        (node(outputs=["a"], storage="cloud")(lambda: 1), "storage of 'a' is 'cloud'"),
        (lambda *datasets: 1, "*datasets has no name"),
        (lambda **datasets: 1, "**datasets has no name"),
        (eval("lambda a, /: 1"), "positional-only"),
        (lambda depth=THING: 1, "cannot be written into a job"),
        (later, "an async function"),
        (functools.partial(later, 1), "an async function"),
        (node(outputs=["a"])(Later()), "an async function"),
        (one_by_one_later, "an async function"),
        (one_by_one, "a generator function"),
        (node(outputs=["a"])(Later), "it is the class Later"),
    ],
)
def test_what_cannot_be_is_told_with_the_name_of_the_node(function, told) -> None:
    caught = wrong(function, name="train")

    assert caught.node == "train"
    assert told in str(caught)


def test_an_async_function_that_a_decorator_runs_is_a_node() -> None:
    @functools.wraps(later)
    def run(a=1):
        return asyncio.run(later(a))

    assert [one.name for one in described(run).parameters] == ["a"]


def test_a_partial_is_told_by_the_function_it_calls() -> None:
    assert described(functools.partial(added, second=3), name="add").description == "Add."


def test_a_default_that_does_not_fit_its_hint_is_told() -> None:
    def train(*, depth: int = "six"): ...  # type: ignore[assignment]

    assert "the default of 'depth' does not fit" in str(wrong(train))


def test_a_thing_that_is_no_function_is_told() -> None:
    assert "is int, not a function" in str(wrong(3, name="three"))


@pytest.mark.parametrize("name", ["", "1st", "with space", "ä b", "x" * 129])
def test_a_node_must_have_a_name_that_a_task_can_have(name: str) -> None:
    assert "is not a name" in str(wrong(lambda: 1, name=name or "-"))


def test_the_source_of_a_function_is_how_an_entry_point_names_it() -> None:
    assert source_of(describe) == "mlops.description:describe"
    assert source_of(functools.partial(describe)) == "functools:partial"


def test_a_docstring_without_line_ends_is_cut():
    def talkative() -> int:
        return 1

    talkative.__doc__ = "x" * 5000

    assert len(describe(talkative, ORIGIN).description) == 1000
