"""Real distributions for tests: built from tests/plugins, installed into environments of their own, found by entry points."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

PLUGINS = Path(__file__).parent / "plugins"

# how long an example takes says how busy the machine is
settings.register_profile("mlops", parent=settings(), deadline=None)
settings.load_profile("mlops")


@dataclass(frozen=True)
class Environment:
    """A virtual environment that sees the packages of the test run and has plugins of its own.

    The plugins of the test run itself are switched off in it, so that a test sees those it asked for.
    """

    folder: Path
    cache: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *projects: Path, editable: bool = False) -> None:
        """Build and install distributions, as pip does; ``editable`` lets their code stay where it is."""
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation",
             "--python", self.python, *(word for project in projects for word in (["--editable"] * editable + [project]))],
            check=True,
            env={**os.environ, "UV_NO_CONFIG": "1"},
        )  # fmt: skip

    def uninstall(self, *names: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "uninstall", "--quiet", "--python", self.python, *names], check=True
        )

    def environ(self, **variables: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLOPS_", "SNOWFLAKE_"))}
        return {**kept, "MLOPS_CACHE_DIR": str(self.cache), "MLOPS_DISABLE_PLUGINS": "mlops-*", **variables}

    def start(self, *words: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
        """Start the command ``mlops`` of this environment."""
        return subprocess.Popen(
            [self.python, "-m", "mlops", *words],
            cwd=cwd,
            env=self.environ(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def mlops(self, *words: str, cwd: Path, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command ``mlops`` of this environment to its end."""
        return subprocess.run(
            [self.python, "-m", "mlops", *words],
            cwd=cwd,
            env=self.environ(**variables),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


MakeEnvironment = Callable[[Sequence[str]], Environment]


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory: pytest.TempPathFactory) -> MakeEnvironment:
    """Return a function that makes an environment with some of the plugins under tests/plugins."""

    def make(plugins: Sequence[str]) -> Environment:
        folder = tmp_path_factory.mktemp("environment")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        environment = Environment(folder / "venv", folder / "cache")
        site = Path(
            subprocess.run(
                [environment.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
        )
        (site / "tests.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})")
        if plugins:
            environment.install(*(PLUGINS / name for name in plugins))
        return environment

    return make


@pytest.fixture(scope="session")
def healthy(make_environment: MakeEnvironment) -> Environment:
    """An environment whose plugins all work."""
    return make_environment(["kit-healthy", "kit-hooks", "kit-troubled"])


@pytest.fixture(scope="session")
def broken(make_environment: MakeEnvironment) -> Environment:
    """An environment with every way a plugin can be broken, and one that works."""
    return make_environment(
        ["kit-healthy", "kit-raises", "kit-hangs", "kit-exits", "kit-quits", "kit-prints", "kit-misspelt",
         "kit-duplicate", "kit-invalid"]
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project folder."""
    return tmp_path
