"""Plain values as JSON: what comes back equals what went in, or it is refused where it was written."""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as some

from mlops.datasets.plain import decode_plain, encode_plain
from mlops.datasets.serializer import UnstorableError


class Color(Enum):
    RED = 1
    GREEN = "green"


class Access(Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: float
    y: float


@dataclass(frozen=True)
class Score:
    name: str
    values: tuple[float, ...] = ()
    at: Point | None = None


@dataclass
class Counted:
    """Its constructor counts, so building it again would change it."""

    count: int
    twice: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.count += 1
        self.twice = self.count * 2


ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]

aware = some.datetimes(timezones=some.sampled_from([timezone.utc, timezone(timedelta(hours=5, minutes=30))]))
zoned = some.datetimes(timezones=some.sampled_from(ZONES).map(ZoneInfo), allow_imaginary=True)
texts = some.text(some.characters(exclude_categories=["Cs"]))
numpy_scalars = some.one_of(
    some.floats(width=32).map(numpy.float32),
    some.floats().map(numpy.float64),
    some.integers(-(2**63), 2**63 - 1).map(numpy.int64),
    some.integers(0, 255).map(numpy.uint8),
    some.booleans().map(numpy.bool_),
    some.integers(-(2**60), 2**60).map(lambda number: numpy.datetime64(number, "us")),
    some.integers(-(2**60), 2**60).map(lambda number: numpy.timedelta64(number, "ms")),
)
hashable = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(allow_nan=False),
    texts,
    some.binary(),
    some.dates(),
    some.datetimes(),
    aware,
    zoned,
    some.times(),
    some.timedeltas(),
    some.decimals(allow_nan=False),
    some.sampled_from(Color),
    some.builds(Point, some.floats(allow_nan=False), some.floats(allow_nan=False)),
)
leaves = some.one_of(
    hashable,
    some.integers(-(10**5000), 10**5000),
    some.floats(),
    some.complex_numbers(),
    some.decimals(),
    numpy_scalars,
    some.builds(Score, texts, some.lists(some.floats(allow_nan=False)).map(tuple)),
)
values = some.recursive(
    leaves,
    lambda inner: some.one_of(
        some.lists(inner),
        some.lists(inner).map(tuple),
        some.dictionaries(texts, inner),
        some.dictionaries(some.sampled_from(["$tuple", "$float", "$dict", "$", "a"]), inner),
        some.dictionaries(hashable, inner),
        some.sets(hashable),
        some.frozensets(hashable),
    ),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Say whether two values are equal in every part, types and NaN included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        pairs = zip(one.items(), other.items(), strict=False)
        return len(one) == len(other) and all(same(a, c) and same(b, d) for (a, b), (c, d) in pairs)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, datetime):
        return repr(one) == repr(other) and one.utcoffset() == other.utcoffset()
    if isinstance(one, Decimal):  # a signalling NaN cannot be compared
        return repr(one) == repr(other)
    if isinstance(one, (set, frozenset)):
        return sorted(map(repr, one)) == sorted(map(repr, other))
    return bool(one == other) or repr(one) == repr(other)


@given(values)
def test_every_plain_value_comes_back_equal_with_its_types(value: object) -> None:
    assert same(decode_plain(encode_plain(value)), value)


@given(values)
def test_the_file_is_json_that_any_reader_takes(value: object) -> None:
    data = encode_plain(value)

    assert data.endswith(b"\n")
    if b"$int" not in data:
        json.loads(data, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@given(values)
def test_a_value_that_came_back_is_written_as_the_same_bytes(value: object) -> None:
    first = encode_plain(value)

    assert encode_plain(decode_plain(first)) == first


def test_equal_sets_are_written_as_equal_bytes() -> None:
    forward = {f"customer {number}" for number in range(100)}
    backward = {f"customer {number}" for number in reversed(range(100))}

    assert encode_plain(forward) == encode_plain(backward)


def test_what_json_has_is_written_as_json_has_it() -> None:
    value = {"auc": 0.87, "classes": ["no", "yes"], "rows": 7043, "größe": None, "ok": True}

    assert encode_plain(value).decode() == (
        '{"auc": 0.87, "classes": ["no", "yes"], "rows": 7043, "größe": null, "ok": true}\n'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, 2), '{"$tuple": [1, 2]}'),
        ({1: "a"}, '{"$dict": [[1, "a"]]}'),
        (float("-inf"), '{"$float": "-inf"}'),
        (Decimal("1.10"), '{"$decimal": "1.10"}'),
        (date(2024, 5, 1), '{"$date": "2024-05-01"}'),
        ({3, 1, 2}, '{"$set": [1, 2, 3]}'),
        ({"$tuple": 1}, '{"$dict": [["$tuple", 1]]}'),
    ],
)
def test_what_json_has_not_is_written_as_a_person_reads_it(value: object, text: str) -> None:
    assert encode_plain(value).decode().strip() == text


def test_a_time_in_the_repeated_hour_keeps_which_of_the_two_it_is() -> None:
    second = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)

    back = decode_plain(encode_plain(second))

    assert back.fold == 1
    assert back.utcoffset() == timedelta(hours=1)


def test_a_time_of_day_keeps_its_zone() -> None:
    noon = time(12, tzinfo=ZoneInfo("Asia/Kathmandu"))

    assert decode_plain(encode_plain(noon)) == noon


def test_a_dataclass_comes_back_without_running_its_constructor_again() -> None:
    once = Counted(1)

    back = decode_plain(encode_plain(once))

    assert (back.count, back.twice) == (2, 4)


def test_a_tag_of_another_program_is_left_as_it_is() -> None:
    assert decode_plain(b'{"schema": {"$ref": "#/definitions/row"}}') == {"schema": {"$ref": "#/definitions/row"}}


@pytest.mark.parametrize(
    ("value", "place", "hint"),
    [
        ({"a": [1, object()]}, "value['a'][1]", "plain value"),
        (OrderedDict(a=1), "value is a collections.OrderedDict", "dict"),
        (defaultdict(int), "collections.defaultdict", "dict"),
        ({"last": pandas.Timestamp("2024")}, "value['last']", "to_pydatetime"),
        ({"x": numpy.arange(3)}, "value['x'] is a numpy.ndarray", "dataset of its own"),
        ((Access.READ | Access.WRITE,), "value[0]", None),
        ({10**5000: object()}, "value[…] is a object", "plain value"),
        ([numpy.longdouble(1)], "value[0]", "plain value"),
        ({"text": "half \ud800"}, "surrogate", "repair"),
    ],
)
def test_what_would_come_back_changed_is_refused_with_its_place(value: object, place: str, hint: str | None) -> None:
    with pytest.raises(UnstorableError) as caught:
        encode_plain(value)

    assert place in caught.value.problem
    assert (hint or "") in (caught.value.hint or "")


def test_a_class_that_nobody_can_import_is_refused() -> None:
    @dataclass
    class Local:
        x: int = 1

    with pytest.raises(UnstorableError, match="cannot be imported") as caught:
        encode_plain([Local()])

    assert "top level of a module" in (caught.value.hint or "")


def test_a_dataclass_with_more_than_its_fields_is_refused() -> None:
    counted = Counted(1)
    counted.extra = 3  # type: ignore[attr-defined]  # that is the point

    with pytest.raises(UnstorableError, match="extra"):
        encode_plain(counted)


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(UnstorableError, match="holds itself"):
        encode_plain(endless)


@pytest.mark.parametrize("data", [b"", b"{", b"[1, 2", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(UnstorableError, match="no JSON"):
        decode_plain(data)
