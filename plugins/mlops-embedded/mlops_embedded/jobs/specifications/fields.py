"""Strict reading of YAML: every value is taken by name and type, what nobody took is refused.

Every refusal names the field's path, such as `spec.containers[0].resources.limits.memory`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml

T = TypeVar("T")


class SpecificationError(ValueError):
    """A specification that Snowflake would refuse: where, and why."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}" if path else reason)


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, where YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        del deep  # always deep: a specification has no recursive anchors
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in mapping:
                raise SpecificationError("", f"line {key_node.start_mark.line + 1}: {key!r} is given twice")
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping


def load_yaml(text: str) -> Any:
    """Return the document of a YAML text.

    Raises:
        SpecificationError: it is no YAML, or a mapping gives one key twice.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise SpecificationError("", f"not valid YAML: {' '.join(str(error).split())}") from error


class Fields:
    """One mapping of the document, whose fields are taken one by one; `done()` refuses the rest."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise SpecificationError(path, f"must be a mapping, not {_kind(value)}")
        self.path = path
        self._values: dict[Any, Any] = value
        self._known: set[str] = set()

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        return name in self._values

    def refuse(self, name: str, reason: str) -> SpecificationError:
        return SpecificationError(self.at(name), reason)

    def take(self, name: str, read: Callable[[Any, str], T], default: T | None = None) -> T | None:
        """Return the field as `read(value, path)` makes it, or the default if it is not there."""
        self._known.add(name)
        if name not in self._values:
            return default
        return read(self._values[name], self.at(name))

    def need(self, name: str, read: Callable[[Any, str], T]) -> T:
        """Return the field, which must be there."""
        self._known.add(name)
        if name not in self._values:
            raise self.refuse(name, "is missing")
        return read(self._values[name], self.at(name))

    def done(self) -> None:
        """Refuse the first field that nobody took."""
        for name in self._values:
            if name not in self._known:
                close = get_close_matches(str(name), sorted(self._known), n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(self._known))}"
                raise self.refuse(str(name), f"is not a field of a service specification; {hint}")


def text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise SpecificationError(path, f"must be a string, not {_kind(value)}")
    if not value:
        raise SpecificationError(path, "must not be empty")
    return value


def flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise SpecificationError(path, f"must be true or false, not {_kind(value)}")
    return value


def whole_number(minimum: int, maximum: int) -> Callable[[object, str], int]:
    def read(value: object, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise SpecificationError(path, f"must be a whole number, not {_kind(value)}")
        if not minimum <= value <= maximum:
            raise SpecificationError(path, f"must be from {minimum} to {maximum}, not {value}")
        return value

    return read


def one_of(*words: str) -> Callable[[object, str], str]:
    def read(value: object, path: str) -> str:
        if value not in words:
            raise SpecificationError(path, f"must be one of {', '.join(words)}, not {value!r}")
        return str(value)

    return read


def matching(pattern: str, rule: str) -> Callable[[object, str], str]:
    """Read a string that the pattern matches as a whole; `rule` says in words what it must be."""

    def read(value: object, path: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise SpecificationError(path, f"must be {rule}, not {value!r}")
        return value

    return read


def list_of(read: Callable[[Any, str], T], *, at_most: int | None = None) -> Callable[[object, str], tuple[T, ...]]:
    def read_list(value: object, path: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise SpecificationError(path, f"must be a list, not {_kind(value)}")
        if at_most is not None and len(value) > at_most:
            raise SpecificationError(path, f"has {len(value)} entries, Snowflake takes at most {at_most}")
        return tuple(read(item, f"{path}[{index}]") for index, item in enumerate(value))

    return read_list


def strings_by_name(value: object, path: str) -> dict[str, str]:
    """Read a map of names to scalars, which become strings as YAML writes them."""
    fields = Fields(value, path)
    return dict(_scalars(fields))


def _scalars(fields: Fields) -> Iterator[tuple[str, str]]:
    for name, value in fields._values.items():
        if not isinstance(name, str) or not name:
            raise SpecificationError(fields.path, f"the name {name!r} must be a string")
        if isinstance(value, bool):
            yield name, "true" if value else "false"
        elif isinstance(value, (str, int, float)):
            yield name, str(value)
        else:
            raise SpecificationError(fields.at(name), f"must be a string or number, not {_kind(value)}")


def refuse_repeats(names: tuple[str, ...], path: str) -> None:
    """Refuse a list in which two entries have one name."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise SpecificationError(
                f"{path}[{index}].name", f"{name!r} is the name of {path}[{names.index(name)}] too"
            )


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    words = {
        dict: "a mapping",
        list: "a list",
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return words.get(type(value), type(value).__name__)
