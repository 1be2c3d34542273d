"""Rails beside a list of nodes."""

from __future__ import annotations

from mlops.drawing.rails import tracks


def drawn(children: dict[str, list[str]]) -> list[str]:
    """Return the lines of the rails of nodes whose names are their marks."""
    return [
        line
        for track in tracks(list(children), children, {name: name for name in children})
        for line in (track.head, track.branch)
    ]


def test_a_chain_is_one_straight_rail() -> None:
    assert drawn({"a": ["b"], "b": ["c"], "c": []}) == ["a", "│", "b", "│", "c", ""]


def test_two_readers_have_a_rail_each_and_meet_at_the_node_that_reads_both() -> None:
    assert drawn({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) == [
        "a",
        "├─╮",
        "b │",
        "│ │",
        "│ c",
        "├─╯",
        "d",
        "",
    ]


def test_a_rail_that_passes_behind_another_leaves_it_unbroken() -> None:
    assert drawn({"a": ["d"], "b": ["e"], "c": ["d"], "d": [], "e": []}) == [
        "a",
        "│",
        "│ b",
        "│ │",
        "│ │ c",
        "├─│─╯",
        "d │",
        "  │",
        "  e",
        "",
    ]


def test_readers_of_one_node_tap_its_rail_and_the_last_ends_it() -> None:
    assert drawn({"a": ["b", "c", "d"], "b": [], "c": [], "d": []}) == ["a", "│", "├─b", "│", "├─c", "│", "d", ""]


def test_a_column_that_has_become_free_is_used_again() -> None:
    assert drawn({"a": ["b"], "b": [], "c": ["d"], "d": []}) == ["a", "│", "b", "", "c", "│", "d", ""]
