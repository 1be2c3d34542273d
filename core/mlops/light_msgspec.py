"""msgspec, imported without what its imports bring along and a node's start never uses: two fifths of what it costs.

msgspec imports modules for what hardly anyone asks of it: schemas, and types that describe types. Those and their own imports
compile a dozen patterns. While msgspec is being imported, a stand-in is in their place that imports the module itself when
something of it is asked for. Whoever else imports one gets it whole, as always.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType


def import_msgspec() -> None:
    """Import msgspec, where it is not yet."""
    if "msgspec" in sys.modules:
        return
    put: dict[str, ModuleType | None] = {name: _Deferred(name) for name in ("textwrap", "msgspec.inspect")}
    if hasattr(os, "uname"):
        put["platform"] = platform = _Deferred("platform")
        # all that uuid asks of it as it is imported; the real one compiles nine patterns before it answers
        vars(platform)["system"] = lambda: os.uname().sysname
    if sys.version_info >= (3, 11):
        # what Python itself knows as not to be found: msgspec takes the same names from typing then
        put["typing_extensions"] = None
    put = {name: module for name, module in put.items() if name not in sys.modules}
    sys.modules.update(put)  # type: ignore[arg-type]  # a module that is not to be found is None there
    try:
        import msgspec  # noqa: F401
    finally:
        for name, module in put.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


class _Deferred(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # what the import system asks of a module while it is being imported
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)
