"""Which serializer stores a type: the built-in ones and those of plugins, found by names alone.

A type is matched by the qualified names of its MRO, nearest first, so nothing is imported to find out, and
the graph can prove that an edge can be stored before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mlops.datasets.arrays import ArraySerializer
from mlops.datasets.figures import FigureSerializer, PngSerializer, SvgSerializer
from mlops.datasets.files import BinarySerializer, FileSerializer
from mlops.datasets.models import (
    ALLOW_PICKLE,
    LightGbmSerializer,
    PickleSerializer,
    SkopsSerializer,
    XgboostSerializer,
)
from mlops.datasets.names import MANIFEST_SUFFIX
from mlops.datasets.plain import JsonSerializer
from mlops.datasets.serializer import BytesSerializer, Facts, Serializer, StreamSerializer, UnstorableError
from mlops.datasets.tables import PACKAGES, TableSerializer
from mlops.datasets.tabular import ParquetSerializer
from mlops.errors import PluginError, UnknownNameError

__all__ = [
    "BytesSerializer",
    "Facts",
    "Serializer",
    "Serializers",
    "StreamSerializer",
    "UnstorableError",
    "builtin",
    "type_names",
]

_BUILT_IN = "mlops-framework"
_ESTIMATORS = ("sklearn.", "lightgbm.", "xgboost.")


def type_names(kind: type) -> tuple[str, ...]:
    """Return the qualified names of a type and its bases, nearest first.

    A dataclass, which no base tells, has ``dataclasses.dataclass`` before ``builtins.object``.
    """
    names = [f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__]
    if "__dataclass_fields__" in kind.__dict__:
        names.insert(-1, "dataclasses.dataclass")
    return tuple(names)


class Serializers:
    """The serializers of a project. At one distance in the MRO, a plugin's comes before a built-in one."""

    def __init__(
        self,
        built_in: Iterable[Serializer],
        plugins: Iterable[tuple[str, Serializer]] = (),
        *,
        allow_pickle: bool = False,
        session: Callable[[], Any] | None = None,  # Any: snowflake.snowpark.Session, or None
    ) -> None:
        """``plugins`` are pairs of the distribution and its serializer; ``session`` gives the one that tables are kept with.

        Raises:
            PluginError: a plugin's serializer is malformed, or two plugins store one type or use one name.
        """
        self.allow_pickle = allow_pickle
        self._table = TableSerializer(session)
        self._by_name: dict[str, Serializer] = {}
        self._by_type: dict[str, list[Serializer]] = {}
        self._by_extension: dict[str, Serializer] = {}
        self._candidates: dict[type, tuple[Serializer, ...]] = {}
        owners: dict[tuple[str, str], str] = {}
        for distribution, serializer in plugins:
            _check(distribution, serializer)
            for claim in (("name", serializer.name), *(("type", kind) for kind in serializer.types)):
                owner = owners.setdefault(claim, distribution)
                if owner != distribution:
                    raise _conflict(claim, owner, distribution)
            self._add(serializer)
        for serializer in (*built_in, self._table):
            if serializer.name in self._by_name:
                claim = ("name", serializer.name)
                raise _conflict(claim, owners[claim], _BUILT_IN)
            self._add(serializer)

    def for_type(self, names: Sequence[str]) -> Serializer | None:
        """Return the serializer of a type, by the qualified names of its MRO; None when nothing stores it."""
        return next(iter(self._matching(names)), None)

    def for_value(self, value: object) -> Serializer:
        """Return the serializer of a value's type.

        Raises:
            UnstorableError: nothing stores this type.
        """
        return self.candidates(value)[0]

    def candidates(self, value: object, storage: str = "file") -> tuple[Serializer, ...]:
        """Return the serializers to try on a value, best first; never empty. A table without a session is kept as a file.

        Raises:
            UnstorableError: nothing stores this type.
        """
        if storage == "table" and self._table.available:
            return (self._table,)
        kind = type(value)
        found = self._candidates.get(kind)
        if found is None:
            found = tuple(dict.fromkeys(self._matching(type_names(kind))))
            if not found:
                raise _unknown_type(kind)
            self._candidates[kind] = found
        return found

    def by_name(self, name: str) -> Serializer:
        """Return the serializer that is recorded under this name.

        Raises:
            UnknownNameError: it came from a plugin that is not installed here.
            UnstorableError: it is pickle, and the project does not allow it.
        """
        serializer = self._by_name.get(name)
        if serializer is None:
            raise UnknownNameError(
                kind="serializer",
                name=name,
                known=self._by_name,
                hint="it came from a plugin: install it, or `mlops plugins list` says why it was not loaded",
            )
        if isinstance(serializer, PickleSerializer) and not self.allow_pickle:
            raise UnstorableError("it is a pickle, which runs code when it is read", hint=ALLOW_PICKLE)
        return serializer

    def by_extension(self, extension: str) -> Serializer | None:
        """Return the serializer that reads files with this extension (``.parquet``); None for other files."""
        serializer = self._by_extension.get(extension.lower())
        return None if isinstance(serializer, PickleSerializer) and not self.allow_pickle else serializer

    def storable(self, names: Sequence[str], storage: str = "file") -> str | None:
        """Return the name of the serializer that stores a type; None proves that nothing does."""
        if storage == TableSerializer.name:
            known = any(name.partition(".")[0] in PACKAGES for name in names)
            return TableSerializer.name if known else None
        serializer = self.for_type(names)
        if serializer is not None:
            return serializer.name
        # Of an annotation whose import is under TYPE_CHECKING the name is known, and not the bases.
        if len(names) == 1 and names[0].startswith(_ESTIMATORS):
            return SkopsSerializer.name
        return PickleSerializer.name if self.allow_pickle else None

    def _add(self, serializer: Serializer) -> None:
        self._by_name[serializer.name] = serializer
        self._by_extension.setdefault(serializer.extension, serializer)
        if not isinstance(serializer, PickleSerializer) or self.allow_pickle:
            for kind in serializer.types:
                self._by_type.setdefault(kind, []).append(serializer)

    def _matching(self, names: Sequence[str]) -> Iterable[Serializer]:
        for name in names:
            yield from self._by_type.get(name, ())


