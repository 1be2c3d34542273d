"""CONFIG: what goes into a root task comes out of it, and what does not fit is told by its key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.compile.config import decode, encode, keys_of
from mlops.errors import ParameterError, SeveralError
from mlops.graph import Graph
from mlops.nodes import Node, Origin
from mlops.parameters import Parameter
from mlops.pipeline import Pipeline
from mlops.registry import Registry
from mlops.resolution import graph_of


def node(name: str, *parameters: Parameter, plugin: str = "kit", open_inputs: bool = False) -> Node:
    return Node(name, Origin(plugin, "1.0", f"kit:{name}"), parameters=parameters, open_inputs=open_inputs)


def graph(*nodes: Node) -> Graph:
    return graph_of(Pipeline("p", nodes=[each.full_name for each in nodes]), Registry(nodes=nodes))


TYPED = [
    Parameter("count", 1, "int"),
    Parameter("share", 0.5, "float"),
    Parameter("dry", False, "bool"),
    Parameter("label", "x", "str"),
    Parameter("depth", None, "int | None"),
    Parameter("title", None, "str | None"),
    Parameter("columns", [], "list[str]"),
    Parameter("weights", {}, "dict[str, float]"),
    Parameter("day", "2026-01-01", "date"),
    Parameter("anything", None, ""),
]
texts = st.text(st.characters(codec="utf-8"), max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
values = st.fixed_dictionaries(
    {
        "count": st.integers(-(2**53), 2**53),
        "share": numbers,
        "dry": st.booleans(),
        "label": texts,
        "depth": st.none() | st.integers(0, 99),
        "title": st.none() | texts,
        "columns": st.lists(texts, max_size=3),
        "weights": st.dictionaries(texts, numbers, max_size=3),
        "day": st.dates().map(str),
        "anything": anything,
    }
)


@given(values)
def test_whatever_goes_into_config_comes_out_of_it_also_after_a_journey_as_json(given_values):
    train = node("train", *TYPED)

    config = encode(graph(train), {"kit:train": given_values})

    assert all(isinstance(value, (str, int, float, bool)) for value in config.values())
    assert decode(train, "train", json.loads(json.dumps(config))) == given_values


def test_a_text_stays_readable_and_a_text_that_could_be_none_is_json():
    config = encode(graph(node("train", *TYPED)), {"kit:train": {"label": "5", "title": "5", "depth": None}})

    assert config == {"train.label": "5", "train.title": '"5"', "train.depth": "null"}


def test_two_nodes_of_one_short_name_have_keys_with_their_distributions():
    ours, theirs = node("train", Parameter("depth", 1, "int")), node("train", Parameter("depth", 1, "int"), plugin="b")

    config = encode(graph(ours, theirs), {"kit:train": {"depth": 2}, "b:train": {"depth": 3}})

    assert config == {"kit:train.depth": 2, "b:train.depth": 3}
    assert decode(theirs, keys_of([ours, theirs])["b:train"], config) == {"depth": 3}


def test_a_parameter_that_config_does_not_name_has_its_default():
    assert decode(node("train", Parameter("depth", 6, "int")), "train", {"split.depth": 2}) == {"depth": 6}


def test_a_node_that_takes_anything_gets_what_config_names():
    assert decode(node("train", open_inputs=True), "train", {"train.depth": 2, "train.name": '"x"'}) == {
        "depth": 2,
        "name": "x",
    }


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("six", "'six' is not JSON, and int is kept as JSON"),
        (6.5, "6.5 is not int"),
        (True, "True is not int"),
        ("[1]", r"\[1\] is not int"),
    ],
)
def test_a_value_that_does_not_fit_names_key_and_type(value, problem):
    with pytest.raises(ParameterError, match=problem) as caught:
        decode(node("train", Parameter("depth", 6, "int")), "train", {"train.depth": value})

    assert caught.value.parameter == "train.depth"


def test_an_unknown_parameter_suggests_the_closest_and_several_problems_are_told_at_once():
    train = node("train", Parameter("max_depth", 6, "int"))

    with pytest.raises(SeveralError) as caught:
        decode(train, "train", {"train.max_dept": 2, "train.max_depth": "deep"})

    assert caught.value.problems[0].hint == "did you mean train.max_depth?"
    assert len(caught.value.problems) == 2


def test_an_infinite_number_is_refused_before_anything_is_written():
    with pytest.raises(ParameterError, match=r"train\.depth.*inf"):
        encode(graph(node("train", Parameter("depth", 1.0, "float"))), {"kit:train": {"depth": float("inf")}})
