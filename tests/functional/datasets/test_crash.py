"""A process that is killed while it writes: what is committed is whole, what is not whole is not committed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pandas
import pytest

from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore

WRITER = '''
import hashlib, sys
from pathlib import Path
from mlops.datasets.manifest import Manifest
from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore
{imports}

def values(number):
    """Return what node ``number`` writes: a reader can compute it again."""
    {values}

def warm_up():
    """Load the libraries before the clock runs."""
    {warm_up}

if __name__ == "__main__":
    warm_up()
    store = FileStore(sys.argv[1], builtin())
    committed = store.manifests()
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    for number in range(10_000):
        if f"kit:node_{{number}}" in committed:
            continue
        outputs = tuple(store.write(f"{{name}}_{{number}}", value) for name, value in values(number).items())
        store.commit(Manifest(node=f"kit:node_{{number}}", version="1", source="", fingerprint="",
                              parameters={{"number": number}}, inputs={{}}, outputs=outputs, started="", ended="",
                              mlops_version="0"))
'''

PLAIN = {
    "imports": "",
    "warm_up": "",
    "values": """return {
        "numbers": [number] * 20_000,
        "bytes": hashlib.sha256(str(number).encode()).digest() * 40_000,
        "folder": Path(__file__).with_name("source"),
        "word": str(number),
    }""",
}
TABLES = {
    "imports": "import numpy, pandas",
    "warm_up": "FileStore(sys.argv[1] + '-first', builtin()).write('frame', pandas.DataFrame({'a': ['b']}))",
    "values": """return {
        "frame": pandas.DataFrame({"a": numpy.arange(200_000) + number, "b": [str(number)] * 200_000}),
        "array": numpy.arange(500_000.0) + number,
    }""",
}


@pytest.mark.parametrize(("kind", "kills"), [("plain", 60), ("tables", 8)])
def test_whenever_a_writer_is_killed_every_committed_dataset_is_whole_and_the_next_one_goes_on(
    tmp_path: Path, kind: str, kills: int
) -> None:
    chance = random.Random(20240501)
    writer = tmp_path / "writer.py"
    writer.write_text(WRITER.format(**(PLAIN if kind == "plain" else TABLES)))
    (tmp_path / "source" / "deep").mkdir(parents=True)
    for number in range(4):
        (tmp_path / "source" / "deep" / f"{number}.bin").write_bytes(bytes([number]) * 100_000)
    scope: dict[str, object] = {"__file__": str(writer), "__name__": "writer"}
    exec(writer.read_text(), scope)
    seen: set[str] = set()
    torn = 0

    for attempt in range(kills):
        run = tmp_path / f"run-{attempt // 10}"  # ten killed writers continue one run
        if attempt % 10 == 0:
            seen = set()
        process = subprocess.Popen([sys.executable, writer, run], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as ready:
            assert ready.readline() == b"ready\n"
        time.sleep(chance.uniform(0, 0.06))
        process.send_signal(signal.SIGKILL)
        process.wait()

        store = FileStore(run, builtin())
        manifests = store.manifests()
        assert seen <= set(manifests), "a commit was lost"
        for node in set(manifests) - seen:
            wanted = scope["values"](manifests[node].parameters["number"])  # type: ignore[operator]  # a function
            read = {record.name.rpartition("_")[0]: store.read(record) for record in manifests[node].outputs}
            assert read.keys() == wanted.keys()
            for name, value in wanted.items():
                assert equal(read[name], value), name
        seen = set(manifests)
        committed = {record.path for manifest in manifests.values() for record in manifest.outputs}
        torn += any(path.name not in committed and "manifest" not in path.name for path in run.glob("*"))

    assert torn >= kills // 10, "kills are meant to hit a writer at work"


def equal(one: object, other: object) -> bool:
    if isinstance(other, Path):
        assert isinstance(one, Path)
        return {path.relative_to(one): path.read_bytes() for path in one.rglob("*.bin")} == {
            path.relative_to(other): path.read_bytes() for path in other.rglob("*.bin")
        }
    if isinstance(other, pandas.DataFrame):
        return other.equals(one)
    return numpy.array_equal(one, other) if isinstance(other, numpy.ndarray) else one == other  # type: ignore[arg-type]  # an array
