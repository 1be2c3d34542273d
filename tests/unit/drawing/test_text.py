"""Text for a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from drawing_samples import churn, ended, failed_run, hostile, joined, run_of, step, succeeded_run, wide

from mlops.drawing.text import WIDTH, render
from mlops.runs.outcome import State


def block(drawing: str, node: str) -> str:
    """Return the lines of one node, rails included."""
    lines = drawing.splitlines()
    start = next(at for at, line in enumerate(lines) if f"  {node}  " in line)
    end = next(at for at in range(start, len(lines)) if not lines[at].strip(" │"))
    return "\n".join(lines[start:end])


def test_a_pipeline_is_drawn_with_rails_parameters_and_notes(golden) -> None:
    golden("churn.txt", render(churn()))


def test_a_run_is_drawn_with_states_durations_sizes_and_metrics(golden) -> None:
    golden("churn-succeeded.txt", render(churn(), succeeded_run()))


def test_a_failed_run_is_drawn_with_its_error_and_hint(golden) -> None:
    golden("churn-failed.txt", render(churn(), failed_run()))


def test_forty_nodes_of_four_plugins_are_joined_by_rails(golden) -> None:
    golden("wide.txt", render(wide()))


@pytest.mark.parametrize("count", [8, 40, 200])
def test_no_line_is_wider_than_the_drawing(count: int) -> None:
    assert max(map(len, render(wide(count)).splitlines())) <= WIDTH


def test_a_reader_stands_below_every_writer_it_reads() -> None:
    drawing = render(wide())
    places = {
        line.split()[-3]: at for at, line in enumerate(drawing.splitlines()) if " acme-" in line and "from" not in line
    }

    graph = wide()

    for edge in graph.edges:
        source, target = (name.partition(":")[2] for name in (edge.source, edge.target))
        assert places[source] < places[target]


def test_where_rails_would_be_too_many_each_input_names_its_writer() -> None:
    drawing = render(wide(200))

    assert "reads    source_0 ← check_source_0" in drawing


def test_a_node_that_feeds_many_takes_one_rail() -> None:
    readers = [step(f"reader_{at}", ["data"], [f"out_{at}"]) for at in range(30)]

    drawing = render(joined(step("writer", [], ["data"]), *readers))

    assert "├─●  reader_3 " in drawing
    assert "●    reader_29 " in drawing


def test_a_node_that_many_feed_takes_one_rail() -> None:
    writers = [step(f"writer_{at}", [], [f"data_{at}"]) for at in range(30)]

    drawing = render(joined(*writers, step("reader", [f"data_{at}" for at in range(30)])))

    assert max(line.count("│") for line in drawing.splitlines()) <= 2


def test_order_without_data_is_told_apart_from_reading() -> None:
    drawing = render(joined(step("first", [], ["data"]), step("second", [], [], after=["first"])))

    assert "after    first" in block(drawing, "second")
    assert "reads" not in block(drawing, "second")


def test_the_finalizer_stands_at_the_end_under_a_line_of_its_own() -> None:
    drawing = render(joined(step("work", [], ["data"]), step("tell", ["data"], []), finalizer="tell"))

    before, _, after = drawing.partition("──── at the end, whatever happened ────")
    assert "work" in before
    assert "◆" in after
    assert "reads    data ← work" in after


def test_without_a_run_a_parameter_shows_its_type_and_what_the_pipeline_sets() -> None:
    assert "max_depth: int = 8" in block(render(churn()), "train_model")


def test_with_a_run_a_parameter_shows_what_it_was_in_that_run() -> None:
    assert "learning_rate=0.05" in block(render(churn(), failed_run()), "train_model")


def test_datasets_from_outside_a_part_are_named() -> None:
    drawing = render(churn().part(start=["train_model"]))

    assert "reads    train (from outside)" in drawing
    assert "note: read from outside this part of the pipeline: test, train" in drawing


def test_nodes_that_the_run_did_not_have_are_noted() -> None:
    graph = joined(step("old", [], []), step("new", [], []))
    outcome = run_of(
        graph, ended("mlops-churn:old", State.SUCCEEDED, 0, 1), ended("mlops-churn:gone", State.SUCCEEDED, 1, 2)
    )

    drawing = render(graph, outcome)

    assert "note: in the run, no longer in the pipeline: mlops-churn:gone" in drawing
    assert "note: in the pipeline, not in this run: new" in drawing
    assert block(drawing, "new").startswith("○")


def test_a_plugin_that_changed_since_the_run_is_noted() -> None:
    graph = joined(step("train", [], [], version="1.3.0"))

    drawing = render(graph, run_of(graph, ended("mlops-churn:train", State.SUCCEEDED, 0, 1)))

    assert "another version than in the run: mlops-churn (ran 1.2.0, now 1.3.0)" in drawing


def test_no_text_of_a_user_steers_the_terminal() -> None:
    drawing = render(*hostile())

    assert {unicodedata.category(char) for char in drawing.replace("\n", "")}.isdisjoint({"Cc", "Cf", "Zl", "Zp"})


def test_a_pipeline_without_description_or_schedule_has_a_title_of_its_name_and_size() -> None:
    assert render(joined(step("only", [], []), name="small")).startswith("small: 1 node\nfrom mlops-churn 1.2.0\n\n")
