"""What plugins, notebooks and scripts import from mlops: everything named here is public, and nothing else is.

Each name is imported from its module when it is first used, so that ``from mlops import node`` in a plugin costs
the module of ``node`` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops.context import Context
    from mlops.credentials import hide_credentials
    from mlops.datasets.serializers import Facts, Serializer
    from mlops.declaration import node
    from mlops.errors import MlopsError
    from mlops.nodes import Endpoint, Node, Partitions, Resources, Retries, Serving
    from mlops.pipeline import Cron, Interval, Pipeline, Stream
    from mlops.plugins.hookspecs import hookimpl
    from mlops.runs.results import Outcome
    from mlops.workspace import RunFailedError, Workspace

__version__ = "0.1.0"

__all__ = [
    "Context",
    "Cron",
    "Endpoint",
    "Facts",
    "Interval",
    "MlopsError",
    "Node",
    "Outcome",
    "Partitions",
    "Pipeline",
    "Resources",
    "Retries",
    "RunFailedError",
    "Serializer",
    "Serving",
    "Stream",
    "Workspace",
    "__version__",
    "hide_credentials",
    "hookimpl",
    "node",
]

_HOMES = {
    "Context": "mlops.context",
    "Cron": "mlops.pipeline",
    "Endpoint": "mlops.nodes",
    "Facts": "mlops.datasets.serializers",
    "Interval": "mlops.pipeline",
    "MlopsError": "mlops.errors",
    "Node": "mlops.nodes",
    "Outcome": "mlops.runs.results",
    "Partitions": "mlops.nodes",
    "Pipeline": "mlops.pipeline",
    "Resources": "mlops.nodes",
    "Retries": "mlops.nodes",
    "RunFailedError": "mlops.workspace",
    "Serializer": "mlops.datasets.serializers",
    "Serving": "mlops.nodes",
    "Stream": "mlops.pipeline",
    "Workspace": "mlops.workspace",
    "hide_credentials": "mlops.credentials",
    "hookimpl": "mlops.plugins.hookspecs",
    "node": "mlops.declaration",
}


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'mlops' has no attribute {name!r}") from None
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
