"""What a resource's JSON may hold: every field's type, and whether it is required or the server's own to say.

A type is a function of a value and its place ("schedule.minutes") that returns the value as it is kept, or refuses
it with 400. What is not declared is refused: a misspelt property never disappears without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_embedded.catalog import normalize
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.server.resources import bad_request

Check = Callable[[object, str], Any]


def text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise _wrong(place, "a string", value)
    return value


def boolean(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(place, "true or false", value)
    return value


def flag(value: object, place: str) -> str:
    """A boolean that the API spells as text: "true" or "false"."""
    spelt = str(value).lower() if isinstance(value, (bool, str)) else ""
    if spelt not in {"true", "false"}:
        raise _wrong(place, '"true" or "false"', value)
    return spelt


def identifier(value: object, place: str) -> str:
    """A name as it is stored: upper case unless quoted."""
    try:
        return normalize(text(value, place))
    except SnowflakeError as error:
        raise bad_request(f"{place}: {error.message.splitlines()[-1]}") from error


def integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    def check(value: object, place: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(place, "a whole number", value)
        if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
            limits = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
            raise bad_request(f"{place} must be {limits}, not {value}")
        return value

    return check


number = integer()


def one_of(*words: str) -> Check:
    """One of these words, whatever its case; kept as it is written here."""
    spelling = {word.upper(): word for word in words}

    def check(value: object, place: str) -> str:
        known = spelling.get(text(value, place).upper())
        if known is None:
            raise bad_request(f"{place} must be one of {', '.join(words)}, not {value!r}")
        return known

    return check


def list_of(item: Check) -> Check:
    def check(value: object, place: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong(place, "a list", value)
        return [item(each, f"{place}[{index}]") for index, each in enumerate(value)]

    return check


def map_of(item: Check) -> Check:
    """An object with keys of the user's own."""

    def check(value: object, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(place, "an object", value)
        return {key: item(each, f"{place}.{key}") for key, each in value.items()}

    return check


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an object."""

    check: Check = text
    required: bool = False
    default: Any = None
    read_only: bool = False
    """The server says it; clients may send back what they fetched, and it is left out of account."""
    write_only: bool = False
    """It is kept, and never answered: a password. Where it is required, clients get an empty string."""


def required(check: Check = text) -> Field:
    return Field(check, required=True)


READ_ONLY = Field(lambda value, place: value, read_only=True)


@dataclass(frozen=True, slots=True)
class Record:
    """An object with declared fields, and no others."""

    fields: Mapping[str, Field]

    def __call__(self, value: object, place: str = "") -> dict[str, Any]:
        """Return the properties that a client may set, defaults filled in; null means: not said."""
        if not isinstance(value, dict):
            raise _wrong(place or "the request's body", "an object", value)
        inside = f"{place}." if place else ""
        for name in value:
            if name not in self.fields:
                raise bad_request(
                    f"unknown property {inside + name!r}; known here are {', '.join(sorted(self.fields))}"
                )
        properties: dict[str, Any] = {}
        for name, declared in self.fields.items():
            given = value.get(name)
            if declared.read_only:
                continue
            if given is not None:
                properties[name] = declared.check(given, inside + name)
            elif declared.required:
                raise bad_request(f"property {inside + name!r} is missing")
            else:
                properties[name] = declared.default
        return properties

    def fields_for(self, properties: Mapping[str, Any]) -> Mapping[str, Field]:
        """Return the fields that an object with these properties has."""
        del properties
        return self.fields

    def every_field(self) -> Mapping[str, Field]:
        """Return all fields that an object may have."""
        return self.fields


@dataclass(frozen=True, slots=True)
class Union:
    """An object whose tag says which fields it has: `{"type": "PASSWORD", "username": ..., "password": ...}`."""

    tag: str
    variants: Mapping[str, Mapping[str, Field]]
    shared: Mapping[str, Field] = field(default_factory=dict)

    def __call__(self, value: object, place: str = "") -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(place or "the request's body", "an object", value)
        where = f"{place}.{self.tag}" if place else self.tag
        if self.tag not in value:
            raise bad_request(f"property {where!r} is missing: it says which of {', '.join(self.variants)} this is")
        tagged = one_of(*self.variants)(value[self.tag], where)
        return Record(self.fields_for({self.tag: tagged}))({**value, self.tag: tagged}, place)

    def fields_for(self, properties: Mapping[str, Any]) -> Mapping[str, Field]:
        """Return the fields that an object with these properties has."""
        tagged = properties[self.tag]
        return {**self.shared, self.tag: required(one_of(tagged)), **self.variants[tagged]}

    def every_field(self) -> Mapping[str, Field]:
        """Return the fields of all variants."""
        every = dict(self.shared)
        for fields in self.variants.values():
            every.update(fields)
        return {**every, self.tag: required(one_of(*self.variants))}


def _wrong(place: str, wanted: str, value: object) -> SnowflakeError:
    return bad_request(f"{place} must be {wanted}, not {value!r:.80}")
