"""A parameter: an argument of a node that has a default, and the values it gets from pipeline, target and command line.

Values are kept as JSON holds them (a date is its ISO text), so that they can be recorded, compared and sent; a node
receives them as the objects its type hints name. Types are kept as text, so that a value is checked without importing
the node.
"""

from __future__ import annotations

import ast
import enum
import operator
import types
import typing
from collections.abc import Iterable, Mapping
from functools import lru_cache, reduce

from msgspec import Struct

from mlops.errors import NodeDefinitionError, ParameterError

_SCALARS: tuple[type, ...] = (bool, int, float, str)
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


class Parameter(Struct, frozen=True):
    """A named value that a node can be run with.

    ``type`` is a type expression such as ``int | None`` or ``Literal['real', 'synthetic']``; empty when anything goes.
    ``exact`` is false when the hint is a type of the plugin's own: then the value is checked again, against the hint
    itself, once the plugin is imported.
    """

    name: str
    default: object
    type: str = ""
    exact: bool = True


def parameter_of(name: str, *, default: object, hint: object, text: str, node: str) -> Parameter:
    """Return the parameter that an argument with a default is.

    Raises:
        NodeDefinitionError: the default does not fit the hint, or cannot be kept as JSON.
    """
    kind, exact = _type_text(hint) if hint is not None else (text if _is_type(text) else _inferred(default), True)
    if default is None and kind and kind != "Any" and "None" not in kind:
        kind = f"{kind} | None"
    try:
        value = _plain(default)
    except (TypeError, ValueError) as cause:
        raise NodeDefinitionError(
            node=node,
            problem=f"the default of {name!r} is {type(default).__name__}, which cannot be written into a job",
            hint="a default is a number, text, truth value, date, or a list or dict of such; make objects inside the function",
        ) from cause
    parameter = Parameter(name=name, default=value, type="" if kind == "Any" else kind, exact=exact)
    try:
        checked(parameter, value)
    except ParameterError as cause:
        raise NodeDefinitionError(
            node=node, problem=f"the default of {name!r} does not fit its type hint: {cause.message}"
        ) from cause
    return parameter


def checked(parameter: Parameter, value: object, *, text: bool = False) -> object:
    """Return ``value`` as JSON holds it, after checking that it fits the parameter; ``text`` reads it from a word first.

    Raises:
        ParameterError: it does not fit; the message says what the parameter takes.
    """
    if not parameter.type:
        return _read(str(value)) if text else _plain(value)
    kind = type_of(parameter.type)
    if isinstance(kind, type) and kind in _SCALARS and type(value) is kind:
        return value
    import msgspec

    candidates: list[object] = [value]
    if text and kind is not str:
        read = _read(str(value))
        candidates = [value, read] if isinstance(read, (str, int, float, bool)) else [read, value]
    problem = ""
    for candidate in candidates:
        try:
            return _plain(msgspec.convert(candidate, kind, strict=not text, dec_hook=_decode))
        except (msgspec.ValidationError, TypeError, ValueError) as cause:
            problem = problem or str(cause)
    raise _misfit(parameter, candidates[0], f"is not {parameter.type}", problem)


def as_objects(
    values: Mapping[str, object], parameters: Iterable[Parameter], hints: Mapping[str, object]
) -> dict[str, object]:
    """Return the values as the function's type hints want them: a date for ISO text, a member for an enum's value.

    ``hints`` needs to hold the hints of inexact parameters only.

    Raises:
        ParameterError: a value does not fit the plugin's own type.
    """
    objects = dict(values)
    for parameter in parameters:
        if parameter.name not in objects:
            continue
        kind = type_of(parameter.type) if parameter.type else None
        if parameter.exact and (kind is None or (isinstance(kind, type) and kind in _SCALARS)):
            continue
        wanted = kind if parameter.exact else hints.get(parameter.name, kind)
        if wanted is None:
            continue
        import msgspec

        try:
            objects[parameter.name] = msgspec.convert(objects[parameter.name], wanted, dec_hook=_decode)
        except (msgspec.ValidationError, TypeError, ValueError) as cause:
            raise _misfit(parameter, objects[parameter.name], "does not fit its type hint", str(cause)) from None
    return objects


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


def _is_type(text: str) -> bool:
    try:
        type_of(text)
    except (ValueError, SyntaxError, TypeError):
        return False
    return True


def _type_text(hint: object) -> tuple[str, bool]:
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
        return _type_text(arguments[0])[0], False
    if origin in (typing.Union, types.UnionType):
        parts = [_type_text(argument) for argument in arguments]
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
            parts = [("...", True) if argument is ... else _type_text(argument) for argument in arguments]
            return f"{name}[{', '.join(part[0] for part in parts)}]", all(part[1] for part in parts)
    return "Any", False


def _inferred(default: object) -> str:
    name = type(default).__name__
    return name if default is not None and (name in _PLAIN_NAMES or name in _LIBRARY_NAMES) else "Any"


def _misfit(parameter: Parameter, value: object, what: str, why: str) -> ParameterError:
    """Return the error that a value does not fit; one that has a credential within is shown without it."""
    from mlops.credentials import hide_credentials, looks_like_a_credential

    shown = hide_credentials({parameter.name: value})
    secret = shown[parameter.name] != value or looks_like_a_credential(parameter.name)
    default = "" if secret else f"; its default is {parameter.default!r}"
    return ParameterError(
        parameter=parameter.name,
        problem=f"{shown[parameter.name]!r} {what}" + ("" if secret else f" ({why})"),
        hint=f"it takes {parameter.type}{default}" if parameter.type else None,
    )


def _plain(value: object) -> object:
    """Return the value as JSON holds it."""
    if value is None or type(value) in _SCALARS:
        return value
    import msgspec

    plain: object = msgspec.json.decode(msgspec.json.encode(_in_order(value), enc_hook=_encode))
    return plain


def _in_order(value: object) -> object:
    """Return the value with its sets in an order that is the same in every process, which theirs is not."""
    if isinstance(value, (set, frozenset)):
        return sorted((_in_order(one) for one in value), key=lambda one: (type(one).__name__, repr(one)))
    if isinstance(value, (list, tuple)):
        return [_in_order(one) for one in value]
    if isinstance(value, dict):
        return {key: _in_order(one) for key, one in value.items()}
    return value


def _encode(value: object) -> object:
    from pathlib import PurePath

    if isinstance(value, PurePath):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")


def _decode(kind: type, value: object) -> object:
    from pathlib import PurePath

    if kind is object:
        return value
    if isinstance(kind, type) and issubclass(kind, PurePath) and isinstance(value, str):
        return kind(value)
    raise TypeError(f"a {kind.__name__} cannot be made of {value!r}")


def _read(text: str) -> object:
    """Return what a word of the command line means: a number, a truth value, a list, or the word itself."""
    import yaml

    try:
        value: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # ValueError: a date that no calendar has
        return text
    return text if value is None and text.strip().lower() not in ("null", "none", "~") else _plain(value)
