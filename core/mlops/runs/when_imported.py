"""What is done once a module has been imported, by whoever imports it: so that nobody imports it for that alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


@contextmanager
def when_imported(name: str, then: Callable[[], None]) -> Iterator[None]:
    """Call ``then`` when the module ``name`` is there: now, or as soon as it has been imported inside the block."""
    if name in sys.modules:
        then()
        yield
        return
    finder = _Finder(name, then)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        finder.leave()


class _Finder:
    """Finds the module as the others do, with a loader that tells when it has been loaded; and leaves."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name, self._then = name, then

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        self.leave()
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader, self._then)  # type: ignore[assignment]  # to inherit from importlib.abc costs its import
                return spec
        return None

    def leave(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)


class _Loader:
    """The loader that was found, which is the module's own again as soon as that is loaded."""

    def __init__(self, loader: Any, then: Callable[[], None]) -> None:  # Any: importlib.abc.Loader
        self._loader, self._then = loader, then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None, "it is being imported by it"
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then()
