"""An environment to measure in: a virtual environment of its own with generated distributions, installed from wheels.

Everything is compiled to bytecode, mlops as well, as an ordinary install does it.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent


def wheel(folder: Path, name: str, files: Mapping[str, str], entry_points: str = "") -> Path:
    """Write a wheel of the distribution ``name`` 1.0 with these files."""
    stem = name.replace("-", "_")
    info = f"{stem}-1.0.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: benchmark\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if entry_points:
        content[f"{info}/entry_points.txt"] = entry_points
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in content.items())
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in content.items():
            archive.writestr(inner, text)
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    return path


def environment(folder: Path, wheels: Sequence[Path] = ()) -> Path:
    """Make a virtual environment with mlops and the wheels in it, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    built = folder / "wheels"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", built],
        check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--compile-bytecode",
         "--python", python, *built.glob("*.whl"), *wheels],
        check=True,
    )  # fmt: skip
    site = next((folder / "lib").glob("python*/site-packages"))
    # the dependencies, in a folder of their own behind the environment's: links to what is installed here
    behind = folder / "dependencies"
    behind.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("mlops", "_editable_impl", "__editable__")) and entry.suffix != ".pth":
            (behind / entry.name).symlink_to(entry)
    (site / "behind.pth").write_text(f"{behind}\n")
    return python


def clean_environ(folder: Path) -> dict[str, str]:
    """Return the variables to measure with: bytecode is written, the cache is the folder's own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLOPS_", "PYTHON"))}
    return {**kept, "MLOPS_CACHE_DIR": str(folder / "cache")}


def side_by_side(
    commands: Mapping[str, Sequence[str | Path]], *, rounds: int, cwd: Path, environ: Mapping[str, str]
) -> dict[str, float]:
    """Return the median wall time of each command in seconds, the commands taking turns after one warm-up each."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(
                command, check=True, cwd=cwd, env=dict(environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            if number:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def show(title: str, rows: Sequence[tuple[str, float, float, str]]) -> bool:
    """Print what was measured beside what is to be reached, as ratios, and tell whether all of it is reached."""
    print(f"\n{title}")
    reached = True
    for what, measured, limit, unit in rows:
        good = measured <= limit
        reached &= good
        print(f"  {'ok ' if good else 'OVER'}  {what:<62} {measured:8.2f} {unit:<12} (reach ≤ {limit:g})")
    return reached


def timed(function: Callable[[], object]) -> float:
    """Return how long a call takes, in seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _digest(text: str) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
