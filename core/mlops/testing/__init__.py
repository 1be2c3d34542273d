"""The kit for plugin authors: what a plugin's own tests import. Everything named here is public, and nothing else is.

Its fixtures come by themselves wherever mlops-framework is installed: ``mlops_project``, ``embedded_project`` and ``golden``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops.deploy.in_memory import InMemoryAccount
    from mlops.runs.results import Outcome
    from mlops.testing.checking import check
    from mlops.testing.findings import Finding, Report
    from mlops.testing.golden import Golden
    from mlops.testing.project import TemporaryProject
    from mlops.testing.target import Deployed

__all__ = ["Deployed", "Finding", "Golden", "InMemoryAccount", "Outcome", "Report", "TemporaryProject", "check"]

_HOMES = {
    "Deployed": "mlops.testing.target",
    "Finding": "mlops.testing.findings",
    "Golden": "mlops.testing.golden",
    "InMemoryAccount": "mlops.deploy.in_memory",
    "Outcome": "mlops.runs.results",
    "Report": "mlops.testing.findings",
    "TemporaryProject": "mlops.testing.project",
    "check": "mlops.testing.checking",
}


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'mlops.testing' has no attribute {name!r}") from None
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