def builtin(
    plugins: Iterable[tuple[str, Serializer]] = (),
    *,
    allow_pickle: bool = False,
    session: Callable[[], Any] | None = None,  # Any: snowflake.snowpark.Session, or None
) -> Serializers:
    """Return the serializers of mlops, and those of plugins: pairs of distribution and serializer.

    Raises:
        PluginError: as ``Serializers`` does.
    """
    return Serializers(
        (
            JsonSerializer(),
            ParquetSerializer(),
            ArraySerializer(),
            FigureSerializer(),
            PngSerializer(),
            SvgSerializer(),
            BinarySerializer(),
            FileSerializer(),
            SkopsSerializer(),
            LightGbmSerializer(),
            XgboostSerializer(),
            PickleSerializer(),
        ),
        plugins,
        allow_pickle=allow_pickle,
        session=session,
    )


def _check(distribution: str, serializer: object) -> None:
    if not isinstance(serializer, Serializer):
        problem = f"register_serializers returned {serializer!r}, which is no Serializer"
        raise PluginError(plugin=distribution, problem=problem, hint="return instances: [MySerializer()]")
    missing = [field for field in ("name", "extension") if not isinstance(getattr(serializer, field, None), str)]
    if missing:
        problem = f"serializer {type(serializer).__qualname__} has no {' and no '.join(missing)}"
        raise PluginError(plugin=distribution, problem=problem, hint='set name = "geo" and extension = ".geo"')
    extension = serializer.extension
    if not extension.startswith(".") or "/" in extension or "\\" in extension or extension.endswith(MANIFEST_SUFFIX):
        problem = f"serializer {serializer.name!r} has the extension {extension!r}"
        raise PluginError(plugin=distribution, problem=problem, hint='an extension looks like ".geo"')
    if isinstance(serializer.types, str):
        problem = f"types of serializer {serializer.name!r} is a text"
        raise PluginError(plugin=distribution, problem=problem, hint=f"make it a tuple: ({serializer.types!r},)")


def _conflict(claim: tuple[str, str], first: str, second: str) -> PluginError:
    what, name = claim
    verb = "have a serializer named" if what == "name" else "store the type"
    return PluginError(
        plugin=first if second == _BUILT_IN else second,
        problem=f"{first} and {second} both {verb} {name!r}",
        hint="switch one of them off: `block` under [tool.mlops.plugins]",
    )


def _unknown_type(kind: type) -> UnstorableError:
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in _INSTEAD:
        return UnstorableError(f"a {name} cannot be stored", hint=_INSTEAD[name])
    return UnstorableError(
        f"nothing stores a {name}",
        hint="return a DataFrame, a plain value, an array, a figure, a model, bytes or the path of a file; "
        f"add a serializer in a plugin (register_serializers); or {ALLOW_PICKLE}",
    )


_INSTEAD = {
    "builtins.generator": "a generator is gone once it is read: return list(...) of it, or the path of it",
    "builtins.bytearray": "return bytes(value)",
    "builtins.memoryview": "return bytes(value)",
    "builtins.range": "return list(value)",
    "builtins.function": "return what it computes: another process cannot call it",
    "polars.lazyframe.frame.LazyFrame": "return value.collect()",
    "pandas.core.groupby.generic.DataFrameGroupBy": "return an aggregate of it, for example value.mean()",
    "pandas.core.indexes.base.Index": "return value.to_series() or list(value)",
    "matplotlib.axes._axes.Axes": "return value.figure",
}
