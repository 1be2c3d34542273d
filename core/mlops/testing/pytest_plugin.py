"""What pytest gains where mlops-framework is installed: fixtures of the kit, and the contract as tests of its own.

Nothing heavy is imported before a test asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mlops.testing.findings import Check
    from mlops.testing.golden import Golden
    from mlops.testing.project import TemporaryProject


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--mlops-plugin`` and ``--mlops-rewrite``."""
    group = parser.getgroup("mlops")
    group.addoption(
        "--mlops-plugin",
        action="append",
        default=[],
        metavar="PLUGIN",
        help="check that a plugin (distribution, folder or wheel) keeps the contract, a test for each check",
    )
    group.addoption("--mlops-rewrite", action="store_true", help="write the files of the fixture golden anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """The golden files of this test: ``golden.check({name: text})`` compares, ``--mlops-rewrite`` writes them."""
    from mlops.testing.golden import Golden

    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    return Golden(request.path.parent / "golden" / name, rewrite=request.config.getoption("--mlops-rewrite"))


@pytest.fixture
def mlops_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TemporaryProject]:
    """A project of the test's own that no setting of the machine reaches; its runs have no services."""
    from mlops.testing.project import TemporaryProject

    project = TemporaryProject(_insulated(tmp_path, monkeypatch))
    yield project
    project.close()


@pytest.fixture
def embedded_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[TemporaryProject]:
    """A project whose runs have the embedded Snowflake; mlops-embedded must be installed. The server lives for a module."""
    from mlops.testing.project import TemporaryProject

    server: Any = request.getfixturevalue("embedded_snowflake")  # Any: of mlops-embedded, which core does not import
    project = TemporaryProject(_insulated(tmp_path, monkeypatch), connection=server.connection)
    yield project
    project.close()


def _insulated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from mlops.configuration.settings import KEYS

    for key in KEYS:
        if not key.name.startswith("plugins."):
            monkeypatch.delenv(key.variable, raising=False)
    project = folder / "mlops_project"
    project.mkdir()
    return project


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each check of each plugin that ``--mlops-plugin`` names."""
    for plugin in config.getoption("--mlops-plugin"):
        items.extend(_items(session, plugin))


def _items(session: pytest.Session, plugin: str) -> Iterator[pytest.Item]:
    from mlops.testing.checking import check

    for one in check(plugin).checks:
        item = ContractItem.from_parent(session, name=f"{plugin}[{one.name}]")
        item.check = one
        yield item


class ContractItem(pytest.Item):
    """One check of one plugin, as a test."""

    check: Check

    def runtest(self) -> None:
        """Fail where the check has found an error."""
        if not self.check.passed:
            raise BrokenContract(self.check)

    def repr_failure(self, excinfo: Any, style: Any = None) -> str:  # Any: as pytest has it
        """Return the findings in place of a traceback."""
        del style
        from mlops.testing.findings import told

        if isinstance(excinfo.value, BrokenContract):
            return "\n".join(told(finding) for finding in excinfo.value.check.findings)
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where it stands in the report."""
        return self.path, None, f"contract: {self.name}"


class BrokenContract(Exception):
    """A check has found an error."""

    def __init__(self, check: Check) -> None:
        super().__init__(check.title)
        self.check = check
