"""What storing datasets costs: a DataFrame beside pyarrow alone, and a small value with its manifest.

    python benchmarks/datasets.py [--megabytes 200] [--repeat 5]

The frame is written and read in turns by both, each time in a process of its own, so that times and peaks of memory
are compared under the same load. Prints ratios, and exits with 1 when one is above its limit.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMITS = {"time": 1.1, "memory": 1.2, "write and commit, µs": 250.0, "read, µs": 100.0}
SMALL = 10_000
BATCH = 100


def make_frame(megabytes: int):  # type: ignore[no-untyped-def]  # pandas is imported in the measured process only
    """Return a frame of numbers, texts and categories of about this size in memory."""
    import numpy
    import pandas

    rows = megabytes * 1_000_000 // 137
    random = numpy.random.default_rng(7)
    names = numpy.array([f"customer_{number}" for number in range(5000)], dtype=object)
    return pandas.DataFrame(
        {f"amount_{number}": random.normal(size=rows) for number in range(6)}
        | {f"count_{number}": random.integers(0, 1000, rows) for number in range(2)}
        | {
            "name": names[random.integers(0, len(names), rows)],
            "plan": pandas.Categorical.from_codes(random.integers(0, 4, rows), ["a", "b", "c", "d"]),
        }
    )


def through_pyarrow(frame, folder: Path):  # type: ignore[no-untyped-def]  # as above
    """Write and read a frame with pyarrow's defaults; return what came back, and the seconds of each."""
    import pyarrow
    from pyarrow import parquet

    file = folder / "frame.parquet"
    start = time.perf_counter()
    parquet.write_table(pyarrow.Table.from_pandas(frame), file)
    written = time.perf_counter()
    back = parquet.read_table(file).to_pandas()
    return back, written - start, time.perf_counter() - written


def through_mlops(frame, folder: Path):  # type: ignore[no-untyped-def]  # as above
    """Write and read a frame as a dataset; return what came back, and the seconds of each."""
    from mlops.datasets.serializers import builtin
    from mlops.datasets.store import FileStore

    store = FileStore(folder, builtin())
    start = time.perf_counter()
    record = store.write("frame", frame)
    written = time.perf_counter()
    back = store.read(record)
    return back, written - start, time.perf_counter() - written


def measure_frame(how: str, megabytes: int, folder: Path) -> None:
    """Write and read the frame once; print seconds and the peak of memory in megabytes."""
    through = {"pyarrow": through_pyarrow, "mlops": through_mlops}[how]
    (folder / "first").mkdir()
    through(make_frame(1), folder / "first")  # imports and first calls are not what is compared
    frame = make_frame(megabytes)
    back, write, read = through(frame, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if not frame.equals(back):
        raise SystemExit(f"{how}: what came back is not what was written")
    print(write, read, peak)


def measure_small(folder: Path) -> dict[str, float]:
    """Return microseconds for a small value with its manifest, and for reading it: medians over batches."""
    from mlops.datasets.manifest import Manifest
    from mlops.datasets.serializers import builtin
    from mlops.datasets.store import FileStore

    store = FileStore(folder, builtin())
    writes, reads = [], []
    now = "2024-05-01T12:00:00Z"
    for batch in range(SMALL // BATCH):
        records = []
        start = time.perf_counter()
        for number in range(batch * BATCH, (batch + 1) * BATCH):
            record = store.write(f"value_{number}", {"rows": number, "mean": 0.5, "names": ["a", "b"]})
            records.append(record)
            manifest = Manifest(
                node=f"kit:node_{number}",
                version="1.0",
                source="0" * 16,
                fingerprint="",
                parameters={"number": number},
                inputs={"before": record.sha256},
                outputs=(record,),
                started=now,
                ended=now,
                mlops_version="0",
            )
            store.commit(manifest)
        written = time.perf_counter()
        for record in records:
            store.read(record)
        end = time.perf_counter()
        writes.append((written - start) / BATCH * 1e6)
        reads.append((end - written) / BATCH * 1e6)
    return {"write and commit, µs": statistics.median(writes), "read, µs": statistics.median(reads)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200, help="size of the frame in memory")
    parser.add_argument("--repeat", type=int, default=5, help="how often each is measured")
    parser.add_argument("--measure", choices=("pyarrow", "mlops"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.measure:
            measure_frame(options.measure, options.megabytes, folder)
            return 0
        found: dict[str, list[list[float]]] = {"pyarrow": [], "mlops": []}
        for _ in range(options.repeat):
            for how, rows in found.items():
                command = [sys.executable, __file__, "--measure", how, "--megabytes", str(options.megabytes)]
                answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                rows.append([float(word) for word in answer.split()])
        small = measure_small(folder / "small")
    medians = {how: [statistics.median(column) for column in zip(*rows, strict=True)] for how, rows in found.items()}
    print(f"{'':<22}{'write s':>10}{'read s':>10}{'both s':>10}{'peak MB':>10}")
    for how, (write, read, peak) in medians.items():
        print(f"{how:<22}{write:>10.3f}{read:>10.3f}{write + read:>10.3f}{peak:>10.0f}")
    ours, theirs = medians["mlops"], medians["pyarrow"]
    pairs = zip(found["mlops"], found["pyarrow"], strict=True)
    figures = {
        "time": statistics.median((a[0] + a[1]) / (b[0] + b[1]) for a, b in pairs),
        "memory": ours[2] / theirs[2],
        **small,
    }
    for label, figure in figures.items():
        print(f"{label:<22}{figure:>10.2f}   at most {LIMITS[label]:g}")
    return int(any(figure > LIMITS[label] for label, figure in figures.items()))


if __name__ == "__main__":
    sys.exit(main())
