"""Directives of the reference pages: what the code declares, as tables, so that a page cannot say something else.

``settings`` lists every setting, ``structure`` the fields of a Struct, ``hooks`` the hooks with their docstrings.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from importlib import import_module
from typing import ClassVar

import msgspec
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Markdown(SphinxDirective):
    """A directive whose content is Markdown that it writes itself."""

    def written(self) -> str:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        container = nodes.container()
        lines = self.written().splitlines()
        self.state.nested_parse(StringList(lines, source=self.env.docname), self.content_offset, container)
        return list(container.children)


class SettingsTable(Markdown):
    """Every setting that has one value."""

    def written(self) -> str:
        from mlops.configuration.settings import KEYS

        rows = [(f"`{key.name}`", f"`{key.variable}`", _value(key.default), key.help) for key in KEYS]
        return _table(("setting", "variable", "default", "what it says"), rows)


class StructureTable(Markdown):
    """The fields of a Struct, ``module:Name``, with type and default, under the first lines of its docstring."""

    required_arguments = 1

    def written(self) -> str:
        module, _, name = self.arguments[0].partition(":")
        kind = getattr(import_module(module), name)
        rows = [
            (f"`{field.encode_name}`", f"`{_type(field.type)}`", _default(field))
            for field in msgspec.structs.fields(kind)
        ]
        return f"{_prose(kind)}\n\n{_table(('key', 'type', 'default'), rows)}"


class HooksReference(Markdown):
    """Every hook with its arguments and its docstring."""

    def written(self) -> str:
        from mlops.plugins import hookspecs
        from mlops.plugins.order import policy_of

        parts = [_prose(hookspecs)]
        for name, function in vars(hookspecs).items():
            if callable(function) and hasattr(function, "mlops_spec"):
                arguments = ", ".join(inspect.signature(function).parameters)
                parts.append(f"### {name}\n\n*{policy_of(name)}* `{name}({arguments})`\n\n{_prose(function)}")
        return "\n\n".join(parts)


class PublicNames(Markdown):
    """What ``from mlops import ...`` offers, each with the first line of its docstring."""

    has_content = False
    option_spec: ClassVar[dict[str, object]] = {}

    def written(self) -> str:
        import mlops

        rows = [
            (f"`{name}`", _prose(getattr(mlops, name)).partition("\n")[0])
            for name in mlops.__all__
            if not name.startswith("__")
        ]
        return _table(("name", "what it is"), rows)


def _prose(of: object) -> str:
    """Return a docstring as Markdown: double backticks become single ones."""
    return re.sub(r"``([^`]+)``", r"`\1`", inspect.getdoc(of) or "")


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _type(kind: object) -> str:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return " or ".join(_type(one) for one in typing.get_args(kind) if one is not msgspec.UnsetType)
    if typing.get_origin(kind) is typing.Annotated:
        base, *limits = typing.get_args(kind)
        return " ".join([_type(base), *(said for limit in limits if (said := _limit(limit)))])
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(repr(one) for one in typing.get_args(kind))
    if kind is type(None):
        return "none"
    if typing.get_origin(kind) is not None:
        inside = ", ".join(_type(one) for one in typing.get_args(kind) if one is not Ellipsis)
        return f"{getattr(typing.get_origin(kind), '__name__', kind)}[{inside}]"
    return getattr(kind, "__name__", str(kind))


def _limit(limit: object) -> str:
    bounds = [
        f"{word} {bound}"
        for word, name in (("from", "ge"), ("above", "gt"), ("to", "le"), ("at most", "max_length"))
        if (bound := getattr(limit, name, None)) is not None
    ]
    rule = (getattr(limit, "extra", None) or {}).get("rule")
    return " ".join([*bounds, *([f"({rule})"] if rule else [])])


def _value(value: object) -> str:
    if value is None or value is msgspec.UNSET or value == () or value == {}:
        return "none"
    if isinstance(value, msgspec.Struct):
        return "as below"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is not msgspec.NODEFAULT:
        return _value(field.default)
    return "required" if field.required else "none"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("settings", SettingsTable)
    app.add_directive("structure", StructureTable)
    app.add_directive("hooks", HooksReference)
    app.add_directive("public-names", PublicNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
