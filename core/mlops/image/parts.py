"""The parts of an image: the framework and the plugins, each from a folder with its sources or from an index."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from urllib.parse import unquote, urlparse

from msgspec import Struct

from mlops.errors import UnknownNameError
from mlops.plugins.knowledge import Knowledge

FRAMEWORK = "mlops-framework"
EXTRAS = ("data", "models", "snowflake")
"""Extras of the framework that containers need."""

_NEEDED = "register_serializers"
"""The hook without which a container could not read what a node wrote elsewhere; others watch, and cost each start."""


class Part(Struct, frozen=True):
    """A distribution that goes into the image; ``source`` is the folder it was installed from, None for an index."""

    name: str
    version: str
    source: str | None = None

    @property
    def requirement(self) -> str:
        """How a requirements file names it."""
        extras = f"[{','.join(EXTRAS)}]" if self.name == FRAMEWORK else ""
        return f"{self.name}{extras}=={self.version}"


def parts_of(known: Iterable[Knowledge], chosen: Sequence[str] = ()) -> tuple[Part, ...]:
    """Return the framework and the chosen plugins; without a choice those that have nodes or serializers.

    Raises:
        UnknownNameError: a plugin that is chosen is not installed.
    """
    plugins = {one.distribution: one for one in known}
    if unknown := next((name for name in chosen if name not in plugins), None):
        raise UnknownNameError(kind="plugin", name=unknown, known=plugins)
    names = chosen or [
        name for name, one in plugins.items() if one.nodes or any(_NEEDED in plugin.hooks for plugin in one.hooks)
    ]
    return tuple(_part(name) for name in dict.fromkeys((FRAMEWORK, *sorted(names))))


def _part(name: str) -> Part:
    found = _distribution(name)
    url = json.loads(found.read_text("direct_url.json") or "{}").get("url", "")
    folder = unquote(urlparse(url).path) if url.startswith("file:") else ""
    return Part(name, found.version, folder if os.path.isdir(folder) else None)


def _distribution(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise UnknownNameError(kind="distribution", name=name, known=()) from None
