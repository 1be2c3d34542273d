"""A distribution made by a test: a module of nodes that is installed for as long as the test runs.

Authors of hooks, serializers and commands try them on nodes of their own making; mlops finds these by their metadata, as it
finds any other plugin.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class SamplePlugins:
    """Distributions in a folder that is on the path until ``remove`` is called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: list[str] = []

    def install(self, name: str, source: str, entry_points: Mapping[str, Sequence[str]]) -> None:
        """Write a module and the metadata that names its objects; ``entry_points`` maps groups to names in the module."""
        module = name.replace("-", "_")
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        metadata = self.folder / f"{module}-1.0.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        lines: list[str] = []
        for group, names in entry_points.items():
            lines += [f"[{group}]", *(f"{one} = {module}:{one}" if one else f"{module} = {module}" for one in names)]
        (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._modules.append(module)
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        importlib.invalidate_caches()

    def remove(self) -> None:
        """Take the distributions out again, imported or not."""
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))
        for module in self._modules:
            sys.modules.pop(module, None)
