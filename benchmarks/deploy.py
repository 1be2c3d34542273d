"""What deploying costs: a layered graph for the first time, with one task changed, and unchanged; 50 ms to Snowflake and back.

    python benchmarks/deploy.py [--tasks 100 1000]

Beside it stands DAGOperation.deploy of snowflake-core, with the same graph on the same embedded Snowflake, in the same run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import timedelta

from mlops_embedded.life import EmbeddedSnowflake
from msgspec.structs import replace
from snowflake.core import Root
from snowflake.core.task import Cron as SdkCron
from snowflake.core.task.dagv1 import DAG, DAGOperation, DAGTask

from mlops.compile.objects import ComputePool, Deployment, Stage, Task
from mlops.deploy.applying import Applied, apply
from mlops.deploy.state import QUICK
from mlops.deploy.survey import survey
from mlops.pipeline import Cron
from mlops.runs.connection import Connection
from mlops.snowflake.account import SnowflakeAccount, account_on
from mlops.snowflake.session import SnowflakeSession

LATENCY = 0.05
WIDTH = 32
REACH = {100: 1 / 12, 1000: 1 / 30}
BODY = "EXECUTE JOB SERVICE IN COMPUTE POOL P\nFROM SPECIFICATION $$\nspec:\n  containers:\n  - name: main\n    image: {}\n$$"


def layered(tasks: int, schema: str) -> Deployment:
    """A root, and layers in which each task comes after two of the layer before: five, more where one would be over 100."""
    width = -(-(tasks - 1) // max(5, -(-tasks // 100)))
    made = [Task("G", BODY.format("/d/s/r/mlops:1"), ("x:root",), schedule=Cron("0 0 1 1 *"))]
    above = ["G"]
    while len(made) < tasks:
        names = [f"G$T{len(made) + at}" for at in range(min(width, tasks - len(made)))]
        made += [
            Task(name, BODY.format(f"/d/s/r/mlops:{name[3:]}"), (f"x:{name}",),
                 tuple(sorted({above[at % len(above)], above[(at + 1) % len(above)]})), user_task_timeout=timedelta(hours=2))
            for at, name in enumerate(names)
        ]  # fmt: skip
        above = names
    return Deployment(
        "bench", "g", "bench", "EMBEDDED", schema, tuple(made), (ComputePool("P", "CPU_X64_S", 1, 1, True, 300),),
        stages=(Stage("DATA"),), versions={"x": "1"},
    )  # fmt: skip


def theirs(wanted: Deployment, root: Root) -> None:
    """Deploy the same graph as the SDK does."""
    dag = DAG("G", schedule=SdkCron("0 0 1 1 *", "UTC"))
    made: dict[str, DAGTask] = {}
    for task in wanted.tasks[1:]:
        made[task.name] = DAGTask(task.name[2:], task.definition, dag=dag, is_serverless=True)
        made[task.name].add_predecessors([made[name] for name in task.predecessors if name in made])
    DAGOperation(root.databases["EMBEDDED"].schemas[wanted.schema]).deploy(dag)


def ours(wanted: Deployment, account: SnowflakeAccount, pool: Executor) -> Applied:
    """Deploy as `mlops deploy` does, from the first read on."""
    return apply(survey(account, wanted, pool, reads=QUICK), account, pool)


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def counted(server: EmbeddedSnowflake, work: Callable[[], object]) -> tuple[int, int]:
    """Return how many reads and writes the server was asked for."""
    before = server.admin.calls()["count"]
    work()
    said = [call for call in server.admin.calls()["calls"] if call["number"] > before]
    made = [call for call in said if call["path"].startswith("/api/v2") or call["sql"]]
    reads = sum(call["method"] == "GET" or (call["sql"] or "").startswith("SHOW") for call in made)
    return reads, len(made) - reads


def measure(tasks: int, server: EmbeddedSnowflake, session: SnowflakeSession, *, quiet: bool = False) -> list[str]:
    """Print one row, and return what was not reached."""
    for name in (f"OURS{tasks}", f"THEIRS{tasks}"):
        session.rows(f"CREATE SCHEMA EMBEDDED.{name}")
    account = account_on(session, database="EMBEDDED", schema=f"OURS{tasks}", width=WIDTH)
    wanted = layered(tasks, f"OURS{tasks}")
    last = wanted.tasks[-1]
    changed = replace(wanted, tasks=(*wanted.tasks[:-1], replace(last, definition=BODY.format("/d/s/r/mlops:2"))))
    with ThreadPoolExecutor(WIDTH) as pool:
        first = timed(lambda: ours(wanted, account, pool))
        unchanged = counted(server, lambda: ours(wanted, account, pool))
        again = timed(lambda: ours(wanted, account, pool))
        one = timed(lambda: ours(changed, account, pool))
        back = counted(server, lambda: ours(wanted, account, pool))
    beside = timed(lambda: theirs(replace(wanted, schema=f"THEIRS{tasks}"), session.root))
    if quiet:
        return []
    print(
        f"{tasks:>5} tasks  first {first:6.2f} s  DAGOperation {beside:7.2f} s  ratio 1/{beside / first:4.1f}  |  "
        f"unchanged {again:5.2f} s ({unchanged[0]} reads, {unchanged[1]} writes)  |  "
        f"one changed {one:5.2f} s ({back[0]} reads, {back[1]} writes)",
        flush=True,
    )
    missed = []
    if first > beside * REACH.get(tasks, 1):
        missed.append(f"{tasks} tasks: 1/{beside / first:.1f} and not 1/{1 / REACH[tasks]:.0f} of DAGOperation's time")
    if unchanged[0] > 3 or unchanged[1]:
        missed.append(f"{tasks} tasks: an unchanged deploy makes {unchanged[0]} reads and {unchanged[1]} writes")
    if back[1] > 6:
        missed.append(f"{tasks} tasks: one changed task takes {back[1]} writes")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[100, 1000])
    chosen = parser.parse_args().tasks
    missed: list[str] = []
    with EmbeddedSnowflake() as server:
        session = SnowflakeSession(Connection("embedded", server.connection))
        session.rows("SELECT 1")
        measure(5, server, session, quiet=True)  # what is imported and opened once, on both sides
        server.admin.add_fault("delay", seconds=LATENCY, times=0)
        for tasks in chosen:
            missed += measure(tasks, server, session)
        session.close()
    for one in missed:
        print(f"not reached: {one}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
