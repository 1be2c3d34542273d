"""The order in which tasks are written."""

from mlops.deploy.levels import levels_of, written_above

from .graphs import OLD, task


def test_each_task_is_in_a_level_after_those_it_comes_after_and_the_finalizer_is_last():
    levels = [[one.name.removeprefix("CHURN$") for one in level] for level in levels_of(OLD.tasks)]

    assert levels[:4] == [["CHURN"], ["CLEAN", "JOIN"], ["FEATURES"], ["SPLIT", "PROFILE"]]
    assert levels[-1] == ["REPORT"]


def test_a_task_waits_for_what_is_written_above_it_over_those_that_are_not():
    found = written_above(OLD.tasks, {"CHURN", "CHURN$CLEAN", "CHURN$SPLIT", "CHURN$SCORE"})

    assert found == {
        "CHURN": frozenset(),
        "CHURN$CLEAN": {"CHURN"},
        "CHURN$SPLIT": {"CHURN$CLEAN", "CHURN"},
        "CHURN$SCORE": {"CHURN$SPLIT"},
    }


def test_a_circle_ends_all_the_same():
    assert len(levels_of([task("A", "B"), task("B", "A")])) == 1
