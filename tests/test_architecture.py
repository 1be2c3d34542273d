"""The rules that keep the modules of mlops apart, read from their imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import click
import pytest

import mlops
from mlops.plugins.hooks import SPECIFIED

ROOT = Path(__file__).parents[1]
CORE = ROOT / "core" / "mlops"
GROUND = {
    "credentials",
    "errors",
    "nodes",
    "declaration",
    "description",
    "parameters",
    "layers",
    "pipeline",
    "context",
    "annotations",
    "type_expressions",
}
LATE = {"mlops.parameters": ("yaml",), "mlops.annotations": ("mlops.datasets.serializers",)}
"""What the ground floor may import inside a function, when it is needed: to read a word, and to name a type."""

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


def name_of(file: Path) -> str:
    parts = file.relative_to(CORE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def statements(tree: ast.AST, *, everywhere: bool, types: bool = False) -> Iterator[ast.stmt]:
    """Imports of a module; without ``everywhere`` only those that run when it is imported, with ``types`` also of types."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            kept = ast.Module([*(child.body if types else ()), *child.orelse], [])
            yield from statements(kept, everywhere=everywhere, types=types)
        elif everywhere or not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from statements(child, everywhere=everywhere, types=types)


def imports(file: Path, *, everywhere: bool = True, types: bool = False) -> Iterator[tuple[str, str]]:
    """Every imported module with the place of the line; of ``from a import b`` also ``a.b``."""
    for one in statements(tree_of(file), everywhere=everywhere, types=types):
        place = f"{file.relative_to(ROOT)}:{one.lineno}: {ast.unparse(one)}"
        if isinstance(one, ast.Import):
            yield from ((alias.name, place) for alias in one.names)
        elif isinstance(one, ast.ImportFrom):
            yield str(one.module), place
            yield from ((f"{one.module}.{alias.name}", place) for alias in one.names)


FILES = {name_of(file): file for file in sorted(CORE.rglob("*.py"))}


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def offences(importers: Iterator[str], *forbidden: str) -> list[str]:
    return sorted({place for name in importers for what, place in imports(FILES[name]) if within(what, *forbidden)})


def test_the_ground_floor_imports_only_the_standard_library_msgspec_and_itself():
    allowed = {*sys.stdlib_module_names, "msgspec", "mlops.errors", *(f"mlops.{name}" for name in GROUND)}
    wrong = [
        place
        for name in sorted(GROUND)
        for everywhere in (False, True)
        for what, place in imports(FILES[f"mlops.{name}"], everywhere=everywhere)
        if not within(what, *allowed, *(LATE.get(f"mlops.{name}", ()) if everywhere else ()))
    ]

    assert wrong == []


def test_only_the_command_line_imports_click():
    allowed = ("mlops.cli", "mlops.plugins.commands")
    assert offences((name for name in FILES if not within(name, *allowed)), "click") == []


def test_only_the_plugins_package_imports_pluggy():
    assert offences((name for name in FILES if not within(name, "mlops.plugins")), "pluggy") == []


def test_drawing_and_datasets_know_nothing_of_runs_and_the_command_line():
    inner = (name for name in FILES if within(name, "mlops.drawing", "mlops.datasets"))
    assert offences(inner, "mlops.runs", "mlops.cli") == []


def test_runs_know_nothing_of_the_command_line():
    assert offences((name for name in FILES if within(name, "mlops.runs")), "mlops.cli") == []


def test_compiling_is_pure_it_knows_no_account_no_run_and_no_environment():
    rooms = ("runs", "deploy", "operate", "snowflake", "container", "cli")
    inner = [name for name in FILES if within(name, "mlops.compile")]
    reading = [
        f"{name}:{one.lineno}"
        for name in inner
        for one in ast.walk(ast.parse(FILES[name].read_text()))
        if isinstance(one, ast.Attribute) and one.attr in ("environ", "getenv", "getcwd", "now", "today", "time")
    ]

    assert offences(iter(inner), *(f"mlops.{room}" for room in rooms)) == []
    assert reading == []


def test_only_the_snowflake_package_imports_snowflake():
    assert offences((name for name in FILES if not within(name, "mlops.snowflake")), "snowflake") == []


def test_only_the_command_line_prints():
    wrong = [
        f"{file.relative_to(ROOT)}:{one.lineno}"
        for name, file in FILES.items()
        if not within(name, "mlops.cli")
        for one in ast.walk(tree_of(file))
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id == "print"
    ]

    assert wrong == []


