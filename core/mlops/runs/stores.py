"""The stores of a process that runs nodes: of its own run, and of runs that inputs come from, opened when they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops.datasets.serializers import Serializers
    from mlops.datasets.store import FileStore
    from mlops.plugins.knowledge import Knowledge


class Stores:
    """Datasets by the folder of their run. Until one is read or written, nothing of ``mlops.datasets`` is imported."""

    def __init__(
        self,
        folder: str,
        known: Iterable[Knowledge] = (),
        *,
        allow_pickle: bool = False,
        session: Callable[[], object | None] | None = None,
    ) -> None:
        """``folder`` is the one of the run that writes; ``known`` are the plugins whose serializers are used.

        ``session`` gives the Snowpark session that table datasets are kept with, made when the first one is.
        """
        self._folder, self._known, self._allow_pickle, self._session = folder, tuple(known), allow_pickle, session
        self._others: dict[str, FileStore] = {}

    @cached_property
    def serializers(self) -> Serializers:
        """The built-in serializers and those of the plugins."""
        from mlops.plugins.serializers import serializers_of

        return serializers_of(self._known, allow_pickle=self._allow_pickle, session=self._session)

    @cached_property
    def own(self) -> FileStore:
        """The store that outputs are written to."""
        return self._open(self._folder)

    def at(self, folder: str) -> FileStore:
        """Return the store of the run with this folder."""
        if folder == self._folder:
            return self.own
        if folder not in self._others:
            self._others[folder] = self._open(folder)
        return self._others[folder]

    def _open(self, folder: str) -> FileStore:
        from mlops.datasets.store import FileStore

        return FileStore(folder, self.serializers)
