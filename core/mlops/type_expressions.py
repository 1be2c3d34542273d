"""Type expressions: the type of a parameter as text, such as ``int | None``, and back, with nothing of a plugin imported."""

from __future__ import annotations

import ast
import enum
import operator
import types
import typing
from functools import lru_cache, reduce

_PLAIN_NAMES = ("bool", "int", "float", "str", "bytes", "list", "dict", "tuple", "set", "frozenset")
_LIBRARY_NAMES = {
    "Any": "typing",
    "Literal": "typing",
    "Path": "pathlib",
    "date": "datetime",
    "datetime": "datetime",
    "time": "datetime",
    "timedelta": "datetime",
    "Decimal": "decimal",
    "UUID": "uuid",
}


@lru_cache(maxsize=1024)
def type_of(text: str) -> typing.Any:  # Any: a type expression has no more precise type
    """Return the type that a parameter's type expression names; only plain and standard library types can be named.

    Raises:
        ValueError: the text is something else.
    """
    return _evaluated(ast.parse(text, mode="eval").body)


def _evaluated(expression: ast.expr) -> typing.Any:  # Any: as type_of
    if isinstance(expression, ast.Constant) and expression.value is None:
        return None
    if isinstance(expression, ast.Name) and expression.id in _PLAIN_NAMES:
        return {
            "bool": bool,
            "int": int,
            "float": float,
            "str": str,
            "bytes": bytes,
            "list": list,
            "dict": dict,
            "tuple": tuple,
            "set": set,
            "frozenset": frozenset,
        }[expression.id]
    if isinstance(expression, ast.Name) and expression.id in _LIBRARY_NAMES:
        return getattr(__import__(_LIBRARY_NAMES[expression.id]), expression.id)
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.BitOr):
        left, right = _evaluated(expression.left), _evaluated(expression.right)
        return typing.Union[left, right]  # noqa: UP007  None | None and "Literal | None" need it on Python 3.10
    if isinstance(expression, ast.Subscript):
        items = expression.slice.elts if isinstance(expression.slice, ast.Tuple) else [expression.slice]
        if isinstance(expression.value, ast.Name) and expression.value.id == "Literal":
            return typing.Literal[tuple(ast.literal_eval(item) for item in items)]
        base = _evaluated(expression.value)
        return base[tuple(... if _is_ellipsis(item) else _evaluated(item) for item in items)]
    raise ValueError(f"{ast.unparse(expression)!r} is not a type that a parameter can have")


def _is_ellipsis(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and expression.value is ...


def is_type(text: str) -> bool:
    """Tell whether a text is a type expression."""
    try:
        type_of(text)
    except (ValueError, SyntaxError, TypeError):
        return False
    return True


def type_text(hint: object) -> tuple[str, bool]:
    """Return the hint as a type expression, and whether that says all of it."""
    if hint is None or hint is type(None):
        return "None", True
    if hint is typing.Any:
        return "Any", True
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        if hint.__module__ == "builtins" and hint.__name__ in _PLAIN_NAMES:
            return hint.__name__, True
        if _LIBRARY_NAMES.get(hint.__name__) == hint.__module__.partition(".")[0]:
            return hint.__name__, True
        if issubclass(hint, enum.Enum):
            return f"Literal[{', '.join(repr(member.value) for member in hint)}]", False
        return "Any", False
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return f"Literal[{', '.join(repr(argument) for argument in arguments)}]", True
    if origin is typing.Annotated:
        return type_text(arguments[0])[0], False
    if origin in (typing.Union, types.UnionType):
        parts = [type_text(argument) for argument in arguments]
        if any(part[0] == "Any" for part in parts):
            return "Any", False
        return reduce(operator.add, (f" | {part[0]}" for part in parts))[3:], all(part[1] for part in parts)
    if isinstance(origin, type) and origin.__module__ in ("builtins", "collections.abc"):
        name = (
            origin.__name__
            if origin.__module__ == "builtins"
            else {"Sequence": "list", "Mapping": "dict"}.get(origin.__name__)
        )
        if name in _PLAIN_NAMES:
            parts = [("...", True) if argument is ... else type_text(argument) for argument in arguments]
            return f"{name}[{', '.join(part[0] for part in parts)}]", all(part[1] for part in parts)
    return "Any", False


def inferred(default: object) -> str:
    """Return the type expression of an argument without a hint: the type of its default, ``Any`` for one of a plugin's own."""
    name = type(default).__name__
    return name if default is not None and (name in _PLAIN_NAMES or name in _LIBRARY_NAMES) else "Any"
