"""The rules that keep the rooms of the embedded Snowflake apart, read from their imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import mlops_embedded
import pytest

ROOT = Path(mlops_embedded.__file__).parent
AREAS = ("alerts", "jobs", "ml", "rest", "scripting", "server", "tasks")
GROUND = ("catalog", "schedules", "sql", "workers")


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(file): file for file in sorted(ROOT.rglob("*.py"))}
# parsed before any test has threads: on Python 3.11 two of them that parse at once are an error
TREES = {name: ast.parse(file.read_text()) for name, file in FILES.items()}


def imports(name: str, *, of_types: bool) -> Iterator[str]:
    """Every module of the package that a module imports; those that it imports for its types alone if asked."""
    pending: list[ast.AST] = [TREES[name]]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not of_types:
            continue
        if isinstance(node, ast.ImportFrom):
            for each in node.names:
                whole = f"{node.module}.{each.name}"
                yield whole if whole in FILES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        pending.extend(ast.iter_child_nodes(node))


def room(name: str) -> str:
    return [*name.split("."), ""][1]


def offences(rooms: tuple[str, ...], forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{name} imports {what}"
        for name in FILES
        if room(name) in rooms
        for what in imports(name, of_types=True)
        if what in FILES and room(what) in forbidden
    ]


def test_only_routes_know_the_http_server() -> None:
    assert offences(tuple({room(name) for name in FILES} - {"server", "rest"}), ("server",)) == []


def test_the_data_plane_and_the_catalog_know_no_area_that_is_built_on_them() -> None:
    assert offences(GROUND, AREAS) == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in FILES:
        sorter.add(name, *({what for what in imports(name, of_types=False) if what in FILES} - {name}))

    try:
        sorter.prepare()
    except CycleError as cause:
        pytest.fail(" imports ".join(reversed(cause.args[1])))
