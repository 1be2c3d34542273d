"""How long generating the files of 1,000 nodes takes, beside what PyYAML needs to write the same data.

Everything from the graph to the text of every file is measured, with all checks, and once more with the comparison to the
files on disk. In one round all are measured one after another, and the ratios are medians of rounds.

python benchmarks/generate.py [--nodes 1000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta

import yaml
from environment import show

from mlops.compile.deployment import deployment_of
from mlops.compile.drift import compared, written
from mlops.compile.files import yaml_files
from mlops.configuration.targets import Pool, Target
from mlops.graph import Graph
from mlops.layers import settle
from mlops.nodes import Node, Origin, Resources
from mlops.parameters import Parameter
from mlops.pipeline import Cron, Pipeline
from mlops.registry import Registry
from mlops.resolution import graph_of

WIDTH = 50
COMMAND = "mlops generate wide"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    graph = layered(options.nodes)
    target = Target("prod", database="ml", schema="prod", warehouse="wh", pools={"default": Pool("pool")},
                    env={"LEVEL": "high"}, metric_groups=("system", "status"))  # fmt: skip
    parameters = settle(graph.nodes, ())

    def texts() -> dict[str, str]:
        return yaml_files(deployment_of(graph, target, project="demo", parameters=parameters), COMMAND)

    files = texts()
    data = [yaml.load(text, yaml.CSafeLoader) for text in files.values()]
    with tempfile.TemporaryDirectory() as folder:
        written(compared(files, folder, ["wide"], ".yaml"))
        rounds = [
            {
                "generate": seconds(texts),
                "generate and compare": seconds(lambda: compared(texts(), folder, ["wide"], ".yaml")),
                "safe_dump": seconds(lambda: [yaml.dump(one, Dumper=yaml.SafeDumper) for one in data]),
                "libyaml": seconds(lambda: [yaml.dump(one, Dumper=yaml.CSafeDumper) for one in data]),
            }
            for _ in range(options.rounds)
        ]
    ratios = {
        name: statistics.median(one[name] / one["safe_dump"] for one in rounds)
        for name in ("generate", "generate and compare", "libyaml")
    }
    medians = {name: statistics.median(one[name] for one in rounds) * 1000 for name in rounds[0]}
    size = sum(len(text) for text in files.values())
    reached = show(
        f"{len(files)} files of {options.nodes} nodes, {size / 1e6:.1f} MB (medians of {options.rounds} rounds)",
        [
            ("generate / yaml.safe_dump of the same files", ratios["generate"], 0.25, "×"),
            ("generate and compare with the disk / yaml.safe_dump", ratios["generate and compare"], 0.25, "×"),
        ],
    )
    print(f"  beside: yaml.dump with libyaml alone / yaml.safe_dump {ratios['libyaml']:.2f} ×;", end=" ")
    print(f"generate {medians['generate']:.0f} ms, safe_dump {medians['safe_dump']:.0f} ms")
    raise SystemExit(0 if reached else 1)


def layered(count: int) -> Graph:
    """Nodes in layers of 50, each with two parents and some parameters; the first of all is the parent of its layer."""
    nodes = []
    for at in range(count):
        layer = at // WIDTH
        above = {(at + step) % WIDTH + (layer - 1) * WIDTH for step in (0, 7)} if layer else {0} - {at}
        nodes.append(
            Node(
                f"step_{at}",
                Origin("demo-nodes", "1.0", f"demo:step_{at}"),
                inputs={f"rows_{one}": f"rows_{one}" for one in sorted(above)},
                outputs=(f"rows_{at}",),
                parameters=(Parameter("depth", at, "int"), Parameter("label", "x", "str")),
                resources=Resources(cpu=2, memory="4Gi"),
                timeout=timedelta(minutes=10),
            )
        )
    pipeline = Pipeline("wide", nodes=[node.full_name for node in nodes], schedule=Cron("0 2 * * *"))
    return graph_of(pipeline, Registry(nodes=tuple(nodes)))


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
