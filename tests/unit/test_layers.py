"""Parameter values from several places, and what they settle to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.errors import ParameterError, SeveralError
from mlops.layers import Layer, of_pipeline, settle
from mlops.layers import given as given_by
from mlops.nodes import Node, Origin
from mlops.parameters import Parameter

ORIGIN = Origin("kit", "1.0", "kit:f")
NODES = (
    Node("first", ORIGIN, parameters=(Parameter("depth", 1, "int"), Parameter("title", "a", "str"))),
    Node("second", ORIGIN, parameters=(Parameter("depth", 2, "int"),)),
    Node("third", ORIGIN),
)


def layer(values: dict[str, object], *, texts: bool = False, source: str = "pipeline 'p'") -> Layer:
    return Layer(source, values, texts=texts)


def test_without_layers_every_parameter_has_its_default() -> None:
    assert settle(NODES, []) == {"kit:first": {"depth": 1, "title": "a"}, "kit:second": {"depth": 2}, "kit:third": {}}


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=5))
def test_the_last_layer_wins(depths: list[int]) -> None:
    settled = settle(NODES, [layer({"depth": depth}) for depth in depths])

    assert settled["kit:first"]["depth"] == settled["kit:second"]["depth"] == depths[-1]


@given(
    st.dictionaries(st.sampled_from(["depth", "first.depth", "second.depth", "kit:second.depth"]), st.integers(3, 100))
)
def test_in_one_layer_the_more_exact_name_wins_in_whatever_order(values: dict[str, object]) -> None:
    forwards, backwards = (settle(NODES, [layer(dict(order))]) for order in (values.items(), reversed(values.items())))

    assert forwards["kit:first"]["depth"] == values.get("first.depth", values.get("depth", 1))
    if "kit:second.depth" not in values or "second.depth" not in values:
        exact = values.get("kit:second.depth", values.get("second.depth", values.get("depth", 2)))
        assert forwards["kit:second"]["depth"] == exact
        assert forwards == backwards


@given(st.integers(-100, 100))
def test_words_of_the_command_line_are_read_by_the_type_of_the_parameter(number: int) -> None:
    settled = settle(NODES, [layer({"depth": str(number), "title": str(number)}, texts=True)])

    assert settled["kit:first"] == {"depth": number, "title": str(number)}


def test_what_a_target_says_for_nodes_of_other_pipelines_is_left_out_and_a_slip_stays() -> None:
    shared = layer({"depth": 3, "title": "b", "second.depth": 4, "dept": 5}, source="target 'dev'")

    own = of_pipeline(shared, NODES[1:], NODES)

    assert own.values == {"depth": 3, "second.depth": 4, "dept": 5}
    with pytest.raises(ParameterError, match="dept"):
        settle(NODES[1:], [own])


def test_a_parameter_that_no_node_has_is_told_with_the_closest_name_and_where_it_stands() -> None:
    with pytest.raises(ParameterError) as caught:
        settle(NODES, [layer({"dept": 3}, source="target 'dev'")])

    assert caught.value.parameter == "dept"
    assert "target 'dev'" in str(caught.value)
    assert "'depth'" in str(caught.value.hint)


def test_every_problem_of_every_layer_is_told_at_once() -> None:
    with pytest.raises(SeveralError) as caught:
        settle(NODES, [layer({"depth": "x"}), layer({"titel": "b"}, texts=True)])

    assert len(caught.value.problems) == 3
    assert {getattr(problem, "parameter", None) for problem in caught.value.problems} == {"depth", "titel"}


def test_a_node_that_takes_any_input_takes_a_name_that_no_other_node_has() -> None:
    open_node = Node("legacy", ORIGIN, open_inputs=True)

    settled = settle([*NODES, open_node], [layer({"depth": 5, "anything": "7"}, texts=True)])

    assert settled["kit:legacy"] == {"anything": 7}
    assert settled["kit:first"]["depth"] == 5


def test_what_one_layer_gives_holds_no_defaults() -> None:
    assert given_by(NODES, layer({"second.depth": 4})) == {"kit:second": {"depth": 4}}
