"""How many threads numeric libraries start in a container, by the files that Linux tells its quota in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops.container.cpus import THREADS, bound_threads, cpu_quota


def written(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "what\n"}, None),
        ({}, None),
    ],
)
def test_the_quota_is_read_from_either_kind_of_control_group(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    assert cpu_quota(written(tmp_path, files)) == quota


@pytest.mark.parametrize(("quota", "threads"), [(10_000, 1), (100_000, 1), (100_001, 2), (10_000_000, os.cpu_count())])
def test_there_is_a_thread_for_each_cpu_begun_and_none_more_than_the_machine_has(
    tmp_path: Path, quota: int, threads: int
) -> None:
    environ: dict[str, str] = {}

    assert bound_threads(environ, root=written(tmp_path, {"cpu.max": f"{quota} 100000\n"})) == min(
        threads, os.cpu_count() or 1
    )
    assert environ == {THREADS: str(min(threads, os.cpu_count() or 1))}


def test_what_is_set_stays(tmp_path: Path) -> None:
    environ = {THREADS: "4"}

    assert bound_threads(environ, root=written(tmp_path, {"cpu.max": "100000 100000\n"})) is None
    assert environ == {THREADS: "4"}


def test_without_a_quota_nothing_is_set(tmp_path: Path) -> None:
    environ: dict[str, str] = {}

    assert bound_threads(environ, root=str(tmp_path)) is None
    assert environ == {}
