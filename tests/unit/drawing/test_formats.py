"""The formats a graph can be drawn in."""

from __future__ import annotations

import subprocess
import sys

import pytest
from drawing_samples import churn, hostile, succeeded_run, wide

from mlops.drawing.formats import FORMATS, UnknownFormatError, render


@pytest.mark.parametrize("format", FORMATS)
def test_equal_input_gives_equal_text(format: str) -> None:
    assert render(churn(), format, succeeded_run()) == render(churn(), format, succeeded_run())


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_ends_with_one_line_break(format: str) -> None:
    drawing = render(wide(), format)

    assert drawing.endswith("\n")
    assert not drawing.endswith("\n\n")


@pytest.mark.parametrize("format", FORMATS)
def test_hostile_text_is_drawn_and_written_as_utf_8(format: str) -> None:
    assert render(*(hostile()[0], format, hostile()[1])).encode()


def test_a_misspelt_format_suggests_the_closest() -> None:
    with pytest.raises(UnknownFormatError) as caught:
        render(churn(), "mermaidd")

    assert caught.value.closest == "mermaid"
    assert "'mermaid'" in (caught.value.hint or "")


def test_a_format_like_no_other_lists_them_all() -> None:
    with pytest.raises(UnknownFormatError) as caught:
        render(churn(), "xyz")

    assert caught.value.hint == "there is: text, mermaid, dot, html"


def test_drawing_imports_the_standard_library_and_the_ground_floor_alone() -> None:
    names = ", ".join(FORMATS.values())
    code = f"import sys; before = set(sys.modules); import {names}; print(*sorted(set(sys.modules) - before))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    modules = {name.partition(".")[0] for name in done.stdout.split()}
    assert modules - set(sys.stdlib_module_names) == {"mlops"}
    assert not any(name.startswith(("mlops.runs", "mlops.datasets", "mlops.cli")) for name in done.stdout.split())
