"""Graphs: order from names of datasets, and everything that is wrong in one message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.errors import PipelineError
from mlops.nodes import Node, Origin
from mlops.pipeline import Pipeline
from mlops.registry import Registry
from mlops.resolution import graph_of


def node(name: str, *, reads=(), writes=(), after=(), plugin="kit", types=None) -> Node:
    return Node(
        name,
        Origin(plugin, "1.0", f"kit:{name}"),
        inputs={dataset: dataset for dataset in reads},
        outputs=tuple(writes),
        output_types=types or {},
        after=tuple(after),
    )


def graph(*nodes: Node, **options):
    storable = options.pop("storable", None)
    writers = options.pop("writers", None)
    pipeline = Pipeline("p", nodes=[each.full_name for each in nodes], distribution="kit", **options)
    return graph_of(pipeline, Registry(nodes=nodes), writers=writers, storable=storable)


@st.composite
def acyclic(draw) -> list[Node]:
    count = draw(st.integers(1, 25))
    nodes = []
    for index in range(count):
        reads = draw(st.sets(st.integers(0, index - 1), max_size=4)) if index else set()
        after = draw(st.sets(st.integers(0, index - 1), max_size=2)) if index else set()
        nodes.append(
            node(
                f"n{index}",
                reads=[f"d{each}" for each in reads],
                writes=[f"d{index}"],
                after=[f"n{each}" for each in after],
            )
        )
    return draw(st.permutations(nodes))


@given(acyclic())
def test_whatever_the_order_in_a_pipeline_a_node_comes_after_all_it_waits_for(nodes):
    found = graph(*nodes)

    place = {each.full_name: index for index, each in enumerate(found.nodes)}
    assert sorted(place) == sorted(each.full_name for each in nodes)
    for each in nodes:
        waits = [found.producers[dataset] for dataset in each.datasets] + [f"kit:{name}" for name in each.after]
        assert all(place[other] < place[each.full_name] for other in waits)
        assert set(found.parents(each.full_name)) == set(waits)
        assert found.ancestors(each.full_name) == {
            other for other in place if each.full_name in found.descendants(other)
        }
    levels = [{each.full_name for each in level} for level in found.levels()]
    assert sum(map(len, levels)) == len(nodes)
    assert all(not (set(found.parents(name)) & level) for level in levels for name in level)


@given(acyclic(), st.data())
def test_one_edge_back_is_a_cycle_that_is_shown_from_node_to_node(nodes, data):
    whole = graph(*nodes)
    first = data.draw(st.sampled_from([each.full_name for each in nodes]))
    last = data.draw(st.sampled_from(sorted({first} | whole.descendants(first))))
    circle = Pipeline("p", nodes=[each.full_name for each in nodes], after={first: [last]}, distribution="kit")

    with pytest.raises(PipelineError) as caught:
        graph_of(circle, Registry(nodes=tuple(nodes)))

    (problem,) = caught.value.problems
    shown = problem.message.partition(": ")[2].split("--> ")
    names = [part.split(" ")[0] for part in shown]
    assert names[0] == names[-1]
    assert {first.partition(":")[2], last.partition(":")[2]} <= set(names)


def test_all_problems_of_a_pipeline_are_one_message():
    nodes = (
        node("prepare", writes=["features"]),
        node("train", reads=["featurs"], writes=["model"]),
        node("again", writes=["model"], plugin="other"),
        node("draw", writes=["axes"], types={"axes": ("kit.Axes",)}),
        node("late", after=["trian"]),
    )

    with pytest.raises(PipelineError) as caught:
        graph(*nodes, storable=lambda names, storage: None if names == ("kit.Axes",) else "json")

    text = str(caught.value)
    assert len(caught.value.problems) == 4
    assert "did you mean 'features' (written by 'prepare', which nobody reads)" in text
    assert "kit:train (kit 1.0) and other:again (other 1.0)" in text
    assert '[tool.mlops.pipelines.p.writers] model = "kit:train"' in text
    assert "writes 'axes' as kit.Axes, which no serializer stores" in text
    assert "did you mean 'train'?" in text


def test_the_configuration_chooses_among_two_writers():
    nodes = (
        node("train", writes=["model"]),
        node("again", writes=["model"], plugin="other"),
        node("use", reads=["model"]),
    )

    found = graph(*nodes, writers={"model": "other:again"})

    assert [each.full_name for each in found.nodes] == ["other:again", "kit:use"]


def test_a_part_reads_from_outside_what_it_does_not_write():
    found = graph(node("a", writes=["x"]), node("b", reads=["x"], writes=["y"]), node("c", reads=["y"]))

    assert [each.name for each in found.part(start=["b"]).nodes] == ["b", "c"]
    assert found.part(start=["b"]).external == ("x",)
    assert [each.name for each in found.part(end=["b"]).nodes] == ["a", "b"]
    assert [each.name for each in found.part(only=["c"]).nodes] == ["c"]


def test_the_finalizer_is_last_and_nobody_may_wait_for_it():
    found = graph(node("end", writes=["report"]), node("a", writes=["x"]), finalizer="end")

    assert [each.name for each in found.nodes] == ["a", "end"]
    with pytest.raises(PipelineError, match="which is the finalizer and runs last"):
        graph(node("end", writes=["report"]), node("a", reads=["report"]), finalizer="end")
