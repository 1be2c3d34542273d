"""How long `mlops --version`, `--help`, a warm `nodes list` and `run-node` take, beside a click + pluggy hello.

python benchmarks/start.py [--rounds 15] [--distributions 1000]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from environment import clean_environ, environment, show, side_by_side, wheel

HELLO = """
import click, pluggy
manager = pluggy.PluginManager("hello")
@click.command()
def hello():
    click.echo("hello")
hello()
"""
LISTING_HELLO = """
import click, pluggy
from importlib.metadata import distributions
manager = pluggy.PluginManager("hello")
@click.command()
def hello():
    for distribution in distributions():
        for entry in distribution.entry_points:
            if entry.group == "mlops.nodes":
                click.echo(f"{entry.name} {distribution.metadata['Name']} {distribution.version}")
hello()
"""
START = "import click, pluggy, time\nopen('entered', 'w').write(str(time.monotonic()))"
ENTER = """
from mlops import node

@node(outputs=[])
def enter():
    import time
    open('entered', 'w').write(str(time.monotonic()))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--distributions", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = environment(folder / "venv", _wheels(folder, options.distributions))
        environ, mlops = clean_environ(folder), [python.parent / "mlops"]
        (folder / "hello.py").write_text(HELLO)
        (folder / "listing.py").write_text(LISTING_HELLO)
        (folder / "start.py").write_text(START)
        measured = side_by_side(
            {
                "hello": [python, "hello.py"],
                "listing hello": [python, "listing.py"],
                "version": [*mlops, "--version"],
                "help": [*mlops, "--help"],
                "list": [*mlops, "nodes", "list"],
            },
            rounds=options.rounds,
            cwd=folder,
            environ=environ,
        )
        measured |= _until_entered(
            {"start": [python, "start.py"], "run-node": [*mlops, "run-node", "enter"]}, options.rounds, folder, environ
        )
    reached = show(
        f"start-up with 100 plugins × 10 nodes among {options.distributions} distributions (medians of {options.rounds})",
        [
            ("mlops --version / click + pluggy hello", measured["version"] / measured["hello"], 1.3, "×"),
            ("mlops --help / click + pluggy hello", measured["help"] / measured["hello"], 1.3, "×"),
            (
                "mlops nodes list / hello that lists its entry points",
                measured["list"] / measured["listing hello"],
                1.3,
                "×",
            ),
            (
                "mlops run-node until the function is entered / python, click, pluggy",
                measured["run-node"] / measured["start"],
                1.5,
                "×",
            ),
        ],
    )
    for what, seconds in measured.items():
        print(f"        {what:<16} {seconds * 1000:7.1f} ms")
    sys.exit(not reached)


def _until_entered(
    commands: Mapping[str, Sequence[str | Path]], rounds: int, folder: Path, environ: Mapping[str, str]
) -> dict[str, float]:
    """Return the median time from starting each command until it has written the file ``entered``, in seconds."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            start = time.monotonic()
            subprocess.run(command, check=True, cwd=folder, env=dict(environ), capture_output=True)
            if number:
                times[name].append(float((folder / "entered").read_text()) - start)
    return {name: statistics.median(found) for name, found in times.items()}


def _wheels(folder: Path, count: int) -> list[Path]:
    """Write 100 plugins whose modules import pandas and scikit-learn, and other distributions up to ``count``."""
    wheels = []
    for number in range(100):
        functions = "\n".join(
            f"@node(outputs=['p{number}_d{index}'])\ndef p{number}_n{index}(p{number}_s: int = {index}) -> int:\n"
            f"    return p{number}_s\n" for index in range(10)
        )  # fmt: skip
        entries = "\n".join(f"p{number}_n{index} = bench_plugin_{number}:p{number}_n{index}" for index in range(10))
        code = f"import pandas\nimport sklearn.ensemble\nfrom mlops import node\n{functions}"
        wheels.append(
            wheel(folder, f"bench-plugin-{number}", {f"bench_plugin_{number}.py": code}, f"[mlops.nodes]\n{entries}\n")
        )
    wheels.append(wheel(folder, "bench-enter", {"bench_enter.py": ENTER}, "[mlops.nodes]\nenter = bench_enter:enter\n"))
    for number in range(count - len(wheels)):
        wheels.append(wheel(folder, f"bench-other-{number}", {f"bench_other_{number}.py": ""}))
    return wheels


if __name__ == "__main__":
    main()
