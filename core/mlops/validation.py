"""The shape of plain data: what of a value does not fit the fields of a Struct, all at once and each with its path.

The Struct says everything: names, types, limits (``msgspec.Meta``) and, in ``Meta(extra={"rule": …})``, the words for a
pattern. msgspec itself stops at the first thing that does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, inspect
from msgspec.structs import replace

from mlops.errors import closest

Path = tuple[str | int, ...]
T = TypeVar("T")

_UNKNOWN = "there is no such setting"
_WORDS = {dict: "a table", list: "a list", tuple: "a list", str: "text", bool: "a truth value", int: "a number",
          float: "a number", type(None): "nothing"}  # fmt: skip


class Misfit(Struct, frozen=True):
    """One thing that does not fit: where, what, and how to mend it."""

    path: Path
    problem: str
    hint: str | None = None

    @property
    def place(self) -> str:
        """The path as people write it: ``spec.containers[0].image``."""
        return dotted(self.path)


def dotted(path: Path) -> str:
    """Return a path as people write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def fitted(kind: type[T], data: object, *, noun: str = "setting") -> tuple[T | None, list[Misfit]]:
    """Return ``data`` as a value of ``kind``, or None with everything that does not fit; ``noun`` names a field of it."""
    whole: Any = kind  # Any: a type is hashable, which the checker doubts of a type variable
    misfits = [
        replace(one, problem=one.problem.replace(_UNKNOWN, f"there is no such {noun}"))
        for one in _misfits(_type_of(whole), data, ())
    ]
    if misfits:
        return None, misfits
    return msgspec.convert(data, kind), []


@lru_cache(maxsize=64)
def _type_of(kind: Any) -> inspect.Type:  # Any: whatever msgspec can inspect
    return inspect.type_info(kind)


def _misfits(kind: inspect.Type, value: Any, path: Path, rule: str = "") -> Iterator[Misfit]:  # Any: plain data
    if isinstance(kind, inspect.Metadata):
        yield from _misfits(kind.type, value, path, str((kind.extra or {}).get("rule", rule)))
    elif isinstance(kind, inspect.UnionType):
        yield from _of_union(kind, value, path, rule)
    elif isinstance(kind, inspect.StructType):
        yield from _of_struct(kind, value, path)
    elif isinstance(kind, inspect.DictType):
        if not isinstance(value, Mapping):
            yield _wrong(value, path, "a table")
            return
        for key, inner in value.items():
            yield from _misfits(kind.key_type, key, (*path, str(key)), rule)
            yield from _misfits(kind.value_type, inner, (*path, str(key)), rule)
    elif isinstance(kind, (inspect.VarTupleType, inspect.ListType)):
        if not isinstance(value, (list, tuple)):
            yield _wrong(value, path, "a list", rule)
            return
        yield from _too_many(kind, value, path)
        for index, inner in enumerate(value):
            yield from _misfits(kind.item_type, inner, (*path, index), rule)
    elif isinstance(kind, inspect.LiteralType):
        if type(value) not in {type(one) for one in kind.values} or value not in kind.values:
            similar = closest(value, [str(one) for one in kind.values]) if isinstance(value, str) else None
            words = ", ".join(str(one) for one in kind.values)
            yield Misfit(
                path, f"it is {value!r}", f"did you mean {similar!r}?" if similar else f"it is one of: {words}"
            )
    elif not isinstance(kind, inspect.AnyType):
        yield from _of_scalar(kind, value, path, rule)


def _of_struct(kind: inspect.StructType, value: Any, path: Path) -> Iterator[Misfit]:  # Any: plain data
    if not isinstance(value, Mapping):
        yield _wrong(value, path, "a table")
        return
    fields = {field.encode_name: field for field in kind.fields}
    right = True
    for key, inner in value.items():
        if key in fields:
            found = list(_misfits(fields[key].type, inner, (*path, key)))
            right = right and not found
            yield from found
            continue
        right = False
        similar = closest(str(key), fields)
        hint = f"did you mean {similar!r}?" if similar else f"there is: {', '.join(sorted(fields))}"
        yield Misfit((*path, str(key)), _UNKNOWN, hint)
    for name, field in fields.items():
        if field.required and name not in value:
            right = False
            yield Misfit((*path, name), "it is missing", "it has no default: write it")
    if right and hasattr(kind.cls, "__post_init__"):
        try:
            msgspec.convert(value, kind.cls)
        except msgspec.ValidationError as cause:  # a rule of the Struct's own
            yield Misfit(path, str(cause))


