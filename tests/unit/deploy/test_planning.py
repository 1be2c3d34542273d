"""What a plan says of an account, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from mlops.compile.objects import Deployment, Service, ServiceFunction, Task
from mlops.deploy import lock as locks
from mlops.deploy.account import GraphRun
from mlops.deploy.applying import apply
from mlops.deploy.in_memory import InMemoryAccount
from mlops.deploy.ownership import content_hash
from mlops.deploy.plan import Action, Plan
from mlops.deploy.planning import plan_deployment
from mlops.deploy.refusals import BlockedPlanError
from mlops.deploy.state import QUICK, look
from mlops.deploy.survey import survey

from .graphs import NEW, OLD, ROOT, task

POOL = OLD.compute_pools[0]


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def account(threads: ThreadPoolExecutor) -> InMemoryAccount:
    """An account that holds OLD."""
    account = InMemoryAccount()
    apply(plan_deployment(OLD, look(account, OLD, threads)), account, threads)
    account.calls.clear()
    return account


def plan(account: InMemoryAccount, wanted: Deployment, threads: ThreadPoolExecutor, *, prune: bool = False) -> Plan:
    return plan_deployment(wanted, look(account, wanted, threads), prune=prune)


def test_an_empty_account_gets_every_object(threads):
    found = plan(InMemoryAccount(), OLD, threads)

    assert [step.name for step in found.steps] == [one.name for one in OLD.objects]
    assert {step.action for step in found.steps} == {Action.CREATE}
    assert found.start_root


def test_what_stands_as_it_is_wanted_is_not_written(account, threads):
    found = plan(account, OLD, threads)

    assert found.is_empty
    assert found.unchanged == len(OLD.objects)


def test_an_unchanged_deployment_is_seen_in_three_calls(account, threads):
    state = look(account, OLD, threads, reads=QUICK)

    assert plan_deployment(OLD, state).is_empty
    assert account.calls == ["held Task CHURN", "held ComputePool P", "held Stage DATA"]


def test_a_quick_look_at_a_changed_deployment_sees_everything(account, threads):
    quick = plan_deployment(NEW, look(account, NEW, threads, reads=QUICK))

    assert quick == plan(account, NEW, threads)


def test_changes_are_told_field_by_field(account, threads):
    found = plan(account, NEW, threads)

    assert {step.name: [one.field for one in step.changes] for step in found.of(Action.CHANGE)} == {
        "CHURN": ["graph"],
        "CHURN$TRAIN_A": ["definition"],
        "CHURN$CHOOSE": ["predecessors"],
        "CHURN$PROFILE": ["predecessors"],
    }
    assert [step.name for step in found.of(Action.CREATE)] == ["CHURN$TRAIN_D"]
    assert found.left == ("task CHURN$OLD_CHECK",)


def test_only_prune_drops_what_is_no_longer_wanted(account, threads):
    assert plan(account, NEW, threads).of(Action.DROP) == ()
    assert [step.name for step in plan(account, NEW, threads, prune=True).of(Action.DROP)] == ["CHURN$OLD_CHECK"]


@pytest.mark.parametrize(
    "said",
    [
        {"user_task_timeout": timedelta(hours=1)}, {"overlap_policy": None}, {"suspend_task_after_num_failures": 10},
        {"task_auto_retry_attempts": 2}, {"definition": f"  {ROOT.definition} ;\n"},
    ],
)  # fmt: skip
def test_what_snowflake_puts_in_where_nothing_was_said_is_no_change(account, threads, said):
    held = account._objects["Task", "CHURN"]
    account._objects["Task", "CHURN"] = replace(held, value=replace(held.value, **said))

    assert plan(account, OLD, threads).is_empty


def test_what_others_changed_is_told_and_undone(account, threads):
    held = account._objects["Task", "CHURN$SCORE"]
    account._objects["Task", "CHURN$SCORE"] = replace(held, value=replace(held.value, definition="SELECT 1"))

    found = plan(account, OLD, threads)

    assert [(step.name, step.drift) for step in found.steps] == [("CHURN$SCORE", True)]
    assert any("CHURN$SCORE is not as we wrote it" in one for one in found.consequences)


def test_other_versions_of_a_distribution_change_the_tasks_that_run_its_nodes(account, threads):
    newer = replace(OLD, versions={**OLD.versions, "mlops-churn": "2"})

    found = plan(account, newer, threads)

    assert len(found.steps) == len(OLD.tasks)
    assert found.steps[1].changes[0].after == {"mlops-framework": "0.1.0", "mlops-churn": "2"}


@pytest.mark.parametrize(
    "comment", [None, "made by hand", '{"managed-by":"mlops-framework","project":"other","pipeline":"x"}']
)
def test_a_task_that_is_not_ours_is_never_written(account, threads, comment):
    held = account._objects["Task", "CHURN$SCORE"]
    account._objects["Task", "CHURN$SCORE"] = replace(held, comment=comment)

    found = plan(account, NEW, threads, prune=True)

    assert "CHURN$SCORE is there and is not ours" in found.problems[0].message
    assert "CHURN$SCORE" not in [step.name for step in found.steps]
    with pytest.raises(BlockedPlanError):
        apply(found, account, threads)
    assert account.writes == []


def test_a_task_of_another_role_blocks_the_plan_and_says_which_role(account, threads):
    account._role = "SOMEBODY"

    found = plan(account, NEW, threads)

    assert "owned by role DEPLOYER, and we deploy as SOMEBODY" in found.problems[0].message


def test_a_pool_that_others_made_is_used_as_it_is(threads):
    account = InMemoryAccount()
    account.create(replace(POOL, max_nodes=9), "the platform team's")

    found = plan(account, OLD, threads)

    assert "compute pool P is not ours: it is used as it is" in found.consequences
    assert "P" not in [step.name for step in found.steps]


def test_a_pool_that_others_manage_must_be_there(threads):
    wanted = replace(OLD, compute_pools=(replace(POOL, managed=False),))

    found = plan(InMemoryAccount(), wanted, threads)

    assert "compute pool P is not there" in found.problems[0].message


def test_the_family_of_a_pool_cannot_be_changed(account, threads):
    wanted = replace(OLD, compute_pools=(replace(POOL, instance_family="GPU_NV_S"),))

    assert "GPU_NV_S is wanted: that cannot be changed" in plan(account, wanted, threads).problems[0].message


def test_a_pool_of_ours_is_changed_field_by_field(account, threads):
    wanted = replace(OLD, compute_pools=(replace(POOL, max_nodes=3),))

    pool = plan(account, wanted, threads).steps[0]

    assert [(one.field, one.before, one.after) for one in pool.changes] == [("max_nodes", 1, 3)]


def test_a_pool_with_fewer_nodes_than_tasks_at_once_is_told(threads):
    found = plan(InMemoryAccount(), OLD, threads)

    assert "pool P has 1 node but up to 4 tasks run in it at once: what does not fit waits" in found.consequences


def test_a_started_root_is_suspended_and_that_is_said(account, threads):
    found = plan(account, NEW, threads)

    assert "CHURN is suspended for about 7 calls: a run that falls due then is skipped" in found.consequences


def at(hour: int) -> datetime:
    return datetime(2026, 11, 25, hour, 30, tzinfo=timezone(timedelta(hours=1)))


FAILED = GraphRun("6", "FAILED", at(11), failed_task="CHURN$SCORE")
LOST = "discards the retry of the run of 2026-11-25 10:30 UTC, which failed at task CHURN$SCORE"


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([FAILED], [LOST]),
        ([GraphRun("9", "SCHEDULED", at(23)), GraphRun("5", "SUCCEEDED", at(10)), FAILED], [LOST]),
        ([GraphRun("8", "SUCCEEDED", at(12)), FAILED], []),
        (
            [GraphRun("7", "EXECUTING", at(12)), FAILED],
            ["the run of 2026-11-25 11:30 UTC goes on: it ends with the tasks as they were when it began"],
        ),
    ],
    ids=["the last failed", "the last that has begun failed", "a later one succeeded", "a later one goes on"],
)
def test_runs_that_go_on_and_the_retry_of_the_last_one_that_is_lost_are_said(account, threads, runs, told):
    account.graph_runs = runs
    state = replace(look(account, NEW, threads), runs=tuple(account.runs("CHURN")))

    found = plan_deployment(NEW, state)

    assert [one for one in found.consequences if "run of" in one] == told


def test_a_task_that_a_person_suspended_stays_so_and_that_is_said(account, threads):
    account.suspend("CHURN")
    account.suspend("CHURN$SCORE")

    found = plan(account, OLD, threads)

    assert found.is_empty
    assert "CHURN$SCORE is suspended, and stays so" in found.consequences
    assert "CHURN is suspended, and stays so: start it with mlops resume" in found.consequences


def test_another_finalizer_needs_prune(account, threads):
    wanted = replace(OLD, tasks=(*OLD.tasks[:-1], replace(task("MAIL"), predecessors=(), finalize="CHURN")))

    assert "deploy with --prune" in plan(account, wanted, threads).problems[0].hint
    assert plan(account, wanted, threads, prune=True).problems == ()


def test_more_tasks_than_a_graph_holds_are_refused_with_the_old_ones_counted(account, threads):
    many = replace(OLD, tasks=(ROOT, *(task(f"T{n}", "") for n in range(989))))

    assert "together more than 1000" in plan(account, many, threads).problems[0].message


def test_tasks_of_another_pipeline_whose_name_begins_alike_are_not_seen(account, threads):
    other = replace(OLD, pipeline="churn2", tasks=(Task("CHURN2", "SELECT 1"),))
    apply(plan(account, other, threads), account, threads)

    assert plan(account, OLD, threads, prune=True).is_empty


def test_a_service_is_told_apart_by_the_hash_in_its_comment(account, threads):
    service = Service("CHURN_SERVE", "mlops-churn:serve", "P", "spec: {a: 1}")
    wanted = replace(OLD, services=(service,))
    apply(plan(account, wanted, threads), account, threads)
    held = account._objects["Service", "CHURN_SERVE"]
    with_defaults = replace(service, specification="spec: {a: 1, b: default}")
    account._objects["Service", "CHURN_SERVE"] = replace(held, value=with_defaults)

    assert plan(account, wanted, threads).is_empty
    changed = plan(account, replace(OLD, services=(replace(service, specification="spec: {a: 2}"),)), threads)
    assert [one.field for one in changed.steps[0].changes] == ["specification"]
    assert any("its instances are replaced" in one for one in changed.consequences)


def test_two_plans_are_the_same_only_if_wish_and_account_are(account, threads):
    first = plan(account, NEW, threads)
    again = plan(account, NEW, threads)
    account.resume("CHURN")
    account.suspend("CHURN")
    moved = plan(account, NEW, threads)

    assert first.identity == again.identity
    assert len({first.identity, moved.identity, plan(account, OLD, threads).identity}) == 3
    assert content_hash(OLD) != content_hash(NEW)


def test_a_lock_that_a_failed_deploy_has_left_is_told_as_that(account, threads):
    left = replace(locks.new_lock(root_started=True), abandoned=True)
    account.create(locks.task_of_lock("CHURN$$DEPLOY1"), locks.comment_of_lock(left))

    [told] = [one for one in plan(account, NEW, threads).consequences if "takes over" in one]

    assert told.startswith("an earlier deploy failed and could not put everything back (process ")
    assert told.endswith("): this one takes over and leaves the root started")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"path": "/other"}, [("path", "/predict", "/other")]),
        ({"endpoint": "api", "returns": "FLOAT"}, [("endpoint", "main", "api")]),
        ({"returns": "FLOAT"}, [("returns", "VARIANT", "FLOAT")]),
    ],
)
def test_what_differs_in_a_function_is_told_though_a_listing_does_not_show_it(threads, change, told):
    class Listing(InMemoryAccount):
        def held(self, kind, prefix=""):
            hidden = {"service": "", "endpoint": "", "path": ""} if kind is ServiceFunction else {}
            return [replace(one, value=replace(one.value, **hidden)) for one in super().held(kind, prefix)]

    function = ServiceFunction("CHURN_PREDICT", "CHURN_SERVE", "main", "/predict")
    account = Listing()
    apply(plan(account, replace(OLD, functions=(function,)), threads), account, threads)

    [step] = survey(account, replace(OLD, functions=(replace(function, **change),)), threads).of(Action.CHANGE)[:1]

    assert (step.name, [(one.field, one.before, one.after) for one in step.changes]) == ("CHURN_PREDICT", told)
