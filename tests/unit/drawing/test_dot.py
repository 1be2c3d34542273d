"""Graphviz."""

from __future__ import annotations

import re

from drawing_samples import churn, failed_run, hostile, joined, step, succeeded_run, wide

from mlops.drawing.dot import render

QUOTED = r'"(?:[^"\\\n]|\\.)*"'
ATTRIBUTES = rf"\[(?:[a-z]+=(?:\w+|[\d.]+|{QUOTED}) ?)+\]"
LINE = re.compile(
    rf"digraph {QUOTED} \{{|  (?:graph|node|edge) {ATTRIBUTES};|\s+[nxr]+\d+ {ATTRIBUTES};"
    rf"|  [nxr]+\d+ -> [nxr]+\d+(?: {ATTRIBUTES})?;|  subgraph cluster_final \{{|    (?:[a-z]+=(?:{QUOTED}|\w+) ?)+;| *\}}"
)


def test_a_pipeline_is_a_digraph_with_labelled_edges(golden) -> None:
    golden("churn.dot", render(churn()))


def test_a_run_outlines_each_node_by_its_state(golden) -> None:
    golden("churn-succeeded.dot", render(churn(), succeeded_run()))


def test_a_failed_run_is_told_in_the_title_and_at_its_node(golden) -> None:
    golden("churn-failed.dot", render(churn(), failed_run()))


def test_a_wide_graph_has_a_fill_for_each_plugin_and_its_finalizer_below(golden) -> None:
    golden("wide.dot", render(wide()))


def test_every_line_is_a_statement_also_when_names_are_hostile() -> None:
    for drawing in (
        render(*hostile()),
        render(churn(), failed_run()),
        render(wide()),
        render(churn().part(start=["train_model"])),
    ):
        assert [line for line in drawing.splitlines() if not LINE.fullmatch(line)] == []


def test_a_backslash_of_a_user_is_no_escape_of_graphviz() -> None:
    drawing = render(joined(step("only", version="1\\N"), name="small"))

    assert r"1\\N" in drawing


def test_order_without_data_is_a_dashed_edge() -> None:
    assert "  n0 -> n1 [style=dashed];\n" in render(joined(step("first"), step("second", after=["first"])))
