"""Mermaid flowcharts."""

from __future__ import annotations

import re

from drawing_samples import churn, failed_run, hostile, joined, step, succeeded_run, wide

from mlops.drawing.mermaid import render

LINE = re.compile(
    r"""---|title:\ (\w+|"[\w ,.#;-]+")|flowchart\ TB
    |\s+[nx]\d+(\[".*"\]|\(\[".*"\]\))
    |\s+[nx]\d+\ (-->(\|"[^"|]*"\|)?|-\.->|~~~)\ n\d+
    |\s+n\d+\ ---\ rn\d+\("[^"]*"\):::result
    |\s+subgraph\ final\["[\w ,]+"\]|\s+end
    |\s+class\ n\d+\ \w+
    |\s+classDef\ \w+\ [\w#:, -]+""",
    re.VERBOSE,
)


def test_a_pipeline_is_a_flowchart_with_labelled_arrows(golden) -> None:
    golden("churn.mmd", render(churn()))


def test_a_run_gives_each_node_the_class_of_its_state(golden) -> None:
    golden("churn-succeeded.mmd", render(churn(), succeeded_run()))


def test_a_failed_run_is_told_in_the_title_and_at_its_node(golden) -> None:
    golden("churn-failed.mmd", render(churn(), failed_run()))


def test_a_wide_graph_has_a_fill_for_each_plugin_and_its_finalizer_below(golden) -> None:
    golden("wide.mmd", render(wide()))


def test_every_line_is_a_statement_also_when_names_are_hostile() -> None:
    for drawing in (
        render(*hostile()),
        render(churn(), failed_run()),
        render(wide()),
        render(churn().part(start=["train_model"])),
    ):
        assert [line for line in drawing.splitlines() if not LINE.fullmatch(line)] == []


def test_nothing_a_user_wrote_is_markup_or_ends_a_label() -> None:
    labels = re.findall(r'\["(.*?)"\]', render(*hostile()))

    assert len(labels) == 2
    assert all(set(label.replace("<br/>", "")).isdisjoint("<>\"'`[]{}|&$\\") for label in labels)


def test_order_without_data_is_a_dotted_arrow() -> None:
    assert "    n0 -.-> n1\n" in render(joined(step("first"), step("second", after=["first"])))


def test_a_dataset_from_outside_has_an_arrow_to_each_of_its_readers() -> None:
    drawing = render(churn().part(only=["evaluate_model"]))

    assert 'x0(["model<br/>from outside"])' in drawing
    assert "x0 --> n0" in drawing
