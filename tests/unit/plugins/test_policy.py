"""Which plugins may be imported at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.plugins.policy import Policy

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}([-_.][a-z0-9]{1,4}){0,2}", fullmatch=True)


@given(NAMES)
def test_without_lists_every_plugin_may_be_imported(name: str) -> None:
    assert Policy().allows(name)


@given(NAMES)
def test_an_empty_allow_list_allows_none(name: str) -> None:
    assert Policy(allow=()).why_not(name) == "it is not on the allow list"


@given(NAMES)
def test_the_block_list_wins_over_the_allow_list(name: str) -> None:
    assert Policy(allow=(name,), block=(name,)).why_not(name) == "it is on the block list"


@given(NAMES)
def test_names_are_compared_as_package_indexes_do(name: str) -> None:
    spelt = name.upper().replace("-", "_").replace(".", "--")

    assert Policy(allow=(spelt,)).allows(name)
    assert not Policy(block=(spelt,)).allows(name)


@pytest.mark.parametrize(
    ("entry", "name", "allowed"),
    [
        ("team-*", "team-churn", True),
        ("team-*", "team_churn", True),
        ("team-*", "teams", False),
        ("*", "anything", True),
        ("churn", "churn-extra", False),
        ("team-?", "team-1", True),
    ],
)
def test_a_star_stands_for_any_text(entry: str, name: str, allowed: bool) -> None:
    assert Policy(allow=(entry,)).allows(name) is allowed
    assert Policy(block=(entry,)).allows(name) is not allowed
