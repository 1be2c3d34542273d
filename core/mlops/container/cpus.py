"""The CPUs that a container may use: numeric libraries start a thread for each of the machine's, which its quota then halts.

NumPy's OpenBLAS and MKL, scikit-learn, XGBoost, LightGBM and PyArrow all heed ``OMP_NUM_THREADS``.
"""

from __future__ import annotations

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

THREADS = "OMP_NUM_THREADS"


def bound_threads(environ: MutableMapping[str, str], *, root: str = "/sys/fs/cgroup") -> int | None:
    """Let numeric libraries that are imported from now on start as many threads as the container has CPUs.

    Return that number, or None where nothing was set: the container has no quota, or the variable has a value already.
    """
    quota = cpu_quota(root)
    if quota is None or THREADS in environ:
        return None
    threads = max(1, min(math.ceil(quota), os.cpu_count() or 1))
    environ[THREADS] = str(threads)
    return threads


def cpu_quota(root: str) -> float | None:
    """Return how many CPUs the control group of this process may use, 0.5 is half of one; None where it is not limited.

    Source: Linux kernel documentation, "Control Group v2", cpu.max; "CFS Bandwidth Control", cpu.cfs_quota_us.
    """
    words = (
        _read(root, "cpu.max") or f"{_read(root, 'cpu/cpu.cfs_quota_us')} {_read(root, 'cpu/cpu.cfs_period_us')}"
    ).split()
    try:
        quota, period = (int(word) for word in words)
    except ValueError:  # "max", or no such file
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read(root: str, name: str) -> str:
    try:
        return Path(root, name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
