"""Plain values again, from what ``plain_encoding`` has described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal

from mlops.datasets.plain_encoding import Tree, fields_of, imported
from mlops.datasets.serializer import UnstorableError


def from_tree(tree: Tree) -> Tree:
    """Return the value that ``to_tree`` described.

    Raises:
        UnstorableError: a class or a member that it names is not here, or has other fields now.
    """
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


def _class(name: str) -> Tree:
    kind = imported(name)
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
    if set(fields_of(kind) or ()) != set(known):
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
