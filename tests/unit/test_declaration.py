"""What ``@node`` keeps, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlops import Partitions, Resources, Retries, node
from mlops.declaration import Declaration, declaration_of, node_name
from mlops.errors import NodeDefinitionError


def test_a_marked_function_is_the_function_itself() -> None:
    def add(first: int, second: int = 2) -> int:
        return first + second

    assert node(add) is add
    assert node(outputs=["sum"])(add) is add
    assert add(1) == 3


def test_what_was_told_is_kept_as_values() -> None:
    @node(outputs=["a"], timeout=90, retries=3, partitions=4, after=["earlier"], resources=Resources(cpu=2))
    def make() -> int:
        return 1

    kept = declaration_of(make)

    assert kept.timeout == timedelta(seconds=90)
    assert kept.retries == Retries(count=3)
    assert kept.partitions == Partitions(4)
    assert (kept.outputs, kept.after, kept.resources.cpu) == (("a",), ("earlier",), 2)


def test_a_function_without_a_mark_has_declared_nothing() -> None:
    assert declaration_of(lambda: 1) == Declaration()


def test_a_node_is_named_by_the_author_or_else_by_its_function() -> None:
    class Callable:
        def __call__(self) -> int:
            return 1

    def make() -> int:
        return 1

    assert node_name(make) == "make"
    assert node_name(node(name="other")(make)) == "other"
    assert node_name(Callable()) == "Callable"


@pytest.mark.parametrize("words", [{"outputs": "customers"}, {"inputs": "customers"}, {"after": "customers"}])
def test_a_single_name_where_a_list_belongs_is_told_with_the_mend(words) -> None:
    with pytest.raises(NodeDefinitionError) as caught:
        node(name="train", **words)(lambda: 1)

    assert caught.value.node == "train"
    assert '["customers"]' in str(caught.value.hint)


@pytest.mark.parametrize(
    "words", [{"cpu": 0}, {"cpu": -1}, {"memory": "2GB"}, {"memory": "0Gi"}, {"gpu": -1}, {"gpu": 0.5}]
)
def test_resources_that_no_container_can_have_are_refused(words) -> None:
    with pytest.raises(ValueError, match=next(iter(words))):
        Resources(**words)


def test_retries_wait_longer_each_time_and_the_first_attempt_not_at_all() -> None:
    retries = Retries(count=3, delay=timedelta(seconds=2), backoff=3)

    assert [retries.wait_before(attempt).total_seconds() for attempt in (1, 2, 3, 4)] == [0, 2, 6, 18]
