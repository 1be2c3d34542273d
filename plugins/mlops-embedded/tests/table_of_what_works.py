"""The table of what works: a row for each test marked `@pytest.mark.embedded("Area: what works")`.

Read from the tests' source, so that the table is the same whichever of them a run selects; skipped ones do not count.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

_HEAD = """# What the embedded Snowflake can do

Every row is shown by a test with the real client; this file is written by `pytest --write-docs`, never by hand.
What is not here is refused with Snowflake's error shape.
"""


def rendered(tests: Path) -> str:
    """Return docs/embedded.md as the tests say it."""
    areas: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for file in sorted(tests.rglob("test_*.py")):
        for what, test in _marked(ast.parse(file.read_text(encoding="utf-8"))):
            area, _, rest = what.partition(": ")
            areas[area].append((rest, f"{file.relative_to(tests).as_posix()}::{test}"))
    parts = [_HEAD]
    for area in sorted(areas):
        rows = [f"| {what} | `{test}` |" for what, test in sorted(areas[area])]
        parts.append("\n".join([f"## {area}\n", "| what works | shown by |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def _marked(tree: ast.Module) -> list[tuple[str, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            marks = {_name(d): d for d in node.decorator_list}
            mark = marks.get("embedded")
            if isinstance(mark, ast.Call) and not marks.keys() & {"skip", "xfail"}:
                found.append((ast.literal_eval(mark.args[0]), node.name))
    return found


def _name(decorator: ast.expr) -> str:
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    return inner.attr if isinstance(inner, ast.Attribute) else ""
