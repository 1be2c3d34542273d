"""The parts of an image: the framework and the plugins, each from a folder with its sources, a wheel, or an index."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from urllib.parse import unquote, urlparse

from msgspec import Struct

from mlops.errors import ProjectError, UnknownNameError
from mlops.plugins.knowledge import SERIALIZERS, Knowledge

FRAMEWORK = "mlops-framework"
EXTRAS = ("data", "models", "snowflake")
"""Extras of the framework that containers need."""


class Part(Struct, frozen=True):
    """A distribution that goes into the image; ``source`` is the folder or wheel it was installed from, None for an index."""

    name: str
    version: str
    source: str | None = None

    @property
    def requirement(self) -> str:
        """How a requirements file names it."""
        extras = f"[{','.join(EXTRAS)}]" if self.name == FRAMEWORK else ""
        return f"{self.name}{extras}=={self.version}"


class PartError(ProjectError):
    """A distribution was installed from where it cannot be had again for the image. ``place`` says from where."""

    def __init__(self, name: str, place: str) -> None:
        self.name, self.place = name, place
        super().__init__(
            f"{name} was installed from {place}: the image is made of folders, wheels and packages of an index",
            hint=f"install it from a folder (pip install ./{name}) or a wheel that stays, or leave it out with --plugin",
        )


def parts_of(known: Iterable[Knowledge], chosen: Sequence[str] = ()) -> tuple[Part, ...]:
    """Return the framework and the chosen plugins; without a choice those that have nodes or serializers.

    Raises:
        UnknownNameError: a plugin that is chosen is not installed.
        PartError: one was installed from where it cannot be had again.
    """
    plugins = {one.distribution: one for one in known}
    if unknown := next((name for name in chosen if name not in plugins), None):
        raise UnknownNameError(kind="plugin", name=unknown, known=plugins)
    names = chosen or [  # plugins that only watch are left out: they cost each start
        name for name, one in plugins.items() if one.nodes or any(SERIALIZERS in plugin.hooks for plugin in one.hooks)
    ]
    return tuple(_part(name) for name in dict.fromkeys((FRAMEWORK, *sorted(names))))


def _part(name: str) -> Part:
    found = _distribution(name)
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    url = urlparse(origin.get("url", ""))
    if url.scheme == "file":
        path = unquote(url.path)
        if not os.path.exists(path):
            raise PartError(name, f"{path}, which is gone")
        if os.path.isdir(path) or path.endswith(".whl"):
            return Part(name, found.version, path)
        raise PartError(name, path)
    if origin:
        raise PartError(
            name, f"{origin.get('vcs_info', {}).get('vcs', url.scheme)} at {url.hostname or 'another place'}"
        )
    return Part(name, found.version)


def _distribution(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise UnknownNameError(kind="distribution", name=name, known=()) from None
