"""What mlops adds to a node: runs of 1, 1,000 and 10,000 trivial nodes, inline and a process each, everything recorded.

python benchmarks/running.py [--nodes 1000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from environment import clean_environ, environment, show, wheel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    many = options.nodes * 10
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = environment(
            folder / "venv", [_plugin(folder, 1), _plugin(folder, options.nodes), _plugin(folder, many)]
        )
        environ = clean_environ(folder)
        subprocess.run(
            [python, "-m", "mlops", "nodes", "list"], cwd=folder, env=environ, check=True, capture_output=True
        )
        one = _median(options.rounds, folder, python, environ, "chain_1")
        thousand = _median(options.rounds, folder, python, environ, f"chain_{options.nodes}")
        ten = _median(options.rounds, folder, python, environ, f"chain_{many}")
        words = ("--executor", "process", "--max-workers", "2")
        single = _median(options.rounds, folder, python, environ, "chain_1", *words)
        forked = _median(options.rounds, folder, python, environ, f"wide_{options.nodes}", *words)
        floor, floor_processor = _bare_forks(options.rounds, folder, python, environ, options.nodes)
        fresh = _fresh_interpreter(python, folder)
    inline_cost = (thousand.seconds - one.seconds) / (options.nodes - 1) * 1000
    many_cost = (ten.seconds - one.seconds) / (many - 1) * 1000
    process_cost = (forked.seconds - single.seconds) / (options.nodes - 1) * 1000
    processor_cost = (forked.processor - single.processor) / (options.nodes - 1) * 1000
    reached = show(
        f"a trivial node, over runs of 1 and {options.nodes:,} nodes",
        [
            ("inline", inline_cost, 1.0, "ms a node"),
            (f"inline, {many:,} nodes / {options.nodes:,} nodes, per node", many_cost / inline_cost, 1.25, "×"),
            (f"peak memory of {many:,} nodes / {options.nodes:,} nodes", ten.memory / thousand.memory, 1.6, "×"),
            ("a process each, two at once", process_cost, 4.0, "ms a node"),
        ],
    )
    print(f"        of a process each, processor time: {processor_cost:.1f} ms a node")
    print(
        f"        the same server forking children that only say one byte: {floor:.1f} ms each, {floor_processor:.1f} ms of processor time"
    )
    print(
        f"        a fresh interpreter each, doing nothing: {fresh * 1000:.1f} ms; one node in all: {one.seconds * 1000:.0f} ms"
    )
    print(f"        peak memory {one.memory / 1024:.0f}, {thousand.memory / 1024:.0f}, {ten.memory / 1024:.0f} MB")
    sys.exit(not reached)


class _Cost(NamedTuple):
    """What a run took: wall time and processor time (of all its processes) in seconds, peak memory in KiB."""

    seconds: float
    processor: float
    memory: float


def _median(rounds: int, folder: Path, python: Path, environ: Mapping[str, str], pipeline: str, *words: str) -> _Cost:
    """Return the medians over some runs, and the most memory that one of them took.

    Each run has a new data folder, and none is removed before the end: for a minute after a thousand files were removed,
    ext4 looks for a free inode among theirs, and creating a file takes several times as long.
    """
    costs = []
    for _ in range(rounds):
        project = Path(tempfile.mkdtemp(dir=folder))
        os.sync()  # or what the run before has written is brought to disk meanwhile
        start = time.perf_counter()
        done = subprocess.run(
            [python, "-c", _MEASURED, "run", pipeline, "--quiet", *words],
            cwd=project, env=environ, check=True, capture_output=True, text=True,
        )  # fmt: skip
        processor, memory = map(float, done.stderr.rsplit("cost", 1)[1].split())
        costs.append(_Cost(time.perf_counter() - start, processor, memory))
    seconds, processor, memory = zip(*costs, strict=True)
    return _Cost(statistics.median(seconds), statistics.median(processor), max(memory))


_MEASURED = """
import atexit, resource, sys
def show():
    own, below = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    print("cost", own.ru_utime + own.ru_stime + below.ru_utime + below.ru_stime, own.ru_maxrss, file=sys.stderr)
atexit.register(show)
from mlops.__main__ import main
main()
"""


def _bare_forks(rounds: int, folder: Path, python: Path, environ: Mapping[str, str], count: int) -> tuple[float, float]:
    """Return what it costs to fork a process of the same size, two at once, whose children do nothing: milliseconds."""
    found = []
    for _ in range(rounds):
        done = subprocess.run(
            [python, "-c", _FORKING, str(count)], cwd=folder, env=environ, check=True, capture_output=True, text=True
        )
        found.append([float(word) for word in done.stdout.split()])
    seconds, processor = zip(*found, strict=True)
    return statistics.median(seconds) / count * 1000, statistics.median(processor) / count * 1000


_FORKING = """
import gc, os, resource, select, sys, time
import mlops.runs.processes.forking
from mlops.nodes import Origin
from mlops.plugins.loading import preload
from mlops.runs.processes.execution import rehearsed
from mlops.runs.preparation import LocalPreparation

count = int(sys.argv[1])
preload([Origin("", "", "", through=f"bench_nodes_{count}")])
rehearsed(LocalPreparation("none", False))
gc.collect()
gc.freeze()
poll, running = select.poll(), {}

def start():
    answer, theirs = os.pipe()
    process = os.fork()
    if not process:
        os.write(theirs, b"x")
        os._exit(0)
    os.close(theirs)
    poll.register(answer, select.POLLIN)
    running[answer] = process

start_time, before = time.perf_counter(), time.process_time()
start(), start()
left = count - 2
while running:
    for answer, _ in poll.poll():
        os.read(answer, 1)
        poll.unregister(answer)
        os.close(answer)
        os.waitpid(running.pop(answer), 0)
        if left:
            left -= 1
            start()
below = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - start_time, time.process_time() - before + below.ru_utime + below.ru_stime)
"""


def _plugin(folder: Path, size: int) -> Path:
    """Write a plugin with a chain of nodes, each reading what the one before wrote, and as many that read nothing."""
    code = f"""
from mlops import Pipeline, hookimpl, node


def make(kind, index):
    reads = [f"{{kind}}_{size}_d{{index - 1}}"] if kind == "chain" and index else None
    if reads is None:
        def function():
            return index
    else:
        def function(inputs):
            return inputs[reads[0]] + 1
    return node(name=f"{{kind}}_{size}_n{{index}}", outputs=[f"{{kind}}_{size}_d{{index}}"], inputs=reads)(function)


@hookimpl
def register_nodes():
    return [make(kind, index) for kind in ("chain", "wide") for index in range({size})]


@hookimpl
def register_pipelines():
    return [
        Pipeline(f"{{kind}}_{size}", nodes=[f"{{kind}}_{size}_n{{index}}" for index in range({size})])
        for kind in ("chain", "wide")
    ]
"""
    module = f"bench_nodes_{size}"
    return wheel(folder, f"bench-nodes-{size}", {f"{module}.py": code}, f"[mlops.plugins]\nnodes = {module}\n")


def _fresh_interpreter(python: Path, folder: Path) -> float:
    times = []
    for _ in range(11):
        start = time.perf_counter()
        subprocess.run([python, "-c", "pass"], check=True, cwd=folder)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