@pytest.mark.parametrize("later", [False, True], ids=["at import", "also later and for types"])
def test_modules_do_not_import_each_other_in_a_circle(later):
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, file in FILES.items():
        found = {what for what, _ in imports(file, everywhere=later, types=later)}
        faces = {name.rsplit(".", depth)[0] for depth in range(name.count(".") + 1)}  # of the packages that it is in
        sorter.add(name, *(found.intersection(FILES) - faces))

    try:
        sorter.prepare()
    except CycleError as cause:
        pytest.fail(" imports ".join(reversed(cause.args[1])))


def plugin_files() -> Iterator[tuple[Path, str]]:
    """Every file of a plugin, with the name of its package; kits of tests, which are plugins too, are files by themselves."""
    for project in (*ROOT.glob("plugins/*"), *ROOT.glob("tests/plugins/*")):
        yield from ((file, project.name.replace("-", "_")) for file in sorted(project.rglob("*.py")))


def test_plugins_import_only_the_public_names_of_mlops():
    wrong = []
    for file, _ in plugin_files():
        public = {"mlops", *(f"mlops.{name}" for name in mlops.__all__)}
        in_tests = "tests" in file.relative_to(ROOT).parts[2:]
        for what, place in imports(file):
            if within(what, "mlops") and what not in public and not (in_tests and within(what, "mlops.testing")):
                wrong.append(place)

    assert wrong == []


def test_plugins_use_only_the_public_names_of_mlops():
    wrong = [
        f"{file.relative_to(ROOT)}:{one.lineno}: {ast.unparse(one)}"
        for file, _ in plugin_files()
        for one in ast.walk(tree_of(file))
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "mlops"
        if one.attr not in mlops.__all__
    ]

    assert wrong == []


def test_no_plugin_imports_another():
    packages = {package for _, package in plugin_files()}
    wrong = [
        place
        for file, own in plugin_files()
        for what, place in imports(file)
        if what.partition(".")[0] in packages - {own} and "tests" not in file.relative_to(ROOT).parts[2:]
    ]

    assert len(packages) > 10
    assert wrong == []


def test_every_hook_is_implemented_by_a_plugin_that_is_no_test():
    implemented = {
        one.name
        for file, _ in plugin_files()
        if file.is_relative_to(ROOT / "plugins") and "tests" not in file.relative_to(ROOT).parts
        for one in ast.walk(tree_of(file))
        if isinstance(one, ast.FunctionDef)
        if any("hookimpl" in ast.unparse(mark) for mark in one.decorator_list)
    }

    assert len(SPECIFIED) > 10
    assert [name for name in SPECIFIED if name not in implemented] == []


def test_modules_are_named_for_what_they_hold():
    assert [name for name in FILES if set(name.split(".")) & VAGUE] == []


def commands(command: click.Command, path: str, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    """A command and those below it, each with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), f"{path} {name}", context)


def built_in() -> list[tuple[str, click.Command]]:
    from mlops.cli.app import COMMANDS, cli

    context = click.Context(cli)
    return [one for name in COMMANDS for one in commands(cli.get_command(context, name), name, context)]


def test_every_command_and_every_option_has_help():
    silent = [path for path, command in built_in() if not command.help]
    silent += [
        f"{path} {option.opts[0]}"
        for path, command in built_in()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]

    assert silent == []


def test_the_help_of_every_command_shows_examples():
    leaves = [(path, command) for path, command in built_in() if not isinstance(command, click.Group)]

    assert [path for path, command in leaves if "Examples" not in command.help] == []


def test_every_example_of_the_help_is_made_of_words_that_are_there():
    known = {
        path: {word for param in command.params for word in (*param.opts, *param.secondary_opts)}
        for path, command in built_in()
    }
    wrong = []
    for _, command in built_in():
        for line in (command.help or "").partition("Examples")[2].splitlines():
            words = line.split()
            if words[:1] != ["mlops"]:
                continue
            called = " ".join(words[1:3]) if " ".join(words[1:3]) in known else words[1]
            options = [word.partition("=")[0] for word in words if word.startswith("--") and len(word) > 2]
            wrong += [line.strip() for option in options if option not in {*known.get(called, ()), "--help"}]
            wrong += [line.strip()] if called not in known else []

    assert wrong == []
