"""numpy arrays as .npy files, without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.datasets.serializer import Facts, StreamSerializer, UnstorableError

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.datasets.whole_file import WholeFile


_LONGEST_OLD_HEADER = 60_000


class ArraySerializer(StreamSerializer):
    """A numpy array of any shape; its dtype (structured ones too) and memory order come back."""

    name = "npy"
    extension = ".npy"
    types = ("numpy.ndarray", "numpy.typing.NDArray")

    def write_to(self, value: Any, stream: WholeFile) -> Facts:  # Any: numpy.ndarray, which is imported late
        import numpy

        if not isinstance(value, numpy.ndarray):
            raise UnstorableError(f"a {type(value).__name__} is no array", hint="return numpy.asarray(value)")
        if type(value) is not numpy.ndarray and not isinstance(value, numpy.memmap):
            raise UnstorableError(
                f"a {type(value).__name__} is more than an array, and .npy keeps only the array",
                hint="return numpy.asarray(value), or its parts (a mask, say) as arrays of their own",
            )
        if value.dtype.hasobject:
            raise UnstorableError(
                "the array holds Python objects (dtype object), which only pickle could store",
                hint="give it a dtype: values.astype(str) or .astype(float); or return a DataFrame or a list",
            )
        # A stream that is no file makes numpy write block by block, front to back; to a file it would seek.
        numpy.lib.format.write_array(stream, value, version=_version(value.dtype), allow_pickle=False)
        return Facts(rows=value.shape[0] if value.ndim else None, columns=_columns(value.dtype))

    def read(self, path: Path, as_type: str | None) -> object:
        import numpy

        return numpy.load(path, allow_pickle=False)


def _version(dtype: Any) -> tuple[int, int] | None:  # Any: numpy.dtype
    """Return the version of .npy that a dtype needs; None lets numpy take the oldest. It would warn of the newest."""
    fields = repr(dtype.descr)
    return None if fields.isascii() and len(fields) < _LONGEST_OLD_HEADER else (3, 0)


def _columns(dtype: Any) -> tuple[tuple[str, str], ...]:  # Any: numpy.dtype
    if dtype.names:
        return tuple((name, str(dtype[name])) for name in dtype.names)
    return (("values", str(dtype)),)
