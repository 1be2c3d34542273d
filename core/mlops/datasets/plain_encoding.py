"""Plain values described in what JSON has.

What JSON has is written as JSON has it. What it has not is an object with one key that starts with ``$``:

    (1, 2)                    {"$tuple": [1, 2]}              float("nan")         {"$float": "nan"}
    {1, 2}                    {"$set": [1, 2]}                Decimal("1.10")      {"$decimal": "1.10"}
    {1: "a"}                  {"$dict": [[1, "a"]]}           date(2024, 5, 1)     {"$date": "2024-05-01"}
    Color.RED                 {"$enum": ["shop.colors:Color", "RED"]}
    Point(x=1, y=2)           {"$object": ["shop.shapes:Point", {"x": 1, "y": 2}]}
    numpy.float64(0.5)        {"$numpy": ["float64", 0.5]}

Anything else, and any subclass whose extra state would be lost, is refused with the place where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from importlib import import_module
from json import JSONEncoder
from typing import Any, TypeAlias

from mlops.datasets.serializer import UnstorableError

Tree: TypeAlias = Any  # Any: what the json module takes and gives; it has no recursive type
Place: TypeAlias = "tuple[Place, str, object] | None"
"""Where in the value something is: the place around it, and the step from there. Spelled out only when it is refused."""

MAX_DEPTH = 200
_HUGE = 1 << 2000
"""Integers from here on are written in hexadecimal: Python limits the digits of decimal ones it reads."""


def to_tree(value: object, place: Place = None, depth: int = 0) -> Tree:
    """Return the value in what JSON has, tagged where that is not enough.

    ``place`` is where in the whole value it is, ``depth`` how many values are around it.

    Raises:
        UnstorableError: something in it is no plain value; the message says where and what.
    """
    kind = type(value)
    if kind in _NATIVE:
        return value
    if depth > MAX_DEPTH:
        raise UnstorableError(
            f"the value is nested more than {MAX_DEPTH} deep, or holds itself, at {_shown(place)[:60]}…"
        )
    encode = _ENCODERS.get(kind)
    if encode is not None:
        return encode(value, place, depth + 1)
    return _named(value, place, depth + 1)


def _list(value: list[Tree] | tuple[Tree, ...], place: Place, depth: int) -> Tree:
    return [
        item
        if (kind := type(item)) in _NATIVE
        or (kind is float and item - item == 0)
        or (kind is int and -_HUGE < item < _HUGE)
        else to_tree(item, (place, "[{}]", index), depth)
        for index, item in enumerate(value)
    ]


def _dict(value: dict[object, object], place: Place, depth: int) -> Tree:
    tree = {}
    for key, item in value.items():
        if type(key) is not str:
            break
        tree[key] = item if type(item) in _NATIVE else to_tree(item, (place, "[{}]", key), depth)
    else:
        if not (len(tree) == 1 and next(iter(tree))[:1] == "$"):  # which would read as a tag
            return tree
    pairs = [
        [to_tree(key, (place, " key", None), depth), to_tree(item, (place, "[{}]", key), depth)]
        for key, item in value.items()
    ]
    return {"$dict": pairs}


def _float(value: float, _place: Place, _depth: int) -> Tree:
    return value if value - value == 0 else {"$float": repr(value)}


def _int(value: int, _place: Place, _depth: int) -> Tree:
    return value if -_HUGE < value < _HUGE else {"$int": hex(value)}


def _set(value: set[object] | frozenset[object], place: Place, depth: int) -> Tree:
    items = [to_tree(item, (place, " item", None), depth) for item in value]
    items.sort(key=to_json)  # equal sets, equal bytes
    return {"$set" if type(value) is set else "$frozenset": items}


def _datetime(value: datetime | time, place: Place, _depth: int) -> Tree:
    text = value.isoformat()
    zone = value.tzinfo
    tag = "$datetime" if type(value) is datetime else "$time"
    if zone is None or type(zone) is timezone:
        return {tag: [text, "", value.fold] if value.fold else text}
    key = getattr(zone, "key", None)
    if type(zone).__module__.startswith("zoneinfo") and key:
        return {tag: [value.replace(tzinfo=None).isoformat(), key, value.fold]}
    raise UnstorableError(
        f"{_shown(place)} is in the time zone {zone!r}, a {_qualified(type(zone))}",
        hint="use datetime.timezone or zoneinfo.ZoneInfo",
    )


def _named(value: Tree, place: Place, depth: int) -> Tree:
    """Return a value of a class found by its name: an Enum, a dataclass, a NamedTuple, a numpy scalar."""
    kind = type(value)
    if isinstance(value, Enum):
        if type(value).__members__.get(value.name) is not value:  # a combination of flags
            raise UnstorableError(f"{_shown(place)} is {value!r}, which has no name of its own in its Enum")
        return {"$enum": [_importable(kind, place), value.name]}
    if (fields := fields_of(kind)) is not None:
        known = {name: getattr(value, name) for name in fields}
        if extra := sorted(set(getattr(value, "__dict__", ())) - set(fields)):
            raise UnstorableError(
                f"{_shown(place)} is a {_qualified(kind)} that carries more than its fields: {', '.join(extra)}",
                hint="make them fields, or delete them before the value is returned",
            )
        tree = {name: to_tree(item, (place, f".{name}", None), depth) for name, item in known.items()}
        return {"$object": [_importable(kind, place), tree]}
    if kind.__module__ == "numpy" and any(base.__name__ == "generic" for base in kind.__mro__):
        if value.dtype.kind in "mM":
            return {"$numpy": [value.dtype.str[1:], int(value.astype("int64"))]}
        if value.dtype.kind in "biufcSU" and value.dtype.name not in _LONG_DOUBLE:
            return {"$numpy": [kind.__name__, to_tree(value.item(), place, depth)]}
    raise _refusal(value, place)


def fields_of(kind: type) -> tuple[str, ...] | None:
    """Return the names of the fields of a dataclass or NamedTuple; None for any other class."""
    if "__dataclass_fields__" in kind.__dict__ and not any(base in _ENCODERS for base in kind.__mro__):
        from dataclasses import fields

        return tuple(field.name for field in fields(kind))
    if tuple in kind.__bases__ and isinstance(names := getattr(kind, "_fields", None), tuple):
        return names
    return None


def _importable(kind: type, place: Place) -> str:
    """Return ``module:Name`` of a class that another process finds under this name."""
    name = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__module__ == "__main__" or imported(name) is not kind:
        raise UnstorableError(
            f"{_shown(place)} is of class {kind.__qualname__}, which cannot be imported from {kind.__module__}",
            hint="define the class at the top level of a module of the plugin",
        )
    return name


def imported(name: str) -> object:
    """Return what ``module:Name`` names; None where there is no such thing here."""
    module, _, path = name.partition(":")
    try:
        found: object = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return found


def _refusal(value: object, place: Place) -> UnstorableError:
    kind = type(value)
    plain = next((base for base in kind.__mro__[1:] if base in _ENCODERS or base in _NATIVE), None)
    hint = "make it a plain value, or a dataset of its own"
    if plain is not None:
        hint = f"make it a {plain.__name__}" if plain is not datetime else "make it a datetime: value.to_pydatetime()"
    return UnstorableError(f"{_shown(place)} is a {_qualified(kind)}, which JSON cannot give back as it is", hint=hint)


def _shown(place: Place) -> str:
    """Return a place as Python spells it: ``value['rows'][3]``."""
    steps: list[str] = []
    while place is not None:
        place, step, key = place
        try:
            steps.append(step.format(repr(key)))
        except ValueError:  # an integer that is too long for Python to print
            steps.append(step.format("…"))
    return "value" + "".join(reversed(steps))


def _qualified(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


_NATIVE = frozenset({str, bool, type(None)})
_LONG_DOUBLE = frozenset({"float128", "float96", "complex256", "complex192"})

_ENCODERS: Mapping[type, Callable[[Tree, Place, int], Tree]] = {
    int: _int,
    float: _float,
    list: _list,
    dict: _dict,
    tuple: lambda value, place, depth: {"$tuple": _list(value, place, depth)},
    set: _set,
    frozenset: _set,
    bytes: lambda value, *_: {"$bytes": value.hex()},
    complex: lambda value, *_: {"$complex": [repr(value.real), repr(value.imag)]},
    date: lambda value, *_: {"$date": value.isoformat()},
    datetime: _datetime,
    time: _datetime,
    timedelta: lambda value, *_: {"$timedelta": [value.days, value.seconds, value.microseconds]},
    Decimal: lambda value, *_: {"$decimal": str(value)},
}

to_json = JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode
"""Returns a tree as JSON on one line."""
