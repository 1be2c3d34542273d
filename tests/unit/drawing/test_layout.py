"""Rows, order and places of a layered drawing."""

from __future__ import annotations

import time
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.drawing.layers import LAST, Box, Link, layers_of
from mlops.drawing.layout import Layout, lay_out


def boxes(*keys: str) -> list[Box]:
    return [Box(key, 100, 40) for key in keys]


def links(*pairs: str) -> list[Link]:
    return [Link(pair[0], pair[1]) for pair in pairs]


def rows_of(layout: Layout, keys: str) -> list[int]:
    """Return the row of each box, counted from the top."""
    heights = sorted({y for _, y in layout.places.values()})
    return [heights.index(layout.places[key][1]) for key in keys]


@st.composite
def drawings(draw: st.DrawFn) -> tuple[list[Box], list[Link]]:
    count = draw(st.integers(1, 24))
    sizes = st.floats(10, 200)
    made = [Box(str(at), draw(sizes), draw(sizes)) for at in range(count)]
    ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    pairs = draw(st.lists(ends, max_size=40, unique=True)) if count > 1 else []
    return made, [Link(str(source), str(target), draw(st.integers(1, 2))) for source, target in pairs]


@given(drawings())
@settings(deadline=None, max_examples=150)
def test_every_link_leads_down_through_one_place_in_each_row(drawing: tuple[list[Box], list[Link]]) -> None:
    made, joined = drawing
    layers = layers_of(made, joined)
    row = {item: at for at, items in enumerate(layers.rows) for item in items}

    for link, chain in zip(joined, layers.chains, strict=True):
        assert row[int(link.target)] - row[int(link.source)] >= 1
        assert all(row[lower] - row[upper] == 1 for upper, lower in pairwise(chain))


@given(drawings())
@settings(deadline=None, max_examples=150)
def test_no_two_boxes_overlap_and_all_are_inside_the_drawing(drawing: tuple[list[Box], list[Link]]) -> None:
    made, joined = drawing
    layout = lay_out(made, joined)

    for at, one in enumerate(made):
        x, y = layout.places[one.key]
        assert one.width / 2 <= x <= layout.width - one.width / 2
        assert one.height / 2 <= y <= layout.height - one.height / 2
        for other in made[at + 1 :]:
            to_x, to_y = layout.places[other.key]
            beside = abs(x - to_x) - (one.width + other.width) / 2
            above = abs(y - to_y) - (one.height + other.height) / 2
            assert max(beside, above) > 1


@given(drawings())
@settings(deadline=None, max_examples=100)
def test_a_drawing_does_not_depend_on_anything_but_its_input(drawing: tuple[list[Box], list[Link]]) -> None:
    assert lay_out(*drawing) == lay_out(*drawing)


def test_lines_that_need_not_cross_do_not() -> None:
    layout = lay_out(boxes(*"abcxyz"), links("az", "by", "cx"))

    order = sorted("abc", key=lambda key: layout.places[key])
    below = sorted("xyz", key=lambda key: layout.places[key])
    assert [{"a": "z", "b": "y", "c": "x"}[key] for key in order] == below


def test_a_chain_is_a_straight_line() -> None:
    layout = lay_out(boxes(*"abcd"), links("ab", "bc", "cd"))

    assert len({x for x, _ in layout.places.values()}) == 1
    assert rows_of(layout, "abcd") == [0, 1, 2, 3]


def test_a_long_line_goes_around_the_boxes_it_passes() -> None:
    layout = lay_out(boxes(*"abc"), links("ab", "bc", "ac"))

    long = layout.routes[2].points
    x, y = layout.places["b"]
    beside = [point for point in long if abs(point[1] - y) <= 20]
    assert len(beside) == 2
    assert all(abs(point[0] - x) > 50 for point in beside)


def test_a_box_that_stands_last_is_below_all_others() -> None:
    layout = lay_out([*boxes(*"ab"), Box("z", 100, 40, floor=LAST)], links("ab"))

    assert rows_of(layout, "abz") == [0, 1, 2]


def test_a_source_stands_close_to_what_reads_it() -> None:
    layout = lay_out(boxes(*"abcs"), links("ab", "bc", "sc"))

    assert rows_of(layout, "abcs") == [0, 1, 2, 1]


def test_a_drawing_that_is_too_tall_for_its_frame_leads_to_the_right() -> None:
    wide = [Box(f"b{at}", 150, 40) for at in range(12)]
    star = [Link("b0", f"b{at}") for at in range(1, 12)]

    assert lay_out(wide, star).down is False
    assert lay_out(wide[:3], star[:2]).down is True


def test_lines_far_too_long_are_drawn_without_bends_in_time() -> None:
    many = [Box(f"b{at}", 100, 40) for at in range(1000)]
    chain = [Link(f"b{at}", f"b{at + 1}") for at in range(999)]
    jumps = [Link(f"b{at}", f"b{at + 500}") for at in range(0, 500, 5)]

    started = time.perf_counter()
    layout = lay_out(many, [*chain, *jumps])

    assert time.perf_counter() - started < 10
    assert min(len(route.points) for route in layout.routes[999:]) == 2
