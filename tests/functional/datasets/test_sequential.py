"""Every file is written from front to back, once: what a stage that is mounted as a volume allows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy
import pandas
import polars
import pytest

from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore

VALUES: dict[str, Callable[[], object]] = {
    "json": lambda: {"rows": list(range(50_000))},
    "pandas": lambda: pandas.DataFrame({f"c{n}": numpy.arange(300_000.0) + n for n in range(4)}),
    "polars": lambda: polars.DataFrame({f"c{n}": numpy.arange(300_000.0) + n for n in range(4)}),
    "array": lambda: numpy.arange(900_000.0).reshape(300, 3000),
    "fortran array": lambda: numpy.asfortranarray(numpy.arange(900_000.0).reshape(300, 3000)),
    "bytes": lambda: bytes(range(256)) * 40_000,
    "pickle": lambda: slice(0, 10**6),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_pipe_which_cannot_seek_receives_the_same_bytes_as_a_file(tmp_path: Path, name: str) -> None:
    value = VALUES[name]()
    serializer = builtin(allow_pickle=True).for_value(value)
    serializer.write(value, tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))
    reader.start()

    serializer.write(value, tmp_path / "pipe")
    reader.join()

    assert received == [(tmp_path / "file").read_bytes()]
    assert len(received[0]) > 10


PROGRAM = """
import sys
from pathlib import Path
import numpy, pandas, polars
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from mlops.datasets.manifest import Manifest
from mlops.datasets.serializers import builtin
from mlops.datasets.store import FileStore

folder, source = map(Path, sys.argv[1:])
store = FileStore(folder, builtin(allow_pickle=True))
values = {
    "json": {"a": 1},
    "pandas": pandas.DataFrame({f"c{n}": numpy.arange(200_000.0) + n for n in range(4)}),
    "polars": polars.DataFrame({f"c{n}": numpy.arange(200_000.0) + n for n in range(4)}),
    "array": numpy.arange(900_000.0),
    "bytes": bytes(9_000_000),
    "model": LogisticRegression().fit([[0.0], [1.0]], [0, 1]),
    "pickle": slice(1),
    "figure": Figure(),
    "folder": source,
}
records = tuple(store.write(name, value) for name, value in values.items())
store.commit(Manifest(node="kit:node", version="1", source="", fingerprint="", parameters={}, inputs={},
                      outputs=records, started="", ended="", mlops_version="0"))
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_system_sees_no_seek_append_rename_or_second_write_to_a_file_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "source" / "deep").mkdir(parents=True)
    (tmp_path / "source" / "deep" / "a.bin").write_bytes(bytes(3_000_000))
    run, trace = tmp_path / "run", tmp_path / "trace"

    subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-y", "-s", "0", "-o", str(trace), "-e", "trace=desc,file", sys.executable, "-c", PROGRAM,
         str(run), str(tmp_path / "source")],
        check=True,
        timeout=100,
    )  # fmt: skip

    calls = [
        line.split(maxsplit=1)[1]
        for line in trace.read_text(errors="replace").splitlines()
        if f"{run}/" in line and " = -1 " not in line
    ]
    opened = [call for call in calls if re.match(r"open(at)?\(", call) and ("O_WRONLY" in call or "O_RDWR" in call)]
    files = sorted(str(path) for path in run.rglob("*") if path.is_file())
    assert len(files) == 11
    assert sorted(re.findall(r'"([^"]+)"', call)[0] for call in opened) == files
    assert [call for call in opened if "O_APPEND" in call or "O_RDWR" in call] == []
    forbidden = ("rename", "link", "truncate", "ftruncate", "fallocate", "pwrite", "copy_file_range", "unlink")
    assert [call for call in calls if call.startswith(forbidden)] == []
    written = {match[1] for call in calls if (match := re.match(r"(?:write|writev)\(\d+<([^>]+)>", call))}
    assert sorted(written) == files
    assert [call for call in calls if re.match(r"_?ll?seek\(", call)] == []


def test_a_store_of_an_earlier_attempt_is_replaced_by_new_files_not_written_over(tmp_path: Path) -> None:
    store = FileStore(tmp_path, builtin())
    store.write("rows", [1, 2, 3])
    before = os.stat(tmp_path / "rows.json")
    held = (tmp_path / "rows.json").open("rb")

    store.write("rows", [4])

    with held:
        assert held.read() == b"[1, 2, 3]\n"
    assert os.stat(tmp_path / "rows.json").st_ino != before.st_ino
