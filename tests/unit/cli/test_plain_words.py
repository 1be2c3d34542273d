"""Which words are understood without a parser, and that they mean what click makes of them."""

from __future__ import annotations

import pytest

from mlops.cli.plain_words import plain


@pytest.mark.parametrize(
    "words",
    [
        ["run-node", "train"],
        ["run-node", "mlops-churn:train_model"],
        ["run-node", "--task", "train"],
        ["run-node", "--task", "train", "--task", "evaluate"],
    ],
)
def test_the_words_of_containers_need_no_parser(words: list[str]) -> None:
    assert plain(words) is not None


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["run-node"],
        ["run-node", ""],
        ["run-node", "--help"],
        ["run-node", "-h"],
        ["run-node", "--task"],
        ["run-node", "--task", "--json"],
        ["run-node", "--task", "train", "evaluate"],
        ["run-node", "--task=train"],
        ["run-node", "train", "--json"],
        ["run-node", "train", "evaluate"],
        ["run-node", "--json", "train"],
        ["run", "churn"],
    ],
)
def test_every_other_line_is_for_click(words: list[str]) -> None:
    assert plain(words) is None