def _of_union(kind: inspect.UnionType, value: Any, path: Path, rule: str) -> Iterator[Misfit]:  # Any: plain data
    others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
    if len(others) == 1:
        if value is not None:
            yield from _misfits(others[0], value, path, rule)
        return
    best: list[Misfit] | None = None
    for one in kind.types:
        found = list(_misfits(one, value, path, rule))
        if not found:
            return
        deeper = any(len(misfit.path) > len(path) for misfit in found)
        if best is None or deeper or (not _speaks_of(best[0]) and _speaks_of(found[0])):
            best = found
    kinds = [_name(one) for one in kind.types]
    if best is not None and (_speaks_of(best[0]) or len(best[0].path) > len(path)):
        yield from best
    else:
        yield _wrong(value, path, " or ".join(name for name in kinds if name != "nothing"), rule)


def _speaks_of(misfit: Misfit) -> bool:
    """Tell whether a misfit is about a value of the right type."""
    return ", not " not in misfit.problem


_SCALARS: dict[type, tuple[type, ...]] = {
    inspect.StrType: (str,),
    inspect.IntType: (int,),
    inspect.FloatType: (int, float),
    inspect.BoolType: (bool,),
    inspect.NoneType: (type(None),),
}


def _of_scalar(kind: inspect.Type, value: Any, path: Path, rule: str) -> Iterator[Misfit]:  # Any: plain data
    expected = _SCALARS.get(type(kind), ())
    if type(value) not in expected:
        yield _wrong(value, path, _name(kind), rule)
    elif isinstance(kind, inspect.StrType):
        if kind.pattern is not None and not re.search(kind.pattern, value):
            yield Misfit(path, f"it is {value!r}", f"it is {rule}" if rule else f"it matches {kind.pattern}")
        elif kind.max_length is not None and len(value) > kind.max_length:
            yield Misfit(path, f"it has {len(value)} characters", f"at most {kind.max_length} are possible")
        elif kind.min_length is not None and len(value) < kind.min_length:
            yield Misfit(path, "it is empty", f"it is {rule}" if rule else "write it, or leave the key out")
    elif isinstance(kind, (inspect.IntType, inspect.FloatType)):
        low, above, high = kind.ge, kind.gt, kind.le
        bounds = [f"at least {_plain(low)}"] * (low is not None) + [f"more than {_plain(above)}"] * (above is not None)
        bounds += [f"at most {_plain(high)}"] * (high is not None)
        too_low = (low is not None and value < low) or (above is not None and value <= above)
        if too_low or (high is not None and value > high) or value != value:
            yield Misfit(path, f"it is {value!r}", f"it is {' and '.join(bounds)}" if bounds else "write a number")


def _too_many(kind: inspect.VarTupleType | inspect.ListType, value: Any, path: Path) -> Iterator[Misfit]:  # Any: list
    if kind.max_length is not None and len(value) > kind.max_length:
        yield Misfit(path, f"it has {len(value)} entries", f"at most {kind.max_length} are possible")
    if kind.min_length is not None and len(value) < kind.min_length:
        yield Misfit(path, "it is empty", f"it has at least {kind.min_length}")


def _wrong(value: object, path: Path, wanted: str, rule: str = "") -> Misfit:
    shown = repr(value) if isinstance(value, (str, int, float)) else ""
    got = _WORDS.get(type(value), type(value).__name__)
    hint = f"it is {rule}" if rule else f"write {wanted}"
    return Misfit(path, f"it is {got}{f' ({shown})' if shown else ''}, not {wanted}", hint)


def _plain(bound: int | float | None) -> str:
    return f"{int(bound)}" if bound is not None and float(bound).is_integer() else str(bound)


def _name(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        return _name(kind.type)
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(str(one) for one in kind.values)
    names = {
        inspect.StrType: "text", inspect.IntType: "a whole number", inspect.FloatType: "a number",
        inspect.BoolType: "true or false", inspect.NoneType: "nothing", inspect.DictType: "a table",
        inspect.StructType: "a table", inspect.VarTupleType: "a list", inspect.ListType: "a list",
    }  # fmt: skip
    return names.get(type(kind), "a value")
