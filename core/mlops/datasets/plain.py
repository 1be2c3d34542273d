"""Plain values as JSON that a person can read, and that comes back equal to what went in, types included.

``plain_encoding`` says how what JSON has not is written.
"""

from __future__ import annotations

from json import JSONDecodeError, JSONDecoder

from mlops.datasets.plain_decoding import from_tree
from mlops.datasets.plain_encoding import Tree, to_json, to_tree
from mlops.datasets.serializer import NO_FACTS, BytesSerializer, Facts, UnstorableError


class JsonSerializer(BytesSerializer):
    """Plain values: numbers, texts, lists, dicts, tuples, sets, dates, Decimal, Enum, dataclasses."""

    name = "json"
    extension = ".json"
    types = (
        *(f"builtins.{name}" for name in ("NoneType", "bool", "int", "float", "complex", "str")),
        *(f"builtins.{name}" for name in ("list", "tuple", "dict", "set", "frozenset")),
        *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta")),
        *(f"collections.abc.{name}" for name in ("Mapping", "MutableMapping", "Sequence", "MutableSequence", "Set")),
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
        return (to_json(to_tree(value)) + "\n").encode("utf-8")
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


_FROM_JSON = JSONDecoder()
