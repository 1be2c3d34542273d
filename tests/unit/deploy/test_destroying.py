"""What a destroy drops, what it leaves alone, and how it goes on after it was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from mlops.compile.objects import Service, Task
from mlops.deploy import destroying
from mlops.deploy import lock as locks
from mlops.deploy.account import UnreachableError
from mlops.deploy.applying import apply
from mlops.deploy.calls import Call
from mlops.deploy.destroying import destroy
from mlops.deploy.destruction import Destruction, survey_of_destruction
from mlops.deploy.in_memory import InMemoryAccount
from mlops.deploy.refusals import AnotherDeployError
from mlops.deploy.survey import survey
from mlops.errors import AccountError

from .graphs import OLD

WITH_SERVICE = replace(OLD, services=(Service("CHURN_SERVE", "mlops-churn:serve", "P", "spec: {}"),))
OTHER = replace(OLD, pipeline="daily", tasks=(Task("DAILY", "SELECT 1"), Task("DAILY$A", "SELECT 1", (), ("DAILY",))))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def account(threads: ThreadPoolExecutor) -> InMemoryAccount:
    account = InMemoryAccount()
    for wanted in (WITH_SERVICE, OTHER):
        apply(survey(account, wanted, threads), account, threads)
    account.create(Task("CHURN$ALIEN", "SELECT 1"), "not ours")
    return account


def surveyed(account: InMemoryAccount, threads: ThreadPoolExecutor, pipeline: str | None, **asked: bool) -> Destruction:
    return survey_of_destruction(
        account, threads, project="shop", pipeline=pipeline, pools=["P"], stages=["DATA"], **asked
    )


def names(account: InMemoryAccount) -> set[str]:
    return {name for _, name in account._objects}


def test_a_pipeline_goes_with_its_services_and_leaves_what_others_need(account, threads):
    found = surveyed(account, threads, "churn", with_pools=True, with_data=True)

    destroy(found, account, threads)

    assert names(account) == {"CHURN$ALIEN", "DAILY", "DAILY$A", "P", "DATA", "IMAGES"}
    assert "compute pool P stays: daily may need it" in found.left


def test_a_whole_project_goes_with_pools_and_data_only_where_that_is_asked_for(account, threads):
    kept = surveyed(account, threads, None)
    destroy(surveyed(account, threads, None, with_pools=True, with_data=True), account, threads)

    assert ("compute pool", "P") not in kept.objects
    assert names(account) == {"CHURN$ALIEN", "IMAGES"}


def test_tasks_go_children_first_with_the_root_suspended(account, threads):
    account.calls.clear()

    destroy(surveyed(account, threads, "daily"), account, threads)

    assert [call for call in account.writes if "$$" not in call] == [
        "suspend Task DAILY", "drop Task DAILY$A", "drop Task DAILY",
    ]  # fmt: skip


@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_a_destroy_fails_the_next_one_ends_with_nothing_left(threads, when):
    number = 0
    while True:
        number += 1
        account = InMemoryAccount()
        apply(survey(account, WITH_SERVICE, threads), account, threads)
        account.create(Task("CHURN$ALIEN", "SELECT 1"), "not ours")
        found = surveyed(account, threads, "churn", with_pools=True, with_data=True)
        account.calls.clear()

        def hook(call: str, account: InMemoryAccount = account, number: int = number) -> None:
            if len(account.calls) >= number:
                raise AccountError("no")

        setattr(account, when, hook)
        try:
            destroy(found, account, threads, pauses=())
        except AccountError:
            account.before = account.after = lambda call: None
        else:
            break
        destroy(surveyed(account, threads, "churn", with_pools=True, with_data=True), account, threads)
        assert names(account) == {"CHURN$ALIEN", "IMAGES"}, number
    assert number > 15


def test_what_belongs_to_a_stage_goes_before_it_and_after_the_tasks(account, threads):
    data = [Call("drop table T", lambda: account.calls.append("drop table T"))]
    found = surveyed(account, threads, None, with_data=True)
    account.calls.clear()

    destroy(found, account, threads, data=data)

    order = [account.calls.index(call) for call in ("drop Task CHURN", "drop table T", "drop Stage DATA")]
    assert order == sorted(order)


def test_a_lock_whose_answer_was_lost_is_its_own_and_no_other_deploy(account, threads):
    lost = iter([UnreachableError("no answer")])

    def answer(call: str) -> None:
        if call == "create Task CHURN$$DEPLOY1" and (cause := next(lost, None)) is not None:
            raise cause

    account.after = answer

    destroy(surveyed(account, threads, "churn", with_pools=True, with_data=True), account, threads, pauses=(0.0,))

    assert not [name for name in names(account) if name.startswith("CHURN") and name != "CHURN$ALIEN"]


def test_a_deploy_that_is_under_way_is_not_destroyed(account, threads):
    lock = locks.new_lock(root_started=True)
    account.create(locks.task_of_lock("CHURN$$DEPLOY1"), locks.comment_of_lock(lock))

    with locks.held_here(lock), pytest.raises(AnotherDeployError):
        destroy(surveyed(account, threads, "churn"), account, threads)

    assert "CHURN" in names(account)


def test_a_destroy_whose_lock_was_taken_while_it_slept_drops_nothing_more(account, threads, monkeypatch) -> None:
    now = [0.0]

    @contextmanager
    def silent(lock: locks.Lock, name: str, account: InMemoryAccount) -> Iterator[locks.Hold]:
        yield locks.Hold(lock, name, account, clock=lambda: now[0])

    def sleeps(call: str) -> None:
        if call == "suspend Task CHURN":
            now[0] = 3600.0
            del account._objects["Task", "CHURN$$DEPLOY1"]

    monkeypatch.setattr(destroying, "kept", silent)
    account.before = sleeps
    before = names(account)

    with pytest.raises(AccountError, match="another deploy has taken over"):
        destroy(surveyed(account, threads, "churn"), account, threads)

    assert names(account) == before
