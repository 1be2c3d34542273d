"""The comment that says whose an object is."""

from datetime import timedelta

import pytest

from mlops.compile.objects import ComputePool, Deployment, Stage, Task
from mlops.deploy.ownership import Ownership, comment_of, content_hash, ownership_in, ownership_of

ROOT = Task("CHURN", "SELECT 1", nodes=("mlops-churn:load",), user_task_timeout=timedelta(hours=1))
CHILD = Task("CHURN$TRAIN", "SELECT 2", nodes=("mlops-churn:train",), predecessors=("CHURN",))
DEPLOYMENT = Deployment(
    "shop", "churn", "prod", "DB", "S", (ROOT, CHILD),
    compute_pools=(ComputePool("P", "CPU_X64_S", 1, 1, True, 300),), stages=(Stage("DATA"),),
    versions={"mlops-framework": "0.1.0", "mlops-churn": "1.2", "mlops-other": "9"},
)  # fmt: skip


def test_a_comment_is_read_back_as_it_was_written():
    said = Ownership("shop", "churn", ("mlops-churn:train",), "0123456789abcdef", versions={"mlops-churn": "1.2"})

    assert comment_of(said) == (
        '{"managed-by":"mlops-framework","project":"shop","pipeline":"churn","nodes":["mlops-churn:train"],'
        '"hash":"0123456789abcdef","versions":{"mlops-churn":"1.2"}}'
    )
    assert ownership_of(comment_of(said)) == said


def test_keys_of_a_later_version_are_passed_over():
    assert ownership_of('{"managed-by":"mlops-framework","project":"shop","novelty":1}') == Ownership("shop")


@pytest.mark.parametrize(
    "comment",
    [None, "", "made by hand", "{", "[]", "3", '"mlops-framework"', '{"managed-by":"terraform","project":"shop"}',
     '{"managed-by":"mlops-framework"}', '{"managed-by":"mlops-framework","project":7}', "mlops-framework made this"],
)  # fmt: skip
def test_a_comment_that_we_did_not_write_makes_nothing_ours(comment):
    assert ownership_of(comment) is None


def test_a_task_says_its_nodes_with_the_versions_of_their_distributions_alone():
    said = ownership_in(DEPLOYMENT, CHILD)

    assert (said.project, said.pipeline, said.nodes) == ("shop", "churn", ("mlops-churn:train",))
    assert said.versions == {"mlops-framework": "0.1.0", "mlops-churn": "1.2"}
    assert said.graph is None


def test_the_root_alone_says_the_hash_of_the_whole_deployment():
    assert ownership_in(DEPLOYMENT, ROOT).graph == content_hash(DEPLOYMENT)


def test_a_pool_belongs_to_the_project_so_that_its_pipelines_share_it():
    said = ownership_in(DEPLOYMENT, DEPLOYMENT.compute_pools[0])

    assert (said.project, said.pipeline, said.versions) == ("shop", None, {})


def test_equal_values_have_equal_hashes_and_any_other_field_another_one():
    again = Task("CHURN", "SELECT 1", nodes=("mlops-churn:load",), user_task_timeout=timedelta(minutes=60))
    ordered = Task("A", "x", config={"a": 1, "b": 2}), Task("A", "x", config={"b": 2, "a": 1})

    assert content_hash(ROOT) == content_hash(again)
    assert content_hash(ordered[0]) == content_hash(ordered[1])
    assert content_hash(ROOT) != content_hash(CHILD)
    assert content_hash(Stage("A")) != content_hash(Task("A", ""))
    assert len(content_hash(ROOT)) == 16
