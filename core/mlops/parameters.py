"""A parameter: an argument of a node that has a default, and the values it gets from pipeline, target and command line.

Values are kept as JSON holds them (a date is its ISO text), so that they can be recorded, compared and sent; a node
receives them as the objects its type hints name. Types are kept as text, so that a value is checked without importing
the node.
"""

# annotations are no text here: msgspec would compile each of them whenever the plugin cache is read

from collections.abc import Iterable, Mapping

from msgspec import Struct

from mlops.errors import NodeDefinitionError, ParameterError

_SCALARS: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
"""Types whose values need no conversion; to check them nothing more is imported."""


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
    from mlops.type_expressions import inferred, is_type, type_text

    kind, exact = type_text(hint) if hint is not None else (text if is_type(text) else inferred(default), True)
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
    if type(value) is _SCALARS.get(parameter.type):
        return value
    import msgspec

    from mlops.type_expressions import type_of

    kind = type_of(parameter.type)
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
        if parameter.name not in objects or (parameter.exact and (not parameter.type or parameter.type in _SCALARS)):
            continue
        import msgspec

        from mlops.type_expressions import type_of

        kind = type_of(parameter.type) if parameter.type else None
        wanted = kind if parameter.exact else hints.get(parameter.name, kind)
        if wanted is None:
            continue
        try:
            objects[parameter.name] = msgspec.convert(objects[parameter.name], wanted, dec_hook=_decode)
        except (msgspec.ValidationError, TypeError, ValueError) as cause:
            raise _misfit(parameter, objects[parameter.name], "does not fit its type hint", str(cause)) from None
    return objects


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
    if value is None or type(value) in _SCALARS.values():
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
