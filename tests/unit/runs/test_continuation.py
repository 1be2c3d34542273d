"""A run that is continued keeps the parameters that it was given, as far as they still mean something."""

from __future__ import annotations

import pytest

from mlops.errors import ParameterError
from mlops.nodes import Node, Origin
from mlops.parameters import Parameter
from mlops.runs.continuation import kept, merged
from mlops.runs.outcome import RunInfo

ORIGIN = Origin("team", "1", "team:train")
TRAIN = Node("train", ORIGIN, parameters=(Parameter("depth", 3, "int"), Parameter("source", {}, "dict[str, str]")))


def run(**given: object) -> RunInfo:
    return RunInfo("r1", "churn", "data/r1", 1.0, given={"team:train": given})


def test_what_was_given_is_kept_unless_it_is_given_anew():
    before = run(depth=5, source={"a": "b"})

    assert kept(before, [TRAIN], {}) == {"team:train": {"depth": 5, "source": {"a": "b"}}}
    assert kept(before, [TRAIN], {"team:train": {"depth": 7}}) == {"team:train": {"source": {"a": "b"}}}


def test_a_parameter_or_node_that_is_gone_is_left_out_and_a_node_that_takes_any_keeps_all():
    assert kept(run(width=5), [TRAIN], {}) == {}
    assert kept(run(width=5), [], {}) == {}
    assert kept(run(width=5), [Node("train", ORIGIN, open_inputs=True)], {}) == {"team:train": {"width": 5}}


@pytest.mark.parametrize("source", ["***", {"api_key": "***"}, [{"token": "***"}]])
def test_a_credential_has_to_be_given_again_since_no_record_holds_it(source):
    with pytest.raises(ParameterError, match="no record holds a credential") as caught:
        kept(run(source=source), [TRAIN], {})

    assert caught.value.hint == "give it again: --param train.source=…"
    assert kept(run(source=source), [TRAIN], {"team:train": {"source": "s"}}) == {}


def test_of_two_values_the_later_one_holds():
    assert merged({"a": {"x": 1, "y": 1}}, {"a": {"x": 2}, "b": {"z": 3}}) == {"a": {"x": 2, "y": 1}, "b": {"z": 3}}
