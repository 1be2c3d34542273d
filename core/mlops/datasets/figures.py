"""matplotlib figures as pictures: a folder with a PNG for reports and an SVG for print.

A figure cannot be had back from its picture: a reader gets the bytes of the PNG (``"svg"`` asks for those of
the SVG, ``"path"`` for the file of the PNG). Equal figures give equal bytes, so nothing that reads one runs
again in vain.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from mlops.datasets.serializer import NO_FACTS, BytesSerializer, Facts, Serializer, UnstorableError
from mlops.datasets.whole_file import WholeFile

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = ("png", "svg")


class FigureSerializer(Serializer):
    """A figure as ``<dataset>.figure/<dataset>.png`` and ``.svg``."""

    name = "figure"
    extension = ".figure"
    types = ("matplotlib.figure.Figure",)

    def write(self, value: object, path: Path) -> Facts:
        path.mkdir()
        for kind in FORMATS:
            with WholeFile(f"{path / path.stem}.{kind}") as stream:
                stream.write(render(value, kind))
        return NO_FACTS

    def read(self, path: Path, as_type: str | None) -> object:
        if as_type == "path":
            return path / f"{path.stem}.png"
        return (path / f"{path.stem}.{as_type if as_type in FORMATS else 'png'}").read_bytes()


class PngSerializer(BytesSerializer):
    """One picture as .png, for figures and for bytes that are a picture already."""

    name = "png"
    extension = ".png"

    def encode(self, value: object) -> tuple[bytes, Facts]:
        return (value if isinstance(value, bytes) else render(value, self.name)), NO_FACTS

    def decode(self, data: bytes, as_type: str | None) -> object:
        return data


class SvgSerializer(PngSerializer):
    """One picture as .svg."""

    name = "svg"
    extension = ".svg"


def render(figure: Any, kind: str) -> bytes:  # Any: matplotlib.figure.Figure, which is imported late
    """Return the picture of a figure as bytes, the same for the same figure.

    Raises:
        UnstorableError: it is no figure of matplotlib.
    """
    if not hasattr(figure, "savefig"):
        raise UnstorableError(f"a {type(figure).__name__} is no matplotlib figure", hint="return the figure itself")
    from matplotlib import rc_context

    stream = BytesIO()
    with rc_context({"svg.hashsalt": "mlops"}):  # element ids are random without it
        figure.savefig(stream, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return stream.getvalue()
