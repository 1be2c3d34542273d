"""What a deploy leaves behind, wherever it fails: in memory, at every call, before and after it is carried out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from msgspec.structs import replace

from mlops.compile.objects import Deployment, Service, ServiceFunction, Stage, Task
from mlops.deploy import applying
from mlops.deploy import lock as locks
from mlops.deploy.account import BusyError, UnreachableError
from mlops.deploy.applying import Applied, apply
from mlops.deploy.cost import count_of_calls
from mlops.deploy.in_memory import InMemoryAccount
from mlops.deploy.ownership import comment_of, ownership_in
from mlops.deploy.plan import Plan
from mlops.deploy.planning import plan_deployment
from mlops.deploy.refusals import AnotherDeployError, DeployFailedError, MovedError
from mlops.deploy.state import look
from mlops.errors import AccountError

from .graphs import NEW, OLD, task


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def quiet(call: str) -> None:
    """Let a call pass."""


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


def plan(account: InMemoryAccount, wanted: Deployment, threads: ThreadPoolExecutor) -> Plan:
    return plan_deployment(wanted, look(account, wanted, threads), prune=True)


def deploy(account: InMemoryAccount, wanted: Deployment, threads: ThreadPoolExecutor) -> Applied:
    return apply(plan(account, wanted, threads), account, threads, pauses=(0, 0), sleep=lambda seconds: None)


def account_with(wanted: Deployment, threads: ThreadPoolExecutor) -> InMemoryAccount:
    account = InMemoryAccount()
    deploy(account, wanted, threads)
    account.create(Task("CHURN$ALIEN", "SELECT 1"), "not ours")
    account.calls.clear()
    return account


def graph(account: InMemoryAccount) -> dict[str, object]:
    """What the account holds, locks apart."""
    return {name: one for (_, name), one in account._objects.items() if "$$DEPLOY" not in name}


def holds(account: InMemoryAccount, wanted: Deployment) -> bool:
    """Whether everything stands as this deployment wants it, and is started."""
    held = account._objects
    return all(
        (found := held.get((type(one).__name__, one.name))) is not None
        and found.value == one
        and found.comment == comment_of(ownership_in(wanted, one))
        and (found.started or not isinstance(one, Task))
        for one in wanted.objects
    ) and {name for kind, name in held if kind == "Task"} == {one.name for one in wanted.tasks} | {"CHURN$ALIEN"}


def at(number: int, wrong: Callable[[], BaseException], *, lasting: bool = False) -> Callable[[str], None]:
    """Raise at a call, and with ``lasting`` at each after it."""
    seen = 0

    def hook(call: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number or (lasting and seen > number):
            raise wrong()

    return hook


WRONG = {
    "refused": lambda: AccountError("no"),
    "unreachable": lambda: UnreachableError("gone"),
    "busy": lambda: BusyError("root is not suspended"),
    "killed": Killed,
}
WANTED = {"a new graph": None, "a changed graph": OLD}


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("wrong", "lasting"),
    [(wrong, lasting) for wrong in WRONG for lasting in (False, True) if wrong != "killed" or lasting],
)
def test_wherever_a_deploy_fails_the_next_one_ends_with_no_difference(threads, wrong, lasting, when, wanted):
    def prepared() -> InMemoryAccount:
        return account_with(OLD, threads) if WANTED[wanted] else InMemoryAccount()

    reference = prepared()
    found = plan(reference, NEW, threads)
    reference.calls.clear()
    apply(found, reference, threads)
    tried = 0
    for number in range(1, len(reference.calls) + 1):
        account = prepared()
        before = graph(account)
        found = plan(account, NEW, threads)
        account.calls.clear()
        setattr(account, when, at(number, WRONG[wrong], lasting=lasting))
        failed: BaseException | None = None
        try:
            apply(found, account, threads, pauses=(0, 0), sleep=lambda seconds: None)
        except (AccountError, Killed) as cause:
            failed = cause
        account.before = account.after = quiet

        place = f"{wrong} {when} call {number}: {account.calls[number - 1]}"
        assert ("Task", "CHURN$ALIEN") not in account._objects or account._objects[
            "Task", "CHURN$ALIEN"
        ].comment == "not ours"
        root = account._objects.get(("Task", "CHURN"))
        if failed is None:
            assert root is not None, place
            assert root.started, place
        elif wrong != "killed":
            told = "SUSPENDED" in str(failed)
            assert WANTED[wanted] is None or root.started or told, f"{place}: {failed}"
            whole = isinstance(failed, DeployFailedError) and not failed.kept and not failed.lost
            if whole:
                assert graph(account) == before, place
        if not WANTED[wanted]:
            account.put(Task("CHURN$ALIEN", "SELECT 1"), "not ours")
        deploy(account, NEW, threads)
        assert holds(account, NEW), place
        assert plan(account, NEW, threads).is_empty, place
        tried += 1
    assert tried == len(reference.calls)
    assert tried >= 12


def test_an_unchanged_deployment_writes_nothing(threads):
    account = account_with(OLD, threads)

    assert deploy(account, OLD, threads).calls == 0
    assert account.writes == []


def test_a_change_of_one_task_writes_that_task_and_its_root(threads):
    account = account_with(OLD, threads)
    wanted = replace(
        OLD, tasks=tuple(task("SCORE", "CHOOSE", body="v2") if t.name == "CHURN$SCORE" else t for t in OLD.tasks)
    )

    deploy(account, wanted, threads)

    assert account.writes == [
        "create Task CHURN$$DEPLOY1", "suspend Task CHURN", "put Task CHURN", "put Task CHURN$SCORE", "resume Task CHURN",
        "drop Task CHURN$$DEPLOY1",
    ]  # fmt: skip


def test_the_calls_are_as_many_as_were_announced(threads):
    for held, wanted in [(None, OLD), (OLD, NEW), (NEW, OLD), (OLD, OLD)]:
        account = InMemoryAccount() if held is None else account_with(held, threads)
        announced = count_of_calls(plan(account, wanted, threads))
        account.calls.clear()

        deploy(account, wanted, threads)

        assert len(account.writes) == announced


def test_an_edge_that_turns_round_makes_no_cycle_on_the_way(threads):
    first = replace(OLD, tasks=(OLD.root, task("A", ""), task("B", "A"), task("C", "B")))
    turned = replace(OLD, tasks=(OLD.root, task("C", ""), task("B", "C"), task("A", "B")))
    account = account_with(first, threads)

    deploy(account, turned, threads)

    assert holds(account, turned)


def test_a_finalizer_gives_way_to_another_one(threads):
    account = account_with(OLD, threads)
    wanted = replace(OLD, tasks=(*OLD.tasks[:-1], replace(task("MAIL"), predecessors=(), finalize="CHURN")))

    deploy(account, wanted, threads)

    assert holds(account, wanted)


def test_a_root_that_a_person_suspended_stays_suspended(threads):
    account = account_with(OLD, threads)
    account.suspend("CHURN")

    assert not deploy(account, NEW, threads).root_started
    assert not account._objects["Task", "CHURN"].started
    assert account._objects["Task", "CHURN$TRAIN_D"].started


def test_a_task_that_a_person_suspended_stays_so_even_if_the_deploy_is_killed(threads):
    account = account_with(OLD, threads)
    account.suspend("CHURN")
    account.suspend("CHURN$SCORE")
    account.resume("CHURN")
    found = plan(account, NEW, threads)
    account.calls.clear()
    account.before = at(7, Killed, lasting=True)
    with pytest.raises(Killed):
        apply(found, account, threads, pauses=(), sleep=lambda seconds: None)
    account.before = quiet

    deploy(account, NEW, threads)

    assert not account._objects["Task", "CHURN$SCORE"].started
    assert account._objects["Task", "CHURN"].started
    assert account._objects["Task", "CHURN$TRAIN_D"].started


def test_a_target_that_starts_nothing_leaves_a_new_root_suspended_and_its_tasks_ready(threads):
    account = InMemoryAccount()
    deploy(account, replace(OLD, started=False), threads)

    assert [name for (kind, name), one in account._objects.items() if kind == "Task" and not one.started] == ["CHURN"]


def test_a_graph_that_somebody_starts_meanwhile_is_suspended_again_and_written(threads):
    account = account_with(OLD, threads)
    found = plan(account, NEW, threads)

    def somebody(call: str) -> None:
        if call == "put Task CHURN$TRAIN_A" and account.calls.count(call) == 1:
            account._objects["Task", "CHURN"] = replace(account._objects["Task", "CHURN"], started=True)

    account.before = somebody
    apply(found, account, threads, pauses=(0,), sleep=lambda seconds: None)

    assert holds(account, NEW)


def test_of_two_deploys_at_once_one_wins_and_the_other_says_who(threads):
    account = account_with(OLD, threads)
    first, second = plan(account, NEW, threads), plan(account, NEW, threads)
    caught: list[AccountError] = []

    def other(call: str) -> None:
        if call == "put Task CHURN":
            account.before = quiet
            with ThreadPoolExecutor(1) as more:
                for each in (second, plan(account, NEW, more)):
                    with pytest.raises(AnotherDeployError) as error:
                        apply(each, account, more, sleep=lambda seconds: None)
                    caught.append(error.value)

    account.before = other
    apply(first, account, threads)

    assert len(caught) == 2
    assert all("another deploy of churn is under way: process" in one.message for one in caught)
    assert holds(account, NEW)


def test_a_plan_of_a_graph_that_was_changed_since_is_refused_and_nothing_is_written(threads):
    account = account_with(OLD, threads)
    early = plan(account, NEW, threads)
    deploy(account, replace(OLD, versions={"mlops-framework": "9"}), threads)
    before = graph(account)

    with pytest.raises(MovedError):
        apply(early, account, threads)

    assert graph(account) == before
    assert not [name for _, name in account._objects if "$$DEPLOY" in name]


def test_an_object_that_appears_meanwhile_and_is_not_ours_is_left_alone(threads):
    account = InMemoryAccount()
    found = plan(account, OLD, threads)

    def somebody(call: str) -> None:
        if call == "create Task CHURN$SPLIT":
            account._objects.setdefault(
                ("Task", "CHURN$SPLIT"),
                replace(account._objects["Task", "CHURN"], comment="theirs", value=task("SPLIT")),
            )

    account.before = somebody
    with pytest.raises(DeployFailedError) as caught:
        apply(found, account, threads, pauses=())

    assert "already exists" in caught.value.message
    assert account._objects["Task", "CHURN$SPLIT"].comment == "theirs"
    assert ("Task", "CHURN$CLEAN") not in account._objects


def test_ctrl_c_puts_back_what_was_written(threads):
    account = account_with(OLD, threads)
    before = graph(account)
    account.before = at(9, KeyboardInterrupt)

    with pytest.raises(DeployFailedError) as caught:
        deploy(account, NEW, threads)

    assert "it was stopped" in caught.value.message
    assert graph(account) == before


@pytest.mark.parametrize("beats", [False, True])
def test_a_lock_of_another_machine_is_watched_and_taken_over_only_if_it_is_silent(threads, beats):
    account = account_with(OLD, threads)
    theirs = replace(locks.new_lock(root_started=True), host="elsewhere", machine="another", pid=1)
    account.create(locks.task_of_lock("CHURN$$DEPLOY1"), locks.comment_of_lock(theirs))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if beats and len(slept) == 3:
            account.put(locks.task_of_lock("CHURN$$DEPLOY1"), locks.comment_of_lock(replace(theirs, beat=1)))

    found = plan(account, NEW, threads)
    if beats:
        with pytest.raises(AnotherDeployError):
            apply(found, account, threads, sleep=sleep)
        assert len(slept) == 3
    else:
        apply(found, account, threads, sleep=sleep)
        assert holds(account, NEW)
        assert sum(slept) == locks.WATCH_SECONDS


def test_a_lock_of_a_killed_process_whose_number_another_has_is_taken_over(threads):
    account = account_with(OLD, threads)
    theirs = replace(locks.new_lock(root_started=True), pid=os.getppid())
    account.create(locks.task_of_lock("CHURN$$DEPLOY1"), locks.comment_of_lock(theirs))

    deploy(account, NEW, threads)

    assert holds(account, NEW)


def test_a_plan_that_is_refused_keeps_what_an_interrupted_deploy_has_left_to_do(threads):
    account = account_with(OLD, threads)
    account.suspend("CHURN")
    left = replace(locks.new_lock(root_started=True), abandoned=True)
    account.create(locks.task_of_lock("CHURN$$DEPLOY1"), locks.comment_of_lock(left))
    early = plan(account, NEW, threads)
    account.resume("CHURN")

    with pytest.raises(MovedError):
        apply(early, account, threads)
    account.suspend("CHURN")
    deploy(account, NEW, threads)

    assert holds(account, NEW)


def test_the_holder_of_a_lock_is_silent_when_it_drops_it_so_that_it_does_not_come_back(threads):
    account = account_with(OLD, threads)
    beating: list[bool] = []

    def look_on(call: str) -> None:
        if call.startswith("drop Task CHURN$$DEPLOY"):
            beating.append(any(one.name == "mlops-deploy-lock" for one in locks.threading.enumerate()))

    account.before = look_on
    deploy(account, NEW, threads)

    assert beating == [False]


def test_services_and_functions_are_put_back_with_what_a_listing_does_not_show(threads):
    class Listing(InMemoryAccount):
        def held(self, kind, prefix=""):
            hidden = {Service: {"specification": ""}, ServiceFunction: {"service": "", "endpoint": "", "path": ""}}
            return [
                replace(one, value=replace(one.value, **hidden.get(kind, {}))) for one in super().held(kind, prefix)
            ]

    service = Service("CHURN_SERVE", "mlops-churn:serve", "P", "spec: 1")
    function = ServiceFunction("CHURN_PREDICT", "CHURN_SERVE", "main", "/predict")
    account = Listing()
    deploy(account, replace(OLD, services=(service,), functions=(function,)), threads)
    before = {key: one for key, one in account._objects.items() if key[0].startswith("Service")}
    once = at(1, lambda: AccountError("no"))
    account.before = lambda call: once(call) if call == "put Task CHURN$CHOOSE" else None
    changed = (replace(service, specification="spec: 2"),), (replace(function, path="/other"),)

    with pytest.raises(DeployFailedError) as caught:
        deploy(account, replace(NEW, services=changed[0], functions=changed[1]), threads)

    assert (caught.value.kept, [key[0] for key in before]) == ((), ["Service", "ServiceFunction"])
    assert {key: account._objects[key] for key in before} == before
    assert {"put Service CHURN_SERVE", "put ServiceFunction CHURN_PREDICT"} <= set(account.calls)


def test_the_holder_of_a_lock_says_that_it_is_alive(threads):
    account = InMemoryAccount()
    lock = locks.new_lock(root_started=False)
    account.create(locks.task_of_lock("X$$DEPLOY1"), locks.comment_of_lock(lock))
    beaten = locks.threading.Event()
    account.after = lambda call: beaten.set() if call.startswith("put") else None

    with locks.kept(lock, "X$$DEPLOY1", account, every=0.001):
        assert beaten.wait(5)

    assert locks.lock_of(account._objects["Task", "X$$DEPLOY1"]).beat >= 1


def test_a_deploy_whose_lock_was_taken_while_it_slept_writes_nothing_more_and_makes_no_lock(threads, monkeypatch):
    account = account_with(OLD, threads)
    found = plan(account, NEW, threads)
    now = [0.0]
    monkeypatch.setattr(applying, "kept", partial(asleep, lambda: now[0]))

    def sleeps(call: str) -> None:
        if call == "put Task CHURN$TRAIN_A":
            account.before = quiet
            now[0] = 3600.0
            account.drop(Task, "CHURN$$DEPLOY1")
            theirs = replace(locks.new_lock(root_started=True), machine="another")
            account.create(locks.task_of_lock("CHURN$$DEPLOY2"), locks.comment_of_lock(theirs))
            account.calls.clear()

    account.before = sleeps
    with pytest.raises(locks.LockLostError):
        apply(found, account, threads)

    assert account.writes == []
    assert [name for _, name in account._objects if "$$DEPLOY" in name] == ["CHURN$$DEPLOY2"]


@contextmanager
def asleep(clock: Callable[[], float], lock: locks.Lock, name: str, account: InMemoryAccount) -> Iterator[locks.Hold]:
    """A lock whose holder says nothing by itself."""
    yield locks.Hold(lock, name, account, clock=clock)


def test_functions_and_stages_come_before_the_tasks(threads):
    function = ServiceFunction("CHURN_PREDICT", "CHURN_SERVE", "main", "/predict")
    account = InMemoryAccount()

    deploy(account, replace(OLD, functions=(function,), stages=(Stage("DATA"), Stage("MORE"))), threads)

    order = [call for call in account.writes if "$$" not in call]
    assert order.index("create ServiceFunction CHURN_PREDICT") < order.index("create Task CHURN")
