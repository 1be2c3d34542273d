"""What mlops adds to a node: runs of 1, 1,000 and 10,000 trivial nodes, inline and a process each, everything recorded.

python benchmarks/running.py [--nodes 1000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

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
        one, one_memory = _median(options.rounds, folder, python, environ, "chain_1")
        thousand, memory = _median(options.rounds, folder, python, environ, f"chain_{options.nodes}")
        ten, ten_memory = _median(1, folder, python, environ, f"chain_{many}")
        single, _ = _median(options.rounds, folder, python, environ, "chain_1", "--executor", "process")
        forked, _ = _median(
            options.rounds,
            folder,
            python,
            environ,
            f"wide_{options.nodes}",
            "--executor",
            "process",
            "--max-workers",
            "2",
        )
        fresh = _fresh_interpreter(python, folder)
    inline_cost = (thousand - one) / (options.nodes - 1) * 1000
    many_cost = (ten - one) / (many - 1) * 1000
    process_cost = (forked - single) / (options.nodes - 1) * 1000
    reached = show(
        f"a trivial node, over runs of 1 and {options.nodes:,} nodes",
        [
            ("inline", inline_cost, 1.0, "ms a node"),
            (f"inline, {many:,} nodes / {options.nodes:,} nodes, per node", many_cost / inline_cost, 1.25, "×"),
            (f"peak memory of {many:,} nodes / {options.nodes:,} nodes", ten_memory / memory, 1.6, "×"),
            ("a process each, two at once", process_cost, 4.0, "ms a node"),
        ],
    )
    print(
        f"        a fresh interpreter each, doing nothing: {fresh * 1000:.1f} ms; one node in all: {one * 1000:.0f} ms"
    )
    print(f"        peak memory {one_memory / 1024:.0f}, {memory / 1024:.0f}, {ten_memory / 1024:.0f} MB")
    sys.exit(not reached)


def _median(
    rounds: int, folder: Path, python: Path, environ: Mapping[str, str], pipeline: str, *words: str
) -> tuple[float, float]:
    """Return the median wall time of a run in seconds and its peak memory in KiB."""
    times, memory = [], 0.0
    for _ in range(rounds):
        shutil.rmtree(folder / "data", ignore_errors=True)
        start = time.perf_counter()
        done = subprocess.run(
            [python, "-c", _MEASURED, "run", pipeline, "--quiet", *words],
            cwd=folder, env=environ, check=True, capture_output=True, text=True,
        )  # fmt: skip
        times.append(time.perf_counter() - start)
        memory = max(memory, float(done.stderr.rsplit("peak", 1)[1]))
    return statistics.median(times), memory


_MEASURED = """
import atexit, resource, sys
atexit.register(lambda: print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))
from mlops.__main__ import main
main()
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
