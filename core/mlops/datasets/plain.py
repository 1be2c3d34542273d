"""Plain values as JSON that a person can read, and that comes back equal to what went in, types included.

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
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from importlib import import_module
from json import JSONDecodeError, JSONDecoder, JSONEncoder
from typing import Any, TypeAlias

from mlops.datasets.serializer import NO_FACTS, BytesSerializer, Facts, UnstorableError

Tree: TypeAlias = Any  # Any: what the json module takes and gives; it has no recursive type
Place: TypeAlias = "tuple[Place, str, object] | None"
"""Where in the value something is: the place around it, and the step from there. Spelled out only when it is refused."""

MAX_DEPTH = 200
_HUGE = 1 << 2000
"""Integers from here on are written in hexadecimal: Python limits the digits of decimal ones it reads."""


class JsonSerializer(BytesSerializer):
    """Plain values: numbers, texts, lists, dicts, tuples, sets, dates, Decimal, Enum, dataclasses."""

    name = "json"
    extension = ".json"
    types = (
        *(
            f"builtins.{name}"
            for name in [
                "NoneType",
                "bool",
                "int",
                "float",
                "complex",
                "str",
                "list",
                "tuple",
                "dict",
                "set",
                "frozenset",
            ]
        ),
        *(f"datetime.{name}" for name in ["date", "datetime", "time", "timedelta"]),
        *(f"collections.abc.{name}" for name in ["Mapping", "MutableMapping", "Sequence", "MutableSequence", "Set"]),
        "decimal.Decimal",
        "enum.Enum",
        "dataclasses.dataclass",
        "numpy.generic",
    )

    def encode(self, value: object) -> tuple[bytes, Facts]:
        text = encode_plain(value)
        facts = Facts(rows=len(value)) if isinstance(value, (list, tuple, dict, set, frozenset)) else NO_FACTS
        return text, facts

    def decode(self, data: bytes, as_type: str | None) -> object:
        return decode_plain(data)


def encode_plain(value: object) -> bytes:
    """Return a plain value as one line of JSON in UTF-8.

    Raises:
        UnstorableError: something in it is no plain value; the message says where and what.
    """
    try:
        return (_to_json(to_tree(value)) + "\n").encode("utf-8")
    except UnicodeEncodeError as cause:
        raise UnstorableError(
            f"a text holds {cause.object[cause.start]!r}, half of a surrogate pair, which UTF-8 has not",
            hint="repair the text: text.encode('utf-8', 'replace').decode()",
        ) from cause


def decode_plain(data: bytes) -> Tree:
    """Return the value that ``encode_plain`` wrote, or the content of any other JSON file.

    Raises:
        UnstorableError: it is no JSON, or names a class that cannot be imported.
    """
    try:
        tree = _FROM_JSON.decode(data.decode("utf-8"))
    except (JSONDecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise UnstorableError(f"the file is no JSON: {cause}") from cause
    return from_tree(tree) if b'"$' in data else tree


def to_tree(value: object, place: Place = None, depth: int = 0) -> Tree:
    """Return the value in what JSON has, tagged where that is not enough."""
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


def from_tree(tree: Tree) -> Tree:
    """Return the value that ``to_tree`` described."""
    kind = type(tree)
    if kind is list:
        return [from_tree(item) for item in tree]
    if kind is not dict:
        return tree
    if len(tree) == 1:
        (tag,) = tree
        if tag[:1] == "$":
            decode = _DECODERS.get(tag)
            if decode is not None:  # otherwise a file of someone else: we never write such a key bare
                return decode(tree[tag])
    return {key: from_tree(item) for key, item in tree.items()}


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
    items.sort(key=_to_json)  # equal sets, equal bytes
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


def _from_datetime(kind: Callable[[str], Tree]) -> Callable[[Tree], Tree]:
    def decode(tree: Tree) -> Tree:
        if isinstance(tree, str):
            return kind(tree)
        text, key, fold = tree
        zone: dict[str, tzinfo] = {}
        if key:
            from zoneinfo import ZoneInfo

            zone = {"tzinfo": ZoneInfo(key)}
        return kind(text).replace(fold=fold, **zone)

    return decode


def _named(value: Tree, place: Place, depth: int) -> Tree:
    """Return a value of a class found by its name: an Enum, a dataclass, a NamedTuple, a numpy scalar."""
    kind = type(value)
    if isinstance(value, Enum):
        if type(value).__members__.get(value.name) is not value:  # a combination of flags
            raise UnstorableError(f"{_shown(place)} is {value!r}, which has no name of its own in its Enum")
        return {"$enum": [_importable(kind, place), value.name]}
    if (fields := _fields(kind)) is not None:
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


def _fields(kind: type) -> tuple[str, ...] | None:
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
    if kind.__module__ == "__main__" or _imported(name) is not kind:
        raise UnstorableError(
            f"{_shown(place)} is of class {kind.__qualname__}, which cannot be imported from {kind.__module__}",
            hint="define the class at the top level of a module of the plugin",
        )
    return name


def _imported(name: str) -> object:
    module, _, path = name.partition(":")
    try:
        found: object = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return found


def _class(name: str) -> Tree:
    kind = _imported(name)
    if not isinstance(kind, type):
        raise UnstorableError(
            f"the value is of class {name}, which is not installed here", hint="install what defines it"
        )
    return kind


def _from_enum(tree: Tree) -> Tree:
    kind, name = _class(tree[0]), tree[1]
    members = getattr(kind, "__members__", {})
    if name not in members:
        raise UnstorableError(f"{tree[0]} has no member {name!r} any more")
    return members[name]


def _from_object(tree: Tree) -> Tree:
    kind = _class(tree[0])
    known = {name: from_tree(item) for name, item in tree[1].items()}
    if set(_fields(kind) or ()) != set(known):
        raise UnstorableError(f"{tree[0]} has other fields now than when the value was written: {', '.join(known)}")
    if issubclass(kind, tuple):
        return tuple.__new__(kind, [known[name] for name in getattr(kind, "_fields", ())])
    value = object.__new__(kind)  # not kind(**known): __post_init__ has done its work before the value was stored
    for name, item in known.items():
        object.__setattr__(value, name, item)
    return value


def _from_numpy(tree: Tree) -> Tree:
    import numpy

    kind, item = tree
    if kind[0] in "mM" and kind[1:2].isdigit():
        return numpy.array(item, dtype="int64").view(kind)[()]
    return getattr(numpy, kind)(from_tree(item))


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

_DECODERS: Mapping[str, Callable[[Tree], Tree]] = {
    "$int": lambda tree: int(tree, 16),
    "$float": float,
    "$tuple": lambda tree: tuple(from_tree(item) for item in tree),
    "$set": lambda tree: {from_tree(item) for item in tree},
    "$frozenset": lambda tree: frozenset(from_tree(item) for item in tree),
    "$dict": lambda tree: {from_tree(key): from_tree(item) for key, item in tree},
    "$bytes": bytes.fromhex,
    "$complex": lambda tree: complex(float(tree[0]), float(tree[1])),
    "$date": date.fromisoformat,
    "$datetime": _from_datetime(datetime.fromisoformat),
    "$time": _from_datetime(time.fromisoformat),
    "$timedelta": lambda tree: timedelta(*tree),
    "$decimal": Decimal,
    "$enum": _from_enum,
    "$object": _from_object,
    "$numpy": _from_numpy,
}

_to_json = JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode
_FROM_JSON = JSONDecoder()
