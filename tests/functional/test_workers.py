"""A process per node: what a node may do to its process, and what comes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mlops.errors import RunError
from mlops.nodes import Node, Origin
from mlops.parameters import Parameter
from mlops.runs.order import Order
from mlops.runs.outcome import NodeOutcome, RunInfo, State
from mlops.runs.preparation import LocalPreparation
from mlops.runs.processes.interpreters import FreshInterpreters
from mlops.runs.processes.workers import ForkingWorkers, Workers


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes of nodes import ``awkward_nodes``, as they do an installed plugin."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture(params=["forked", "interpreters"])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    preparation = LocalPreparation(folder=str(tmp_path / "run"), allow_pickle=False)
    made: Workers = (
        ForkingWorkers(preparation, [origin("answer")], grace=0.3)
        if request.param == "forked"
        else FreshInterpreters(preparation, grace=0.3)
    )
    yield made
    made.close()


@pytest.fixture
def forked(tmp_path: Path) -> Iterator[ForkingWorkers]:
    made = ForkingWorkers(LocalPreparation(str(tmp_path / "run"), False), [origin("answer")], grace=0.3)
    yield made
    made.close()


def origin(function: str) -> Origin:
    return Origin("awkward", "1.0", f"awkward_nodes:{function}")


@pytest.fixture
def order(tmp_path: Path) -> Callable[..., Order]:
    def make(function: str, *, name: str = "", **parameters: str) -> Order:
        node = Node(
            name=name or function,
            origin=origin(function),
            outputs=(name or function,) if function in ("answer", "large") else (),
            parameters=tuple(Parameter(one, default="", type="str") for one in parameters),
            arguments=tuple(parameters),
        )
        return Order(node, RunInfo("r", "p", str(tmp_path / "run"), time.time()), parameters)

    return make


def ended(workers: Workers, count: int = 1) -> list[NodeOutcome]:
    end = time.monotonic() + 30
    outcomes: list[NodeOutcome] = []
    while len(outcomes) < count and time.monotonic() < end:
        outcomes += workers.wait(0.2)
    assert len(outcomes) == count
    return outcomes


def wait_for(path: Path) -> int:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with suppress(FileNotFoundError, ValueError):
            return int(path.read_text())
        time.sleep(0.01)
    raise AssertionError(f"{path.name} did not appear")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_node_that_returns_a_node_that_exits_and_a_node_that_vanishes_are_told_apart(workers, order):
    for name in ("answer", "leave", "vanish", "be_killed"):
        workers.start(order(name), None)

    found = {outcome.node.partition(":")[2]: outcome for outcome in ended(workers, 4)}

    assert {name: outcome.state for name, outcome in found.items()} == {
        "answer": State.SUCCEEDED,
        "leave": State.FAILED,
        "vanish": State.FAILED,
        "be_killed": State.FAILED,
    }
    assert [record.name for record in found["answer"].outputs] == ["answer"]
    assert found["leave"].error.type == "SystemExit"
    assert "exit code 9" in found["vanish"].error.message
    assert "SIGKILL" in found["be_killed"].error.message


def test_a_node_that_outlives_its_time_is_killed_when_it_ignores_being_asked(workers, order, tmp_path):
    workers.start(order("ignore", ready=str(tmp_path / "ready")), 1 if isinstance(workers, ForkingWorkers) else 4)
    pid = wait_for(tmp_path / "ready")

    (outcome,) = ended(workers)

    assert (outcome.state, outcome.error.kind) == (State.FAILED, "timeout")
    assert not is_running(pid)


def test_stopping_lets_nodes_clean_up(workers, order, tmp_path):
    workers.start(order("sleep", ready=str(tmp_path / "ready"), ended=str(tmp_path / "ended")), None)
    wait_for(tmp_path / "ready")

    workers.stop()

    assert [outcome.state for outcome in ended(workers)] == [State.STOPPED]


def test_orders_and_answers_larger_than_the_socket_pass_both_ways_at_once(workers, order):
    text = "y" * 1_000_000
    for number in range(3):
        workers.start(order("large", name=f"large{number}", text=text), None)
        workers.start(order("raise_at_length", name=f"raises{number}"), None)

    outcomes = ended(workers, 6)

    assert sorted(outcome.state.value for outcome in outcomes) == ["failed"] * 3 + ["succeeded"] * 3
    assert {len(outcome.error.message) for outcome in outcomes if outcome.error} == {1_000_000}


def test_what_a_node_has_started_ends_with_it(forked, order, tmp_path):
    forked.start(order("leave_a_process", pid_file=str(tmp_path / "pid")), None)

    (outcome,) = ended(forked)

    assert outcome.state is State.SUCCEEDED
    pid, end = wait_for(tmp_path / "pid"), time.monotonic() + 5
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_running(pid)


def test_a_node_that_died_is_noticed_though_a_process_it_left_holds_its_pipe(forked, order, tmp_path):
    forked.start(order("die_and_leave_the_pipe_open", pid_file=str(tmp_path / "pid")), None)
    left = wait_for(tmp_path / "pid")
    try:
        (outcome,) = ended(forked)
    finally:
        os.kill(left, signal.SIGKILL)

    assert "SIGKILL" in outcome.error.message


def test_nodes_end_with_the_server_that_is_killed_and_the_run_is_told(forked, order, tmp_path):
    forked.start(order("ignore", ready=str(tmp_path / "ready")), None)
    pid = wait_for(tmp_path / "ready")

    forked._server.kill()

    with pytest.raises(RunError, match="ended with code -9"):
        ended(forked)
    end = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_running(pid)


def test_a_server_that_is_asked_to_end_takes_its_nodes_with_it(forked, order, tmp_path):
    forked.start(order("ignore", ready=str(tmp_path / "ready")), None)
    pid = wait_for(tmp_path / "ready")

    forked._server.terminate()

    with pytest.raises(RunError, match="ended with code 143"):
        ended(forked)
    assert not is_running(pid)


HANGING = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
from mlops.nodes import Origin
from mlops.runs.preparation import LocalPreparation
from mlops.runs.processes.workers import ForkingWorkers
workers = ForkingWorkers(LocalPreparation("run", False), [Origin("hangs", "1.0", "hangs:node")], grace=1)
time.sleep(60)
"""


def test_a_server_that_hangs_in_the_import_of_a_plugin_ends_with_the_run_that_is_killed(tmp_path):
    (tmp_path / "hangs.py").write_text(
        "import os, time\nfrom pathlib import Path\n"
        f"Path({str(tmp_path / 'importing')!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", HANGING.format(folder=str(tmp_path))])
    server = wait_for(tmp_path / "importing")

    run.kill()
    run.wait()

    end = time.monotonic() + 5
    while is_running(server) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_running(server)
