"""What a function's annotations say, also where the names they use are imported for type checkers only.

Plugins import pandas and its like under ``if TYPE_CHECKING:``, so that importing the plugin is cheap. Their annotations
then cannot be evaluated; they are read as text, and the aliases from the import statements of the source file.
"""

from __future__ import annotations

import ast
import builtins
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

_SAFE_NAMESPACE: dict[str, object] = {
    "typing": typing,
    "t": typing,
    **{name: getattr(typing, name) for name in typing.__all__},
}


def resolved(annotation: object, function: Callable[..., object]) -> object:
    """Return the annotation as an object, or None where it names something that is not there at run time."""
    if not isinstance(annotation, str):
        return annotation
    scope = getattr(getattr(function, "__wrapped__", function), "__globals__", {})
    try:
        return eval(
            annotation, {**_SAFE_NAMESPACE, **vars(builtins), **scope}
        )  # the plugin's own code, like its import
    except Exception:  # an annotation may be any expression
        return None


def type_names_of_return(function: Callable[..., object], outputs: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Return, per output, the qualified names of its annotated type and bases; outputs without a known type are left out.

    One output takes the return annotation. Several take it from a TypedDict, or all from ``dict[str, T]``.
    """
    annotations = getattr(getattr(function, "__wrapped__", function), "__annotations__", {})
    annotation = annotations.get("return")
    if annotation is None or not outputs:
        return {}
    hint = resolved(annotation, function)
    if len(outputs) == 1:
        names = _names(annotation, hint, function)
        return {outputs[0]: names} if names else {}
    if isinstance(hint, type) and hasattr(hint, "__total__"):  # a TypedDict
        fields = getattr(hint, "__annotations__", {})
        found = {
            name: _names(fields[name], _field_hint(fields[name], hint), function) for name in outputs if name in fields
        }
        return {name: names for name, names in found.items() if names}
    value = _dict_value(annotation, hint)
    if value is None:
        return {}
    names = _names(value, resolved(value, function) if isinstance(value, str) else value, function)
    return dict.fromkeys(outputs, names) if names else {}


def type_of_argument(annotation: object, hint: object, function: Callable[..., object]) -> str:
    """Return the qualified name of an argument's type, such as ``polars.DataFrame``; empty where it is not known."""
    names = _names(annotation, hint, function) if annotation else ()
    return names[0] if names else ""


def _field_hint(annotation: object, owner: type) -> object:
    forward = getattr(annotation, "__forward_arg__", None)
    if forward is None:
        return annotation
    scope = vars(sys.modules.get(owner.__module__, typing))
    try:
        return eval(forward, {**_SAFE_NAMESPACE, **vars(builtins), **scope})
    except Exception:  # as in resolved()
        return None


def _dict_value(annotation: object, hint: object) -> object:
    if typing.get_origin(hint) is dict:
        arguments = typing.get_args(hint)
        return arguments[1] if len(arguments) == 2 else None
    if hint is None and isinstance(annotation, str) and annotation.startswith("dict["):
        tree = ast.parse(annotation, mode="eval").body
        if isinstance(tree, ast.Subscript) and isinstance(tree.slice, ast.Tuple) and len(tree.slice.elts) == 2:
            return ast.unparse(tree.slice.elts[1])
    return None


def _names(annotation: object, hint: object, function: Callable[..., object]) -> tuple[str, ...]:
    from mlops.datasets.serializers import type_names  # what a name means there, a serializer is found by

    if hint is typing.Any:
        return ()
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):  # what is returned may be any of them: only the value can tell
        return ()
    if isinstance(origin, type):
        hint = origin
    if isinstance(hint, type):
        return type_names(hint)
    forward = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(forward, str):
        name = _qualified(forward, function)
        return (name,) if name else ()
    return ()


def _qualified(text: str, function: Callable[..., object]) -> str | None:
    """Return ``pandas.DataFrame`` for the text ``pd.DataFrame``, by the imports of the function's file."""
    head, dot, rest = text.partition(".")
    if not all(part.isidentifier() for part in text.split(".")):
        return None
    module = sys.modules.get(getattr(function, "__module__", ""))
    file = getattr(module, "__file__", None)
    if not file:
        return None
    target = _imports(file).get(head)
    return f"{target}{dot}{rest}" if target else None


@lru_cache(maxsize=256)
def _imports(file: str) -> Mapping[str, str]:
    try:
        with open(file, encoding="utf-8") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return {}
    names: dict[str, str] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            for alias in statement.names:
                names[alias.asname or alias.name] = f"{statement.module}.{alias.name}"
    return names
