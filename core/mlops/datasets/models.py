"""Models, in formats that run no code when they are read; pickle only where the project allows it.

What scikit-learn, numpy, scipy, LightGBM and XGBoost define is trusted in a skops file; any other type in a
model is refused by name, when the model is written and again when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mlops.datasets.serializer import NO_FACTS, BytesSerializer, Facts, StreamSerializer, UnstorableError

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.datasets.whole_file import WholeFile

ALLOW_PICKLE = "set `allow_pickle = true` under [tool.mlops.datasets], if you trust every plugin and every run you read"

TRUSTED_PACKAGES = frozenset({"sklearn", "numpy", "scipy", "lightgbm", "xgboost"})
_CONTAINERS = frozenset({"collections.OrderedDict", "collections.Counter", "collections.deque"})
_NEVER = frozenset(
    {"testing", "tests", "_testing", "conftest", "f2py", "distutils", "ctypeslib", "datasets", "io", "npyio"}
    | {"_npyio_impl", "_datasource", "memmap", "fromfile", "load", "save", "savez", "savetxt", "loadtxt", "genfromtxt"}
)
"""Parts of these packages that run commands or touch files: no model needs them."""


class SkopsSerializer(BytesSerializer):
    """A scikit-learn estimator, or a model of that interface, in skops' format."""

    name = "skops"
    extension = ".skops"
    types = ("sklearn.base.BaseEstimator",)

    def encode(self, value: Any) -> tuple[bytes, Facts]:  # Any: an estimator
        from mlops.datasets.model_archive import reproducible

        io = _skops()
        try:
            data = reproducible(io.dumps(value))
            untrusted = untrusted_types(data)
        except Exception as cause:  # skops raises what the getstate of a foreign type raises
            raise UnstorableError(
                f"skops cannot store this {type(value).__name__}: {cause}",
                hint=f"name its functions at the top level of a module, or {ALLOW_PICKLE}",
            ) from cause
        if untrusted:
            raise UnstorableError(
                f"this {type(value).__name__} holds types that are not trusted: {', '.join(untrusted)}",
                hint=f"build it from scikit-learn's own parts, or {ALLOW_PICKLE}",
            )
        return data, NO_FACTS

    def decode(self, data: bytes, as_type: str | None) -> object:
        io = _skops()
        found = io.get_untrusted_types(data=data)
        if untrusted := _untrusted(found):
            raise UnstorableError(
                f"the file holds types that are not trusted: {', '.join(untrusted)}",
                hint="mlops does not write such files: find out where it comes from, then run the node again",
            )
        return io.loads(data, trusted=found)


class LightGbmSerializer(BytesSerializer):
    """A LightGBM Booster in LightGBM's own text format."""

    name = "lightgbm"
    extension = ".lgbm"
    types = ("lightgbm.basic.Booster",)

    def encode(self, value: Any) -> tuple[bytes, Facts]:  # Any: lightgbm.Booster
        return value.model_to_string(num_iteration=-1).encode(), NO_FACTS

    def decode(self, data: bytes, as_type: str | None) -> object:
        import lightgbm

        return lightgbm.Booster(model_str=data.decode())


class XgboostSerializer(BytesSerializer):
    """An XGBoost Booster in XGBoost's own binary JSON."""

    name = "xgboost"
    extension = ".ubj"
    types = ("xgboost.core.Booster",)

    def encode(self, value: Any) -> tuple[bytes, Facts]:  # Any: xgboost.Booster
        return bytes(value.save_raw("ubj")), NO_FACTS

    def decode(self, data: bytes, as_type: str | None) -> object:
        import xgboost

        return xgboost.Booster(model_file=bytearray(data))


class PickleSerializer(StreamSerializer):
    """Any object. Reading one runs code that the file names, so the project must allow it."""

    name = "pickle"
    extension = ".pickle"
    types = ("builtins.object",)

    def write_to(self, value: object, stream: WholeFile) -> Facts:
        import pickle

        try:
            pickle.dump(value, stream, protocol=5)
        except (pickle.PicklingError, AttributeError, TypeError) as cause:
            raise UnstorableError(
                f"a {type(value).__name__} cannot be pickled: {cause}",
                hint="define its class and functions at the top level of a module; leave connections out",
            ) from cause
        return NO_FACTS

    def read(self, path: Path, as_type: str | None) -> object:
        import pickle

        with path.open("rb") as file:
            return pickle.load(file)


def untrusted_types(data: bytes) -> list[str]:
    """Return the names of the types in a skops file that are not trusted."""
    return _untrusted(_skops().get_untrusted_types(data=data))


def _untrusted(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not _trusted(name))


def _trusted(name: str) -> bool:
    package, *parts = name.split(".")
    return name in _CONTAINERS or (package in TRUSTED_PACKAGES and _NEVER.isdisjoint(parts))


def _skops() -> Any:  # Any: skops has no types
    try:
        import skops.io
    except ImportError as cause:
        raise UnstorableError(
            "scikit-learn models are stored with skops, which is not installed",
            hint=f'pip install "mlops-framework[models]"; or {ALLOW_PICKLE}',
        ) from cause
    return skops.io
